package config

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReceiveRules(t *testing.T) {
	c, _, err := loadText(t, `receive:
  - from: 192.0.2.7
  - from: 2001:db8::/32
    name: "*-config-*"
    max-size: 10MB
    device: sw1
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []ReceiveRule{
		{From: netip.MustParsePrefix("192.0.2.7/32"), Name: "*", MaxSize: DefaultMaxSize},
		{From: netip.MustParsePrefix("2001:db8::/32"), Name: "*-config-*", MaxSize: 10_000_000, Device: "sw1"},
	}
	if diff := cmp.Diff(want, c.Receive, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	for _, empty := range []string{"receive:\n", "receive: []\n"} {
		if c, _, err := loadText(t, empty); err != nil || c.Receive != nil {
			t.Errorf("%q: %v, %v", empty, c.Receive, err)
		}
	}
}

func TestBadReceiveRules(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		line, col  int
	}{
		"no list":        {"receive:\n  from: 192.0.2.7\n", "expected a list", 2, 7},
		"no mapping":     {"receive:\n  - 192.0.2.7\n", "expected a mapping", 2, 5},
		"unknown key":    {"receive:\n  - from: 192.0.2.7\n    size: 3\n", "unknown key; valid names: from", 3, 5},
		"no from":        {"receive:\n  - name: x\n", "no sender", 2, 9},
		"bad from":       {"receive:\n  - from: sw1\n", "neither an address nor a network", 2, 11},
		"host bits":      {"receive:\n  - from: 192.0.2.7/24\n", "192.0.2.0/24", 2, 11},
		"bad pattern":    {"receive:\n  - from: 192.0.2.7\n    name: \"[a\"\n", "is not a valid pattern", 3, 11},
		"empty pattern":  {"receive:\n  - from: 192.0.2.7\n    name: \"\"\n", "empty", 3, 11},
		"way out":        {"receive:\n  - from: 192.0.2.7\n    name: ../*\n", "can match no name", 3, 11},
		"bad size":       {"receive:\n  - from: 192.0.2.7\n    max-size: much\n", "not a size", 3, 15},
		"negative size":  {"receive:\n  - from: 192.0.2.7\n    max-size: -1\n", "not a size", 3, 15},
		"list for value": {"receive:\n  - from: [192.0.2.7]\n", "a single plain value", 2, 11},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := loadText(t, test.text)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || e.Line != test.line || e.Column != test.col {
				t.Errorf("got %v, want %q at %d:%d", err, test.want, test.line, test.col)
			}
		})
	}
}

func TestParseSize(t *testing.T) {
	for text, want := range map[string]int64{
		"1": 1, "512B": 512, "10kB": 10_000, "10KB": 10_000, "1.5MiB": 3 << 19, "2GB": 2_000_000_000, "2 GB": 2_000_000_000, "1KiB": 1024,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "0", "-1", "GB", "1TBB", "1e3", "0x10", "NaN", "Inf", "99999999999GB", "0.5"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}
