package vault

import (
	"regexp"
	"strings"
	"testing"
)

// TestNames compares the functions that accept parts of keys with what they mean.
func TestNames(t *testing.T) {
	id := "20261122T141503Z-sw1.a_B-k3f9"
	seeds := []string{id, strings.Replace(id, "sw1", strings.Repeat("x", 57), 1), strings.Replace(id, "sw1.a_B", "", 1), "ab", "2026", "01", "12", "x" + strings.Repeat("y", 191), ""}
	for _, test := range []struct {
		accept func(string) bool
		means  string
	}{
		{isID, `^[0-9]{4}(0[1-9]|1[0-2])[0-9]{2}T[0-9]{6}Z-[A-Za-z0-9._-]{1,64}-[a-z0-9]{4}$`},
		{isPrefix, `^[0-9a-f]{2}$`},
		{isYear, `^[0-9]{4}$`},
		{isMonth, `^(0[1-9]|1[0-2])$`},
		{isFileName, `^[A-Za-z0-9_-][A-Za-z0-9._-]{0,191}$`},
	} {
		want := regexp.MustCompile(test.means)
		check := func(s string) {
			if test.accept(s) != want.MatchString(s) {
				t.Errorf("%s: accepts %q: %v", test.means, s, !want.MatchString(s))
			}
		}
		for _, seed := range seeds {
			check(seed)
			check(seed + "x")
			for i := range seed {
				check(seed[:i] + seed[i+1:])
				for _, c := range "0129azZTtG.-_/ \n\x00ü" {
					check(seed[:i] + string(c) + seed[i+1:])
				}
			}
		}
	}
}
