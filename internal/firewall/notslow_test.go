//go:build !slow

package firewall

// slow lets the tests that wait for long run, as `make test` does.
const slow = false
