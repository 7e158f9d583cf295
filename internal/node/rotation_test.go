package node_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
)

// TestRotation: while a credential has an old login, the old one is tried first, and the new one if
// the device refuses it. No device sees more than two logins.
func TestRotation(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	word := func(text string) *api.Secret { return &api.Secret{Text: text} }
	set := func(c api.CredentialChange) {
		t.Helper()
		c.Name = "access"
		if _, err := n.SetCredential(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	ssh, telnet := startSwitch(t, n, "c2960", iossim.Options{}, false), startSwitch(t, n, "c3500xl", iossim.Options{}, false)
	user := "backup"
	set(api.CredentialChange{Username: &user, Password: word("before"), EnablePassword: word("before")})
	devices := []api.Device{sharing(t, n, "ssh", ssh), sharing(t, n, "telnet", telnet)}

	for _, step := range []struct {
		name   string
		change api.CredentialChange
		logins int // at each device
		fails  string
		old    bool
	}{
		{"only a wrong login", api.CredentialChange{}, 1, "refused", false},
		{"the device has the new one", api.CredentialChange{KeepOld: true, Password: word("login-word"), EnablePassword: word("enable-word")}, 2, "", false},
		{"the old one is dropped", api.CredentialChange{DropOld: true}, 1, "", false},
		{"the device has the old one still", api.CredentialChange{KeepOld: true, Password: word("after")}, 1, "", true},
		{"the device has none of both", api.CredentialChange{DropOld: true}, 1, "refused", false},
		{"the same with an old one", api.CredentialChange{KeepOld: true, Password: word("later")}, 2, "the old login was refused; the new one: ", false},
		{"the old one cannot be read", api.CredentialChange{DropOld: true, Password: &api.Secret{Environment: "NOBODY_SET_THIS"}}, 0, "NOBODY_SET_THIS is empty", false},
		{"so the new one is tried alone", api.CredentialChange{KeepOld: true, Password: word("login-word")}, 1, "", false},
	} {
		set(step.change)
		var both sync.WaitGroup
		for i, s := range []*iossim.Switch{ssh, telnet} {
			both.Go(func() {
				before := logins(s)
				old, err := n.TestLogin(t.Context(), devices[i])
				if got := logins(s) - before; got != step.logins || old != step.old {
					t.Errorf("%s, %s: %d logins, old %t; want %d", step.name, devices[i].Name, got, old, step.logins)
				}
				if (err == nil) != (step.fails == "") || err != nil && (!strings.Contains(cause.Text(err), step.fails) || cause.Hint(err) == "") {
					t.Errorf("%s, %s: error %v; want %q", step.name, devices[i].Name, err, step.fails)
				}
			})
		}
		both.Wait()
	}
	if _, err := n.SetCredential(t.Context(), api.CredentialChange{Name: "access", KeepOld: true}); err == nil || !strings.Contains(err.Error(), "has an old login already") {
		t.Errorf("a second old login: error %v", err)
	}
}

// sharing is a switch in the inventory that uses the credential access.
func sharing(t *testing.T, n *node.Node, name string, s *iossim.Switch) api.Device {
	t.Helper()
	d := api.Device{Name: name, Address: s.Addr().String(), Transport: s.Transport(), Credential: "access", LegacyCrypto: s.LegacyCrypto()}
	d, secrets, err := n.SealDevice(t.Context(), api.DeviceChange{Device: d}, api.Device{}, catalog.Secrets{})
	if err == nil {
		err = n.Catalog.AddDevice(t.Context(), d, secrets)
	}
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// logins is how often somebody has logged in to a switch, or has tried to.
func logins(s *iossim.Switch) int {
	return len(slices.DeleteFunc(slices.Clone(s.Commands()), func(line string) bool { return !strings.HasPrefix(line, "Username: ") }))
}
