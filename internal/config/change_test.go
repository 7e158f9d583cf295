package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestChange sets keys in texts, and wants all other lines as they were.
func TestChange(t *testing.T) {
	listen, daily := Value{"tftp.listen", "192.0.2.5:69"}, Value{"schedule.backup", "daily 03:00"}
	for _, c := range []struct {
		name, text string
		values     []Value
		want       string
	}{
		{"an empty file", "", []Value{listen}, "tftp:\n  listen: \"192.0.2.5:69\"\n"},
		{"another section", "web: {listen: \"\"} # none\n", []Value{listen, daily},
			"web: {listen: \"\"} # none\ntftp:\n  listen: \"192.0.2.5:69\"\nschedule:\n  backup: \"daily 03:00\"\n"},
		{"another key", "tftp:\n    # ours\n    port-range: 2000:2010\nvault: /srv/vault\n", []Value{listen},
			"tftp:\n    listen: \"192.0.2.5:69\"\n    # ours\n    port-range: 2000:2010\nvault: /srv/vault\n"},
		{"the key", "tftp:\n  listen: :6969   # not root\nssh:\n  unknown-hosts: ask\n", []Value{listen},
			"tftp:\n  listen: \"192.0.2.5:69\"   # not root\nssh:\n  unknown-hosts: ask\n"},
		{"a comment", "#tftp:\n#  advertise: \"\"  # this host\n#  listen: \":69\"  # UDP\n#web:\n#  listen: \"\"\n", []Value{listen},
			"tftp:\n#  advertise: \"\"  # this host\n  listen: \"192.0.2.5:69\"  # UDP\n#web:\n#  listen: \"\"\n"},
		{"no section", "#vault: \"\"  # here\n", []Value{{"vault", "/srv/vault"}}, "vault: \"/srv/vault\"  # here\n"},
		{"twice", "tftp:\n  listen: \"192.0.2.5:69\"\n", []Value{listen}, "tftp:\n  listen: \"192.0.2.5:69\"\n"},
	} {
		got, err := Change("f.yaml", []byte(c.text), c.values)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: error %v, got\n%s\nwant\n%s", c.name, err, got, c.want)
		}
	}
}

// TestChangeRefuses has files that it cannot change without a doubt.
func TestChangeRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text  string
		value Value
		want  string
	}{
		"one line":      {"tftp: {listen: \":6969\"}\n", Value{"tftp.advertise", "192.0.2.5"}, "by hand"},
		"a wrong file":  {"tftp:\n  lisen: x\n", Value{"tftp.advertise", "192.0.2.5"}, "f.yaml:2:3"},
		"a wrong value": {"", Value{"tftp.advertise", "here"}, "tftp.advertise"},
		"no TLS":        {"", Value{"web.listen", ":8480"}, "needs TLS"},
		"no such key":   {"", Value{"tftp.x", "1"}, "tftp.x: no such setting"},
	} {
		if got, err := Change("f.yaml", []byte(c.text), []Value{c.value}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q; text\n%s", name, err, c.want, got)
		}
	}
}

// TestStarter sets every key of its comments in Starter, and reads the result as a service does.
func TestStarter(t *testing.T) {
	values := []Value{{"tftp.advertise", "192.0.2.5"}, {"backup.parallel", "4"}, {"schedule.spread", "1h"}, {"vault", "/srv/vault"}, {"web.listen", ""}}
	text, err := Change("f.yaml", Starter, values)
	if err != nil {
		t.Fatal(err)
	}
	if before, after := strings.Count(string(Starter), "\n"), strings.Count(string(text), "\n"); before != after {
		t.Errorf("%d lines became %d:\n%s", before, after, text)
	}
	file := filepath.Join(t.TempDir(), "f.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(file, nil)
	if err != nil || c.TFTP.Advertise.String() != "192.0.2.5" || c.Backup.Parallel != 4 || c.Vault != "/srv/vault" || c.Web.Listen != "" {
		t.Errorf("error %v, read %+v from\n%s", err, c, text)
	}
}
