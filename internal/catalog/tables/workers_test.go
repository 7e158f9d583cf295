package tables_test

import (
	"path/filepath"
	"testing"
	"time"

	"flashwarden/internal/catalog"
)

// TestSilentWorker: a worker that gave no sign for long does not serve its devices any more, and
// does so again with its next sign.
func TestSilentWorker(t *testing.T) {
	c := openCatalog(t, filepath.Join(t.TempDir(), "catalog.db"))
	sign := func() {
		t.Helper()
		_, err := c.StartJobs(t.Context(), catalog.Worker{ID: "a"}, time.Minute, func(catalog.Board) []string { return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	silent := func(d time.Duration) {
		t.Helper()
		if _, err := c.DB().ExecContext(t.Context(), `UPDATE worker SET seen = unixepoch() * 1000 - ?`, d.Milliseconds()); err != nil {
			t.Fatal(err)
		}
	}
	want := func(n int) {
		t.Helper()
		if got, err := c.Unserved(t.Context(), "ams"); err != nil || len(got) != n {
			t.Errorf("unserved: %q, error %v; want %d", got, err, n)
		}
	}
	sign()
	want(0)
	silent(catalog.ServedFor + time.Second)
	want(1)
	sign()
	want(0)
}
