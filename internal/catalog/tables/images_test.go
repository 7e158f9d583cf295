package tables_test

import (
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/tables"
)

// TestImagesAndHistory: however many snapshots a device has, the list of images reads
// those that it needs by an index, and no table from its beginning to its end.
func TestImagesAndHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	openCatalog(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for name, query := range tables.ImageQueries {
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"file", "snapshot", "blob"} {
				if strings.HasPrefix(step, "SCAN "+table) {
					t.Errorf("%s: %s", name, step)
				}
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
}

func openCatalog(t testing.TB, path string) *sqlite.Catalog {
	t.Helper()
	c, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}
