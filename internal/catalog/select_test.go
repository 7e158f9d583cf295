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
	_, err := Select("/data", all, api.Select{Names: []string{"sw1", "sw4x", "router", "SW2"}})
	const want = "no device \"sw4x\" in /data\n" +
		"no device \"router\" in /data\n" +
		"no device \"SW2\" in /data; did you mean sw2, sw1, sw3?"
	if !errors.Is(err, ErrNotFound) || err.Error() != want || cause.Hint(err) != "`flashwarden device list` shows its devices" {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
	if err := NotFound("/data", nil, "sw1"); !errors.Is(err, ErrNotFound) || !strings.Contains(cause.Hint(err), "device add sw1 --address HOST") {
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
