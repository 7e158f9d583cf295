package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"flashwarden/internal/schedule"
)

// inventorySection is a list, so it has no environment variables.
const inventorySection = "inventory"

// Inventory is one item of the list inventory: a list of devices that the service reads again
// and again.
type Inventory struct {
	Source     string            // an absolute path, or a URL of a web server
	Format     string            // csv, router.db, ansible or netbox; empty: by the name of the source
	Map        string            // SETTING=COLUMN,…
	Schedule   schedule.Schedule // when the service reads it
	Prune      bool              // devices that came from this list, and are no longer in it, are removed
	TokenFile  string            // has the token for the web server in its first line; empty: none
	Credential string            // of new devices

	// TokenCredential is the credential whose password is the token; empty: none.
	TokenCredential string
}

var inventoryKeyNames = []string{"source", "format", "map", "schedule", "prune", "token-file", "token-credential", "credential"}

// inventoryKeys sets the keys of one list.
var inventoryKeys = map[string]func(i *Inventory, v string) error{
	"source": func(i *Inventory, v string) (err error) { i.Source, err = listPlace(v); return },
	"format": func(i *Inventory, v string) (err error) {
		i.Format, err = oneOf(v, "csv", "router.db", "ansible", "netbox")
		return
	},
	"map":        func(i *Inventory, v string) error { i.Map = v; return nil },
	"schedule":   func(i *Inventory, v string) (err error) { i.Schedule, err = schedule.Parse(v); return },
	"prune":      func(i *Inventory, v string) (err error) { i.Prune, err = yesOrNo(v); return },
	"token-file": func(i *Inventory, v string) (err error) { i.TokenFile, err = absolute(v); return },
	"credential": func(i *Inventory, v string) error { i.Credential = v; return nil },

	"token-credential": func(i *Inventory, v string) error { i.TokenCredential = v; return nil },
}

// inventory reads the lists of devices.
func (s source) inventory(c *Config, body ast.Node) error {
	return s.items(body, inventorySection, func(item ast.Node) error {
		i := Inventory{Schedule: mustSchedule("every 1h")}
		err := s.item(item, inventorySection, inventoryKeyNames, func(key, value string) error { return inventoryKeys[key](&i, value) })
		at := func(problem string) error { return s.at(item.GetToken(), inventorySection, problem) }
		switch {
		case err != nil:
		case i.Source == "":
			err = at("the list has no place: add the key source, with a file or a URL")
		case slices.ContainsFunc(c.Inventory, func(o Inventory) bool { return o.Source == i.Source }):
			err = at(fmt.Sprintf("two lists have the source %q", i.Source))
		case i.TokenFile != "" && i.TokenCredential != "":
			err = at("the token comes from one place: give token-file or token-credential")
		case i.TokenFile+i.TokenCredential != "" && !strings.HasPrefix(i.Source, "https://"):
			err = at("a token is sent to a server with https alone")
		case i.Format == "netbox" && !strings.Contains(i.Source, "://"):
			err = at("the source of netbox is the URL of its server")
		}
		c.Inventory = append(c.Inventory, i)
		return err
	})
}

// List returns the list of devices with this source.
func (c Config) List(from string) (Inventory, bool) {
	i := slices.IndexFunc(c.Inventory, func(i Inventory) bool { return i.Source == from })
	if i < 0 {
		return Inventory{}, false
	}
	return c.Inventory[i], true
}

// listPlace reads an absolute path, or a URL of a web server.
func listPlace(v string) (string, error) {
	if !strings.HasPrefix(v, "http://") && !strings.HasPrefix(v, "https://") {
		return absolute(v)
	}
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Host == "":
		return "", fmt.Errorf("%q is not a URL of a web server", v)
	case u.User != nil:
		return "", errors.New("the URL has a user name or a password, which everybody who reads this file would see: use token-file")
	}
	return v, nil
}

func yesOrNo(v string) (bool, error) {
	switch v {
	case "true", "yes":
		return true, nil
	case "false", "no":
		return false, nil
	}
	return false, fmt.Errorf("%q is not true or false", v)
}
