//go:build !slow

package main

// slow lets the scripts run that take long, as `make test` does.
const slow = false
