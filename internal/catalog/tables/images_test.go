package tables_test

import (
	"database/sql"
	"path/filepath"
	"slices"
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
	var searched []string
	for name, query := range tables.ImageQueries {
		rows, err := db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+strings.ReplaceAll(query, "?1", "'sw1'"))
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
			if strings.HasPrefix(step, "SEARCH file USING COVERING INDEX") {
				searched = append(searched, step[strings.LastIndexByte(step, '('):])
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
	}
	// From one path to the next, whatever number of snapshots have it.
	if want := "(blob=? AND path>?)"; !slices.Contains(searched, want) {
		t.Errorf("searched by %q, want %s too", searched, want)
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
