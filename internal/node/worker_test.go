package node

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
)

// TestCopyOfADirectoryFreesNothing starts a copy of a data directory beside the original,
// with one catalog: what the original holds stays its own. A start of the original after its
// death frees it.
func TestCopyOfADirectoryFreesNothing(t *testing.T) {
	file := filepath.Join(t.TempDir(), "catalog.db")
	sqlitetest.Create(t, file)
	c, err := sqlite.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	shared := config.Default()
	shared.Catalog = "postgres://db.example.net/flashwarden"
	original := &server{core: &core{Catalog: c, opts: Options{Data: t.TempDir(), Config: shared}}}
	copied := &server{core: &core{Catalog: c, opts: Options{Data: t.TempDir(), Config: shared}}}
	name, err := original.becomeWorker(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := c.TakeLease(t.Context(), catalog.Worker{ID: name}, "sw1", time.Hour); !ok || err != nil {
		t.Fatal(ok, err)
	}
	text, err := os.ReadFile(original.path("worker"))
	if err == nil {
		err = os.WriteFile(copied.path("worker"), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	taken := func(n *server) bool {
		name, err := n.becomeWorker(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, ok, err := c.TakeLease(t.Context(), catalog.Worker{ID: name}, "sw1", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if taken(copied) {
		t.Error("the copy took the device of the original")
	}
	if !taken(original) {
		t.Error("the original did not free the device of its dead process")
	}
}
