//go:build slow

package restore_test

const slow = true
