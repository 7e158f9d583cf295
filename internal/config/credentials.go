package config

import (
	"errors"

	"github.com/goccy/go-yaml/ast"
)

// Credentials is the section credentials: which credential a device uses that has no login of
// its own. All are names of credentials.
type Credentials struct {
	Default string            // of all other devices; empty: none
	Groups  map[string]string // by group
	Sites   map[string]string // by site; that of the group has precedence
}

// Of returns the credential of a device: its own, that of its group, that of its site, or the
// default. Empty: it has none.
func (c Credentials) Of(own, group, site string) string {
	switch {
	case own != "":
		return own
	case group != "" && c.Groups[group] != "":
		return c.Groups[group]
	case site != "" && c.Sites[site] != "":
		return c.Sites[site]
	}
	return c.Default
}

// Uses says where the configuration names a credential: default, groups.NAME or sites.NAME. Empty:
// nowhere.
func (c Credentials) Uses(name string) string {
	if c.Default == name {
		return "default"
	}
	for _, of := range []struct {
		where string
		names map[string]string
	}{{"groups.", c.Groups}, {"sites.", c.Sites}} {
		for member, credential := range of.names {
			if credential == name {
				return of.where + member
			}
		}
	}
	return ""
}

// ownCredentials returns where the names go that credentials.groups and credentials.sites have;
// nil if this is neither of these keys. They have no environment variables.
func ownCredentials(c *Config, section, key string) *map[string]string {
	if section != "credentials" {
		return nil
	}
	return map[string]*map[string]string{"groups": &c.Credentials.Groups, "sites": &c.Credentials.Sites}[key]
}

// credentials reads a mapping of groups or sites to names of credentials.
func (s source) credentials(own *map[string]string, where string, body ast.Node) error {
	if isEmpty(body) {
		return nil
	}
	return s.each(body, where, func(name string, _, value ast.Node) error {
		credential, err := scalar(value)
		if err == nil && credential == "" {
			err = errors.New("expected the name of a credential here")
		}
		if err != nil {
			return s.at(value.GetToken(), where+"."+name, err.Error())
		}
		if *own == nil {
			*own = make(map[string]string)
		}
		(*own)[name] = credential
		return nil
	})
}
