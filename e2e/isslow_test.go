//go:build slow

package e2e

const slow = true
