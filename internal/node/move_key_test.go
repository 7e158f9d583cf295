package node

import (
	"os"
	"path/filepath"
	"testing"

	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/credential"
)

// TestMoveEntersKey: a catalog has the check value of its key before it moves, and one that was
// sealed with another key does not move.
func TestMoveEntersKey(t *testing.T) {
	n := &Node{opts: Options{Data: t.TempDir()}}
	from, err := sqlite.Open(filepath.Join(t.TempDir(), "catalog.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	if err := n.enterKey(t.Context(), from); err != nil {
		t.Errorf("without a key: %v", err)
	}
	key, err := credential.Open(n.path("key"))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time as in a move that is repeated
		if err := n.enterKey(t.Context(), from); err != nil {
			t.Fatal(err)
		}
	}
	if value, err := from.SealingKey(t.Context(), "another"); err != nil || value != key.CheckValue() {
		t.Errorf("check value %q, error %v", value, err)
	}
	if err := os.Remove(n.path("key")); err != nil {
		t.Fatal(err)
	}
	if _, err := credential.Open(n.path("key")); err != nil {
		t.Fatal(err)
	}
	if err := n.enterKey(t.Context(), from); err == nil {
		t.Error("a catalog of another key moves")
	}
}
