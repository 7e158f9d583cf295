package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCredentialOf: the device has precedence over its group, the group over the site, and the
// site over the default.
func TestCredentialOf(t *testing.T) {
	all := Credentials{Default: "all", Groups: map[string]string{"core": "c"}, Sites: map[string]string{"ams": "a"}}
	for _, c := range []struct {
		of                     Credentials
		own, group, site, want string
	}{
		{all, "mine", "core", "ams", "mine"},
		{all, "", "core", "ams", "c"},
		{all, "", "core", "", "c"},
		{all, "", "edge", "ams", "a"},
		{all, "", "", "ams", "a"},
		{all, "", "ams", "core", "all"}, // a site is no group
		{all, "", "", "", "all"},
		{Credentials{Groups: map[string]string{"core": "c"}}, "", "edge", "", ""},
		{Credentials{Groups: map[string]string{"": "c"}, Sites: map[string]string{"": "a"}}, "", "", "", ""},
		{Credentials{}, "mine", "", "", "mine"},
		{Credentials{}, "", "core", "ams", ""},
	} {
		if got := c.of.Of(c.own, c.group, c.site); got != c.want {
			t.Errorf("own %q, group %q, site %q: %q; want %q", c.own, c.group, c.site, got, c.want)
		}
	}
	for name, want := range map[string]string{"all": "default", "c": "groups.core", "a": "sites.ams", "mine": ""} {
		if got := all.Uses(name); got != want {
			t.Errorf("%s is used by %q; want %q", name, got, want)
		}
	}
}

func TestCredentials(t *testing.T) {
	c, _, err := loadText(t, "credentials:\n  default: access\n  groups: {core: core-login}\n  sites:\n    ams: ams-login\n")
	want := Credentials{Default: "access", Groups: map[string]string{"core": "core-login"}, Sites: map[string]string{"ams": "ams-login"}}
	if diff := cmp.Diff(want, c.Credentials); diff != "" || err != nil {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
	for text, want := range map[string]string{
		"credentials:\n  groups: [core]\n":       "expected a mapping here",
		"credentials:\n  groups: {core: }\n":     "expected the name of a credential here",
		"credentials:\n  sites: {ams: [a, b]}\n": "expected a single plain value here",
		"credentials:\n  group: {core: x}\n":     "unknown key",
	} {
		_, _, err := loadText(t, text)
		var e *Error
		if !errors.As(err, &e) || e.Line != 2 || !strings.Contains(e.Problem, want) {
			t.Errorf("%q: error %v; want %q", text, err, want)
		}
	}
}
