package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/schedule"
)

// mirrorsSection is a list, so it has no environment variables.
const mirrorsSection = "mirrors"

// Mirror is one item of the list mirrors: a copy of the vault in another place.
type Mirror struct {
	Name      string            // for commands, reasons and metrics
	Target    string            // an absolute path, sftp://USER@HOST/DIRECTORY or s3://BUCKET/PREFIX?endpoint=URL
	Schedule  schedule.Schedule // when the service copies to it
	EncryptTo string            // recipient of age, age1…; empty: the copy is not encrypted
	Bandwidth int64             // bytes per second, sent and read back; 0: no limit
}

// DeleteNever is the only value of mirrors.delete: a mirror that loses what the vault
// loses is no second copy.
const DeleteNever = "never"

var mirrorKeyNames = []string{"name", "target", "schedule", "encrypt-to", "bandwidth", "delete"}

// mirrorKeys sets the keys of one mirror.
var mirrorKeys = map[string]func(m *Mirror, v string) error{
	"name":       func(m *Mirror, v string) (err error) { m.Name, err = mirrorName(v); return },
	"target":     func(m *Mirror, v string) (err error) { m.Target, err = place(v); return },
	"schedule":   func(m *Mirror, v string) (err error) { m.Schedule, err = schedule.Parse(v); return },
	"encrypt-to": func(m *Mirror, v string) (err error) { m.EncryptTo, err = recipient(v); return },
	"bandwidth":  func(m *Mirror, v string) (err error) { m.Bandwidth, err = bandwidth(v); return },
	"delete":     func(m *Mirror, v string) error { _, err := oneOf(v, DeleteNever); return err },
}

// mirrors reads the list of mirrors.
func (s source) mirrors(c *Config, body ast.Node) error {
	return s.items(body, mirrorsSection, func(item ast.Node) error {
		m := Mirror{Schedule: mustSchedule("daily 06:00")}
		err := s.item(item, mirrorsSection, mirrorKeyNames, func(key, value string) error { return mirrorKeys[key](&m, value) })
		if err == nil {
			err = s.wantNew(c.Mirrors, m, item)
		}
		c.Mirrors = append(c.Mirrors, m)
		return err
	})
}

// wantNew wants a name and a target that no other mirror has.
func (s source) wantNew(others []Mirror, m Mirror, item ast.Node) error {
	at := func(problem string) error { return s.at(item.GetToken(), mirrorsSection, problem) }
	switch {
	case m.Name == "":
		return at("the mirror has no name: add the key name, such as offsite")
	case m.Target == "":
		return at("the mirror has no place: add the key target, with a directory or a URL of sftp or s3")
	case slices.ContainsFunc(others, func(o Mirror) bool { return o.Name == m.Name }):
		return at(fmt.Sprintf("two mirrors have the name %q", m.Name))
	case slices.ContainsFunc(others, func(o Mirror) bool { return o.Target == m.Target }):
		return at(fmt.Sprintf("two mirrors have the target %q", m.Target))
	}
	return nil
}

// Mirror returns the mirror with this name.
func (c Config) Mirror(name string) (Mirror, bool) {
	i := slices.IndexFunc(c.Mirrors, func(m Mirror) bool { return m.Name == name })
	if i < 0 {
		return Mirror{}, false
	}
	return c.Mirrors[i], true
}

var mirrorNames = lazyregexp.New(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func mirrorName(v string) (string, error) {
	if !mirrorNames.MatchString(v) {
		return "", fmt.Errorf("%q is not a name of letters, digits, dots, dashes and underscores", v)
	}
	return v, nil
}

// vaultPlace is place, or empty for the default.
func vaultPlace(v string) (string, error) {
	if v == "" {
		return "", nil
	}
	return place(v)
}

// place reads an absolute path or a URL of a store.
func place(v string) (string, error) {
	for _, scheme := range []string{"sftp://", "s3://"} {
		if strings.HasPrefix(v, scheme) && v != scheme {
			return v, nil
		}
	}
	if !filepath.IsAbs(v) {
		return "", fmt.Errorf("%q is not an absolute path, sftp://USER@HOST/DIRECTORY or s3://BUCKET/PREFIX?endpoint=https://HOST", v)
	}
	return filepath.Clean(v), nil
}

func recipient(v string) (string, error) {
	if v != "" && !strings.HasPrefix(v, "age1") {
		return "", errors.New("want a recipient of age, which begins with age1; age-keygen prints it")
	}
	return v, nil
}

func bandwidth(v string) (int64, error) {
	if v == "" || v == "0" {
		return 0, nil
	}
	return ParseSize(v)
}
