package node

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/credential"
)

// TestSecretsAreBound: a secret that is moved in the catalog to another device,
// another address or another field is not sent anywhere.
func TestSecretsAreBound(t *testing.T) {
	cfg, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := Open(t.Context(), Options{Data: sqlitetest.Data(t), Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	defer n.Close()
	password, enable := "s3cret-Login", "s3cret-Enable"
	d, s, err := n.SealDevice(t.Context(), api.DeviceChange{Device: api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup"},
		Password: &password, EnablePassword: &enable}, api.Device{}, catalog.Secrets{})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.unseal(s.Password, usePassword, d); err != nil || got != password {
		t.Errorf("%q, error %v", got, err)
	}
	for name, change := range map[string]func(*api.Device){
		"address": func(d *api.Device) { d.Address = "192.0.2.66" }, "name": func(d *api.Device) { d.Name = "sw2" },
		"transport": func(d *api.Device) { d.Transport = api.Telnet }, "jump host": func(d *api.Device) { d.Via = "eve@192.0.2.66" },
	} {
		other := d
		change(&other)
		if got, err := n.unseal(s.Password, usePassword, other); !errors.Is(err, credential.ErrElsewhere) || got != "" {
			t.Errorf("another %s: %q, error %v", name, got, err)
		}
	}
	if got, err := n.unseal(s.Password, useEnable, d); !errors.Is(err, credential.ErrElsewhere) {
		t.Errorf("as enable password: %q, error %v", got, err)
	}

	// A person who edits the address takes the secrets along.
	moved := d
	moved.Address = "192.0.2.2"
	is, kept, err := n.SealDevice(t.Context(), api.DeviceChange{Device: moved}, d, s)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := n.unseal(kept.EnablePassword, useEnable, is); err != nil || got != enable {
		t.Errorf("after the edit: %q, error %v", got, err)
	}
	if same, again, err := n.SealDevice(t.Context(), api.DeviceChange{Device: is}, is, kept); err != nil || again != kept || same != is {
		t.Errorf("an edit of nothing: %v", err)
	}
}

// TestEnterSecretsAgain: with a new key, the error for each secret names the option that
// enters this secret again.
func TestEnterSecretsAgain(t *testing.T) {
	cfg, err := config.Load("", nil)
	if err != nil {
		t.Fatal(err)
	}
	data, d := t.TempDir(), api.Device{Name: "sw1", Address: "192.0.2.1", Credential: "lab"}
	sealed := map[string]string{}
	for range 2 { // the second time with a new key
		n, err := Open(t.Context(), Options{Data: data, Config: cfg})
		if err != nil {
			t.Fatal(err)
		}
		for use, option := range map[string]string{usePassword: "--password-file", useEnable: "--enable-password-file", useIdentity: "--identity-file",
			useViaPassword: "--via-password-file", useViaIdentity: "--via-identity-file", useCredential: ""} {
			if sealed[use] == "" {
				sealed[use], err = n.seal("secret", use, d)
				if err != nil {
					t.Fatal(err)
				}
				continue
			}
			_, err := n.unseal(sealed[use], use, d)
			if use == useCredential {
				if hint := cause.Hint(err); !strings.HasSuffix(hint, "`flashwarden device edit sw1 --credential lab`") {
					t.Errorf("%s: next %s", use, hint)
				}
				continue
			}
			if want := "put the old key file back, or enter it again: `flashwarden device edit sw1 " + option + " FILE`"; !errors.Is(err, credential.ErrWrongKey) || cause.Hint(err) != want {
				t.Errorf("%s: error %v, next %s; want %s", use, err, cause.Hint(err), want)
			}
		}
		if err := errors.Join(n.Close(), os.Remove(filepath.Join(data, "key"))); err != nil {
			t.Fatal(err)
		}
	}
}
