package postgres_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/catalog/postgres/postgrestest"
	"flashwarden/internal/testlevel"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func open(t testing.TB, url string) *postgres.Catalog {
	t.Helper()
	c, err := postgres.Open(t.Context(), url, "/var/lib/flashwarden")
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

func TestCatalog(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	catalogtest.Test(t, func(t testing.TB) func(testing.TB) catalog.Catalog {
		url := postgrestest.New(t)
		return func(t testing.TB) catalog.Catalog { return open(t, url) }
	})
}

// TestManyAtOnce opens a new catalog from several sides, and adds a device from each.
func TestManyAtOnce(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	url := postgrestest.New(t)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			c, err := postgres.Open(t.Context(), url, "")
			if err != nil {
				t.Error(err)
				return
			}
			d := catalogtest.Device()
			d.Name = fmt.Sprint("sw", i)
			if err := errors.Join(c.AddDevice(t.Context(), d, catalogtest.Sealed()), c.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	devices, err := open(t, url).Devices(t.Context(), api.Select{})
	if err != nil || len(devices) != 6 {
		t.Errorf("%d devices, error %v", len(devices), err)
	}
}

func TestNewerCatalogIsRefused(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	url := postgrestest.New(t)
	open(t, url)
	postgrestest.Exec(t, url, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
	if _, err := postgres.Open(t.Context(), url, ""); err == nil || !strings.Contains(err.Error(), "newer flashwarden") {
		t.Errorf("error %v; want one that says that it is newer", err)
	}
}
