package node

import (
	"context"
	"errors"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/credential"
	"flashwarden/internal/vty"
)

// TestCredentialIsBound: whoever can write the catalog can neither hand a credential to a host of
// his, nor put another command or password under its name.
func TestCredentialIsBound(t *testing.T) {
	cfg, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Data: sqlitetest.Data(t), Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	ctx, user := t.Context(), "backup"
	for name, secret := range map[string]api.Secret{"access": {Text: "s3cret-Login"}, "core": {Command: "echo other"}} {
		if _, err := n.SetCredential(ctx, api.CredentialChange{Name: name, Username: &user, Password: &secret}); err != nil {
			t.Fatal(err)
		}
	}
	d, s, err := n.SealDevice(ctx, api.DeviceChange{Device: api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Credential: "access"}}, api.Device{}, catalog.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	var c vty.Config
	if err := addShared(t, n, &c, d, s); err != nil || c.Username != "backup" || c.Password != "s3cret-Login" {
		t.Errorf("user %q, password %q, error %v", c.Username, c.Password, err)
	}
	own := vty.Config{Username: "me", Password: "mine"}
	if err := addShared(t, n, &own, d, s); err != nil || own.Username != "me" || own.Password != "mine" {
		t.Errorf("with its own: user %q, password %q, error %v", own.Username, own.Password, err)
	}

	refused := func(what string, d api.Device, s catalog.Secrets) {
		t.Helper()
		var c vty.Config
		if err := addShared(t, n, &c, d, s); !errors.Is(err, credential.ErrElsewhere) || c.Password != "" {
			t.Errorf("%s: password %q, error %v", what, c.Password, err)
		}
	}
	moved, swapped := d, d
	moved.Address, swapped.Credential = "192.0.2.66", "core"
	refused("another address", moved, s)
	refused("another credential", swapped, s)
	refused("given in the catalog alone", d, catalog.Secrets{})
	// A later edit by an administrator does not make it good.
	if _, _, err := n.SealDevice(ctx, api.DeviceChange{Device: moved}, moved, s); !errors.Is(err, credential.ErrElsewhere) {
		t.Errorf("an edit of what somebody changed: error %v", err)
	}
	edited := d
	edited.Address = "192.0.2.2"
	if is, kept, err := n.SealDevice(ctx, api.DeviceChange{Device: edited}, d, s); err != nil || n.mayUse(is, kept.Credential) != nil {
		t.Errorf("an edit of the address: %v", err)
	}

	core, _, err := n.Catalog.Credential(ctx, "core")
	if err != nil {
		t.Fatal(err)
	}
	core.Name = "access"
	access, _, err := n.Catalog.Credential(ctx, "access")
	if put, failed := n.Catalog.PutCredential(ctx, core, access.Sealed); !put || err != nil || failed != nil {
		t.Fatal(put, err, failed)
	}
	refused("the login of another credential", d, s)
}

// addShared completes a login with the credential that a device uses.
func addShared(t *testing.T, n *Node, c *vty.Config, d api.Device, s catalog.Secrets) error {
	t.Helper()
	name, err := n.uses(d, s, n.opts.Config.Credentials)
	if err != nil || name == "" {
		return err
	}
	login, err := n.openLogin(t.Context(), name)
	if err != nil {
		return err
	}
	return n.addLogin(t.Context(), c, name, login)
}

// interrupted is a catalog in which somebody else does something each time after a credential
// was read.
type interrupted struct {
	catalog.Catalog
	do []func()
}

// Credential implements catalog.Credentials.
func (i *interrupted) Credential(ctx context.Context, name string) (catalog.Credential, bool, error) {
	c, known, err := i.Catalog.Credential(ctx, name)
	if len(i.do) > 0 {
		do := i.do[0]
		i.do = i.do[1:]
		do()
	}
	return c, known, err
}

// TestCredentialSetTwice: of two changes of one credential at the same time, both count.
func TestCredentialSetTwice(t *testing.T) {
	cfg, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Data: sqlitetest.Data(t), Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	set := func(k *keyring, c api.CredentialChange) {
		t.Helper()
		c.Name = "access"
		if _, err := k.SetCredential(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	first, second := "backup", "flashwarden"
	beside := *n.keyring
	beside.catalog = &interrupted{Catalog: n.Catalog, do: []func(){
		func() { set(n.keyring, api.CredentialChange{Username: &first, Password: &api.Secret{Text: "one"}}) },
		func() { set(n.keyring, api.CredentialChange{Username: &second}) },
	}}
	set(&beside, api.CredentialChange{Password: &api.Secret{Text: "two"}, EnablePassword: &api.Secret{Text: "three"}})
	kept, _, err := n.Catalog.Credential(t.Context(), "access")
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.unsealLogin(kept)
	want := credential.Login{Username: second, Password: api.Secret{Text: "two"}, EnablePassword: api.Secret{Text: "three"}}
	if err != nil || got != want || kept.Username != second {
		t.Errorf("%+v, shown as %+v, error %v; want all changes", got, kept.Credential, err)
	}
}
