package catalogtest

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"flashwarden/internal/catalog"
)

// testHostKeys pins keys by host and route.
func testHostKeys(t *testing.T, create New) {
	open := create(t)
	c, ctx := open(t), t.Context()
	want := func(host, via string, keys ...string) {
		t.Helper()
		if got, err := open(t).HostKeys(ctx, host, via); err != nil || !slices.Equal(got, keys) {
			t.Errorf("%s through %q: %v, error %v; want %v", host, via, got, err, keys)
		}
	}
	want("10.0.0.1", "")
	for _, p := range [][4]string{{"10.0.0.1", "", "a", "a"}, {"10.0.0.1", "jump", "b", "b"}, {"10.0.0.1", "", "c", "a"}} {
		if got, err := c.PinHostKey(ctx, p[0], p[1], p[2]); err != nil || !slices.Equal(got, []string{p[3]}) {
			t.Errorf("pin %q: %v, error %v", p, got, err)
		}
	}
	if err := c.ImportHostKeys(ctx, catalog.KeysOfHost{Host: "10.0.0.1", Keys: []string{"x"}}, catalog.KeysOfHost{Host: "sw2", Keys: []string{"z", "y", "z"}}); err != nil {
		t.Fatal(err)
	}
	want("10.0.0.1", "", "a")
	want("10.0.0.1", "jump", "b")
	want("sw2", "", "y", "z")
	if err := c.SetHostKeys(ctx, catalog.KeysOfHost{Host: "sw2"}, catalog.KeysOfHost{Host: "10.0.0.1", Via: "jump", Keys: []string{"d"}}); err != nil {
		t.Fatal(err)
	}
	want("sw2", "")
	want("10.0.0.1", "", "a")
	want("10.0.0.1", "jump", "d")
	if err := c.SetHostKeys(ctx); err != nil {
		t.Error(err)
	}
}

// testFirstHostKey pins two first keys of a host at once. One of them wins for both.
func testFirstHostKey(t *testing.T, create New) {
	open := create(t)
	var pinned [2][]string
	var all sync.WaitGroup
	for i := range pinned {
		c := open(t)
		all.Go(func() {
			var err error
			if pinned[i], err = c.PinHostKey(t.Context(), "sw1", "", fmt.Sprint("key ", i)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if len(pinned[0]) != 1 || !slices.Equal(pinned[0], pinned[1]) {
		t.Errorf("pinned %v", pinned)
	}
}
