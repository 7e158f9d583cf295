// Package sqlitetest makes catalogs for tests. To make the tables of one takes
// most of the time of a short test with the race detector, so they are made once
// for each test program.
package sqlitetest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"flashwarden/internal/catalog/sqlite"
)

// Create writes an empty catalog into the file path, whose directory it makes.
func Create(t testing.TB, path string) {
	t.Helper()
	data, err := empty()
	if err == nil {
		err = os.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Data returns a new data directory with an empty catalog.
func Data(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	Create(t, filepath.Join(dir, "catalog.db"))
	return dir
}

// empty is the file of a new catalog.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "catalog")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "catalog.db")
	c, err := sqlite.Open(path)
	if err != nil {
		return nil, err
	}
	_, closeQueue, err := c.River(context.Background()) // makes the tables of the queue, too
	if err == nil {
		err = closeQueue()
	}
	if err := errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})
