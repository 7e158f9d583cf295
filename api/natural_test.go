package api_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"flashwarden/api"
)

func TestNaturalOrder(t *testing.T) {
	want := []string{"", "1", "2", "10", "core1", "sw", "sw1", "sw01", "sw1-a", "sw1-b", "sw2", "sw2.10", "sw17", "sw100000000000000000000", "swa", "ä"}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, api.CompareNames)
	if !slices.Equal(got, want) {
		t.Errorf("%q,\nwant %q", got, want)
	}
}

// TestNaturalOrderIsAnOrder compares any three names in all directions.
func TestNaturalOrderIsAnOrder(t *testing.T) {
	name := rapid.StringMatching(`[a0-9]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := name.Draw(t, "a"), name.Draw(t, "b"), name.Draw(t, "c")
		if api.CompareNames(a, b) != -api.CompareNames(b, a) || (api.CompareNames(a, b) == 0) != (a == b) {
			t.Errorf("%q and %q: %d and %d", a, b, api.CompareNames(a, b), api.CompareNames(b, a))
		}
		if api.CompareNames(a, b) <= 0 && api.CompareNames(b, c) <= 0 && api.CompareNames(a, c) > 0 {
			t.Errorf("%q <= %q <= %q, and %q > %q", a, b, c, a, c)
		}
	})
}
