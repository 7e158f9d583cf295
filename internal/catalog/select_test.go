package catalog

import (
	"errors"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

func TestSimilarNames(t *testing.T) {
	all := []api.Device{{Name: "sw1"}, {Name: "sw10"}, {Name: "sw2"}, {Name: "sw3"}}
	_, err := Select(all, api.Select{Names: []string{"sw1", "sw4x", "router", "SW2"}})
	const want = "device \"sw4x\" is not in the inventory\n" +
		"device \"router\" is not in the inventory\n" +
		"device \"SW2\" is not in the inventory; did you mean sw2, sw1, sw3?"
	if !errors.Is(err, ErrNotFound) || err.Error() != want || cause.Hint(err) != "see what it has: `flashwarden device list`" {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if err := NotFound(nil, "sw1"); !errors.Is(err, ErrNotFound) || !strings.Contains(cause.Hint(err), "device add") {
		t.Errorf("error %v; want the way to add one", err)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"sw1", "sw1", 0}, {"sw1", "sw2", 1}, {"sw1", "ws1", 2}, {"core1", "core", 1}, {"kitten", "sitting", 3}} {
		if got, back := distance(test.a, test.b), distance(test.b, test.a); got != test.want || back != got {
			t.Errorf("distance(%q, %q) = %d and %d; want %d", test.a, test.b, got, back, test.want)
		}
	}
}
