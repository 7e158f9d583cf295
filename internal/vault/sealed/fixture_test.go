package sealed

import (
	"os"
	"testing"

	"flashwarden/internal/vault"
	"flashwarden/internal/vault/dir"
)

// TestFixture reads an encrypted mirror that an earlier version made, and compares it with its
// vault.
func TestFixture(t *testing.T) {
	open := func(name string) vault.Store {
		d, err := dir.Open("../testdata/format-2/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	identity, err := os.Open("../testdata/format-2/identity.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer identity.Close()
	r, err := Open(t.Context(), open("sealed"), identity)
	if err != nil {
		t.Fatal(err)
	}
	wantClean(t, r)
	want, got := contents(t, open("plain")), contents(t, r)
	for key, text := range want {
		if key != vault.IdentityKey && !vault.IsBlob(key) && got[key] != text { // a blob may have no document
			t.Errorf("%s is not the same in the mirror", key)
		}
	}
	for key, text := range got {
		if key != vault.IdentityKey && want[key] != text {
			t.Errorf("%s is not the same in the vault", key)
		}
	}
	id, err := vault.New(r).Identity(t.Context())
	if own, failed := vault.New(open("plain")).Identity(t.Context()); err != nil || failed != nil || id != own {
		t.Errorf("identity %+v, %+v of the vault, errors %v and %v", id, own, err, failed)
	}
}
