//go:build !slow

package ios_test

const disturbedCopies = 1_000
