//go:build !slow

package restore_test

// slow lets the tests that wait for long run, as `make test` does.
const slow = false
