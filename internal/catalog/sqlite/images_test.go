package sqlite

import (
	"strings"
	"testing"
)

// TestImagesAndHistory: however many snapshots a device has, the list of images reads
// those that it needs by an index, and no table from its beginning to its end.
func TestImagesAndHistory(t *testing.T) {
	c := newCatalog(t)
	for name, query := range map[string]string{"latest": latest, "kept": kept, "running": running} {
		rows, err := c.db.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+query)
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
