//go:build slow

package firewall

const slow = true
