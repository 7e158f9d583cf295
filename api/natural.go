package api

import (
	"cmp"
	"strings"
)

// CompareNames orders names as a person would: runs of digits by their number,
// so that sw2 stands before sw17; all else by its bytes. It is a total order: it
// returns 0 only for equal names. Use it with slices.SortFunc.
func CompareNames(a, b string) int {
	x, y := a, b
	for x != "" && y != "" {
		p, q := piece(x), piece(y)
		if c := comparePieces(p, q); c != 0 {
			return c
		}
		x, y = x[len(p):], y[len(q):]
	}
	// The number of the pieces decides, then leading zeros: sw1 before sw01.
	return cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(len(a), len(b)), strings.Compare(a, b))
}

// piece is the run of digits, or of other bytes, that s begins with.
func piece(s string) string {
	n := 1
	for n < len(s) && digit(s[n]) == digit(s[0]) {
		n++
	}
	return s[:n]
}

func digit(b byte) bool { return b >= '0' && b <= '9' }

// comparePieces compares numbers of any length by their value.
func comparePieces(p, q string) int {
	if !digit(p[0]) || !digit(q[0]) {
		return strings.Compare(p, q)
	}
	p, q = strings.TrimLeft(p, "0"), strings.TrimLeft(q, "0")
	return cmp.Or(cmp.Compare(len(p), len(q)), strings.Compare(p, q))
}
