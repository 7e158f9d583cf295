//go:build !slow

package tftp_test

// slow lets the tests with large files run, as `make test` does.
const slow = false
