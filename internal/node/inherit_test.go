package node

import (
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/vty"
)

// openWith opens a data directory in which the credentials access, core and hq exist, each with its
// own name as its password.
func openWith(t *testing.T, shared config.Credentials) *Node {
	t.Helper()
	cfg := config.Default()
	cfg.Credentials = shared
	n, err := Open(t.Context(), Options{Data: sqlitetest.Data(t), Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
	})
	user := "backup"
	for _, name := range []string{"access", "core", "hq"} {
		if _, err := n.SetCredential(t.Context(), api.CredentialChange{Name: name, Username: &user, Password: &api.Secret{Text: name}}); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

var everywhere = config.Credentials{Default: "access", Groups: map[string]string{"core": "core"}, Sites: map[string]string{"hq": "hq"}}

// TestInheritedCredential: a device without a login of its own uses the credential of its group, its
// site or the default.
func TestInheritedCredential(t *testing.T) {
	n := openWith(t, everywhere)
	own := "mine"
	for _, c := range []struct {
		d        api.Device
		password *string // of its own
		want     string
	}{
		{api.Device{}, nil, "access"},
		{api.Device{Group: "edge", Site: "hq"}, nil, "hq"},
		{api.Device{Group: "core", Site: "hq"}, nil, "core"},
		{api.Device{Group: "core", Credential: "access"}, nil, "access"},
		{api.Device{Group: "core", Username: "me"}, &own, ""},
	} {
		c.d.Name, c.d.Address, c.d.Transport = "sw1", "192.0.2.1", api.SSH
		d, s, err := n.SealDevice(t.Context(), api.DeviceChange{Device: c.d, Password: c.password}, api.Device{}, catalog.Secrets{})
		if err != nil {
			t.Errorf("%+v: %v", c.d, err)
			continue
		}
		login := vty.Config{Username: d.Username}
		if name, err := n.uses(d, s, n.opts.Config.Credentials); name != c.want || err != nil {
			t.Errorf("%+v uses %q, error %v; want %q", c.d, name, err, c.want)
		}
		if c.want == "" {
			continue
		}
		if err := addShared(t, n, &login, d, s); err != nil || login.Username != "backup" || login.Password != c.want || login.Credential != c.want {
			t.Errorf("%+v: user %q, password %q of %q, error %v", c.d, login.Username, login.Password, login.Credential, err)
		}
	}
	without := openWith(t, config.Credentials{Groups: map[string]string{"core": "core", "edge": "gone"}})
	for group, want := range map[string]string{"": "SSH needs a username", "edge": `no credential "gone"`} {
		d := api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Group: group}
		_, _, err := without.SealDevice(t.Context(), api.DeviceChange{Device: d}, api.Device{}, catalog.Secrets{})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("group %q: error %v; want %q", group, err, want)
		}
	}
}

// TestInheritanceIsBound: whoever can write the catalog can neither add a host of his that inherits
// a credential, nor move a device to another one, and no later edit makes it good.
func TestInheritanceIsBound(t *testing.T) {
	n := openWith(t, everywhere)
	d, s, err := n.SealDevice(t.Context(), api.DeviceChange{Device: api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Group: "edge"}}, api.Device{}, catalog.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(d *api.Device, s *catalog.Secrets){
		"another address": func(d *api.Device, _ *catalog.Secrets) { d.Address = "192.0.2.66" },
		"another name":    func(d *api.Device, _ *catalog.Secrets) { d.Name = "sw2" },
		"another group":   func(d *api.Device, _ *catalog.Secrets) { d.Group = "core" },
		"another site":    func(d *api.Device, _ *catalog.Secrets) { d.Site = "hq" },
		"no seal":         func(_ *api.Device, s *catalog.Secrets) { s.Credential = "" },
	} {
		other, secrets := d, s
		change(&other, &secrets)
		var c vty.Config
		if err := addShared(t, n, &c, other, secrets); err == nil || c.Password != "" || !strings.Contains(err.Error(), "may not inherit the credential") {
			t.Errorf("%s: password %q, error %v", what, c.Password, err)
		}
		edited := other
		edited.Group = "access"
		if is, kept, err := n.SealDevice(t.Context(), api.DeviceChange{Device: edited}, other, secrets); err == nil {
			t.Errorf("%s, and an edit: %+v may inherit with %q", what, is, kept.Credential)
		}
	}

	// A person who edits it takes the right along.
	edited := d
	edited.Address, edited.Group = "192.0.2.2", "core"
	is, kept, err := n.SealDevice(t.Context(), api.DeviceChange{Device: edited}, d, s)
	if name, usesErr := n.uses(is, kept, everywhere); name != "core" || err != nil || usesErr != nil {
		t.Errorf("after an edit: %q, errors %v, %v", name, err, usesErr)
	}
	// A device that loses its own password inherits, because it was entered here.
	own, none := "mine", ""
	mine, had, err := n.SealDevice(t.Context(), api.DeviceChange{Device: api.Device{Name: "sw3", Address: "192.0.2.3", Transport: api.SSH, Username: "me"}, Password: &own}, api.Device{}, catalog.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	had.Credential = "" // as earlier versions left it
	mine, had, err = n.SealDevice(t.Context(), api.DeviceChange{Device: mine, Password: &none}, mine, had)
	if name, usesErr := n.uses(mine, had, everywhere); name != "access" || err != nil || usesErr != nil {
		t.Errorf("without its own password: %q, errors %v, %v", name, err, usesErr)
	}
}
