package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestInventory(t *testing.T) {
	c, _, err := loadText(t, `inventory:
  - source: /var/lib/rancid/core/router.db
  - {source: "https://netbox.example.net/switches.csv?site=hq", format: csv, map: "name=Hostname,address=Mgmt IP", schedule: daily 01:00, prune: true, token-file: /etc/token, credential: access}
  - {source: "https://netbox.example.net/?site=hq", format: netbox, token-credential: netbox}
  - {source: /etc/ansible/hosts, format: ansible}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Inventory{
		{Source: "/var/lib/rancid/core/router.db", Schedule: every("every 1h")},
		{Source: "https://netbox.example.net/switches.csv?site=hq", Format: "csv", Map: "name=Hostname,address=Mgmt IP", Schedule: every("daily 01:00"), Prune: true,
			TokenFile: "/etc/token", Credential: "access"},
		{Source: "https://netbox.example.net/?site=hq", Format: "netbox", Schedule: every("every 1h"), TokenCredential: "netbox"},
		{Source: "/etc/ansible/hosts", Format: "ansible", Schedule: every("every 1h")},
	}
	if diff := cmp.Diff(want, c.Inventory, addresses); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if i, ok := c.List("/var/lib/rancid/core/router.db"); !ok || i.Prune {
		t.Errorf("%+v, %v", i, ok)
	}
	if i, ok := c.List("/var/lib/rancid"); ok {
		t.Errorf("%+v", i)
	}
}

func TestBadInventory(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"no list":             {"inventory:\n  source: /x.csv\n", "expected a list"},
		"unknown key":         {"inventory:\n  - source: /x.csv\n    every: 1h\n", "unknown key; valid names: source, format"},
		"no source":           {"inventory:\n  - prune: true\n", "no place"},
		"relative source":     {"inventory:\n  - source: x.csv\n", "is not an absolute path"},
		"password in the URL": {"inventory:\n  - source: https://me:secret@host/x.csv\n", "use token-file"},
		"no host":             {"inventory:\n  - source: https:///x.csv\n", "not a URL of a web server"},
		"other format":        {"inventory:\n  - {source: /x, format: xls}\n", "is not one of csv, router.db, ansible, netbox"},
		"bad schedule":        {"inventory:\n  - {source: /x.csv, schedule: often}\n", "unknown form"},
		"prune":               {"inventory:\n  - {source: /x.csv, prune: sometimes}\n", "is not true or false"},
		"source twice":        {"inventory:\n  - source: /x.csv\n  - source: /x.csv\n", "two lists have the source"},
		"token in clear":      {"inventory:\n  - {source: \"http://host/x.csv\", token-file: /t}\n", "https alone"},
		"token of a file":     {"inventory:\n  - {source: /x.csv, token-file: /t}\n", "https alone"},
		"two tokens":          {"inventory:\n  - {source: \"https://host/x.csv\", token-file: /t, token-credential: x}\n", "the token comes from one place"},
		"credential in clear": {"inventory:\n  - {source: \"http://host/x.csv\", token-credential: x}\n", "https alone"},
		"netbox in a file":    {"inventory:\n  - {source: /etc/netbox, format: netbox}\n", "the URL of its server"},
		"relative token-file": {"inventory:\n  - {source: \"https://host/x.csv\", token-file: t}\n", "is not an absolute path"},
	} {
		_, _, err := loadText(t, test.text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
}
