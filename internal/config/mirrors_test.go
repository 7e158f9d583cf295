package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMirrors(t *testing.T) {
	c, _, err := loadText(t, `mirrors:
  - name: usb
    target: /mnt/usb/vault/
  - {name: offsite.1, target: "s3://backups/vault?endpoint=https://s3.example.net", schedule: weekly Sun 07:00, encrypt-to: age1x, bandwidth: 2MB, delete: never}
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []Mirror{
		{Name: "usb", Target: "/mnt/usb/vault", Schedule: every("daily 06:00")},
		{Name: "offsite.1", Target: "s3://backups/vault?endpoint=https://s3.example.net", Schedule: every("weekly Sun 07:00"), EncryptTo: "age1x", Bandwidth: 2_000_000},
	}
	if diff := cmp.Diff(want, c.Mirrors, addresses); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if m, ok := c.Mirror("offsite.1"); !ok || m.Bandwidth != 2_000_000 {
		t.Errorf("%+v, %v", m, ok)
	}
	if m, ok := c.Mirror("Usb"); ok {
		t.Errorf("%+v", m)
	}
}

func TestBadMirrors(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		line, col  int
	}{
		"no list":         {"mirrors:\n  name: usb\n", "expected a list", 2, 7},
		"unknown key":     {"mirrors:\n  - name: usb\n    limit: 3\n", "unknown key; valid names: name, target", 3, 5},
		"no name":         {"mirrors:\n  - target: /mnt\n", "no name", 2, 11},
		"no target":       {"mirrors:\n  - name: usb\n", "no place", 2, 9},
		"path as a name":  {"mirrors:\n  - name: a/b\n", "is not a name of letters", 2, 11},
		"relative target": {"mirrors:\n  - name: usb\n    target: mnt\n", "is not an absolute path", 3, 13},
		"other scheme":    {"mirrors:\n  - name: usb\n    target: ftp://nas/x\n", "is not an absolute path", 3, 13},
		"bad schedule":    {"mirrors:\n  - name: usb\n    schedule: often\n", "unknown form", 3, 15},
		"bad recipient":   {"mirrors:\n  - name: usb\n    encrypt-to: AGE-SECRET-KEY-1X\n", "begins with age1", 3, 17},
		"bad bandwidth":   {"mirrors:\n  - name: usb\n    bandwidth: fast\n", "not a size", 3, 16},
		"delete":          {"mirrors:\n  - name: usb\n    delete: always\n", "is not one of never", 3, 13},
		"name twice":      {"mirrors:\n  - {name: a, target: /a}\n  - {name: a, target: /b}\n", "two mirrors have the name", 3, 5},
		"target twice":    {"mirrors:\n  - {name: a, target: /a}\n  - {name: b, target: /a/}\n", "two mirrors have the target", 3, 5},
	} {
		_, _, err := loadText(t, test.text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || e.Line != test.line || e.Column != test.col {
			t.Errorf("%s: got %v, want %q at %d:%d", name, err, test.want, test.line, test.col)
		}
	}
}
