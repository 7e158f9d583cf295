package node

import (
	"os"
	"path/filepath"
	"testing"

	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/credential"
)

// TestMoveEntersKey: a catalog has the check value of its key before it moves, and one that was
// sealed with another key does not move.
func TestMoveEntersKey(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	from, err := sqlite.Open(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if err := enterKey(t.Context(), from, file); err != nil {
		t.Errorf("without a key: %v", err)
	}
	key, err := credential.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time as in a move that is repeated
		if err := enterKey(t.Context(), from, file); err != nil {
			t.Fatal(err)
		}
	}
	if value, err := from.SealingKey(t.Context(), "another"); err != nil || value != key.CheckValue() {
		t.Errorf("check value %q, error %v", value, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if _, err := credential.Open(file); err != nil {
		t.Fatal(err)
	}
	if err := enterKey(t.Context(), from, file); err == nil {
		t.Error("a catalog of another key moves")
	}
}

// TestKeyOfAnotherMachine: machines with one catalog have the same key. One with another key
// seals nothing and reads nothing.
func TestKeyOfAnotherMachine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "catalog.db")
	sqlitetest.Create(t, file)
	c, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	first, other := filepath.Join(t.TempDir(), "key"), filepath.Join(t.TempDir(), "key")
	for _, m := range []struct {
		key          string
		shared, same bool
	}{{first, true, true}, {first, true, true}, {other, true, false}, {other, false, true}} {
		k, err := openKeyring(t.Context(), c, m.key, m.shared)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.ReadsSecrets(); (err == nil) != m.same {
			t.Errorf("%+v: error %v", m, err)
		}
	}
}
