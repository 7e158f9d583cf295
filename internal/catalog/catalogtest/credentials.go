package catalogtest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// testCredentials keeps, replaces and removes credentials. One that a device names stays.
func testCredentials(t *testing.T, create New) {
	ctx, open := t.Context(), create(t)
	c := open(t)
	want := catalog.Credential{Sealed: "age:AAAA", Credential: api.Credential{Name: "access-switches", Username: "backup", Password: "stored",
		EnablePassword: "command pass show enable", Fingerprint: "ssh-rsa SHA256:x"}}
	first := want
	want.Username, want.Sealed = "flashwarden", "age:BBBB"
	other := catalog.Credential{Sealed: "age:CCCC", Credential: api.Credential{Name: "Core"}}
	for _, step := range []struct {
		put  catalog.Credential
		was  string
		want bool
	}{
		{first, "age:AAAA", false}, // somebody removed it
		{first, "", true},
		{want, "", false}, // somebody else added it
		{want, "age:AAAA", true},
		{first, "age:AAAA", false}, // somebody else changed it
		{other, "", true},
	} {
		if put, err := c.PutCredential(ctx, step.put, step.was); put != step.want || err != nil {
			t.Errorf("%s after %q: %t, error %v; want %t", step.put.Sealed, step.was, put, err, step.want)
		}
	}
	if err := c.AddDevice(ctx, Device(), Sealed()); err != nil {
		t.Fatal(err)
	}
	want.Devices = 1
	got, known, err := open(t).Credential(ctx, want.Name)
	if diff := cmp.Diff(want, got); diff != "" || !known || err != nil {
		t.Errorf("known %t, error %v, want(-) got(+):\n%s", known, err, diff)
	}
	all, err := c.Credentials(ctx)
	if diff := cmp.Diff([]api.Credential{other.Credential, want.Credential}, all); diff != "" || err != nil {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
	if n, err := c.Sealed(ctx); err != nil || n != 3 {
		t.Errorf("%d devices and credentials have secrets, error %v; want 3", n, err)
	}
	for name, want := range map[string]bool{"access-switches": false, "Core": true, "core": false} {
		if removed, err := c.RemoveCredential(ctx, name); removed != want || err != nil {
			t.Errorf("remove %s: %t, error %v; want %t", name, removed, err, want)
		}
	}
	if _, known, err := c.Credential(ctx, "Core"); known || err != nil {
		t.Errorf("removed, but known %t, error %v", known, err)
	}
}
