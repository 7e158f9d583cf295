//go:build slow

package ios_test

const disturbedCopies = 10_000
