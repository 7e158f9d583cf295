//go:build !slow

package e2e

// slow lets the tests that wait for long run, as `make test` does.
const slow = false
