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
	"flashwarden/internal/cause"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

func open(t testing.TB, url string) *postgres.Catalog {
	t.Helper()
	c, err := postgres.Open(t.Context(), postgres.Options{URL: url})
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
	catalogtest.Test(t, create)
}

// create is a catalogtest.New.
func create(t testing.TB) func(testing.TB) catalog.Catalog {
	url := postgrestest.New(t)
	return func(t testing.TB) catalog.Catalog { return open(t, url) }
}

func TestPruneBesideKeep(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	catalogtest.TestPruneBesideKeep(t, create, func() vault.Store { return new(vaulttest.Memory) })
}

// TestManyAtOnce opens a new catalog from several sides, and adds a device from each.
func TestManyAtOnce(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	url := postgrestest.New(t)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			c, err := postgres.Open(t.Context(), postgres.Options{URL: url})
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
	if _, err := postgres.Open(t.Context(), postgres.Options{URL: url}); err == nil || !strings.Contains(err.Error(), "newer flashwarden") {
		t.Errorf("error %v; want one that says that it is newer", err)
	}
}

// TestRefusals opens catalogs that PostgreSQL refuses. Each error says what to do, and none
// has the password.
func TestRefusals(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	url := postgrestest.New(t)
	postgrestest.Exec(t, url, `CREATE ROLE locked LOGIN PASSWORD 'right'; CREATE ROLE poor LOGIN; CREATE ROLE asleep NOLOGIN`)
	locked := postgrestest.As(t, url, postgrestest.Locked)
	password := func(p string) func() (string, error) { return func() (string, error) { return p, nil } }
	for name, test := range map[string]struct {
		options postgres.Options
		want    string
	}{
		"wrong password": {postgres.Options{URL: locked, Password: password("secret-1")}, "refused the password of locked"},
		"no password":    {postgres.Options{URL: locked}, "refused the password of locked"},
		"no role":        {postgres.Options{URL: postgrestest.As(t, url, "asleep")}, "does not let asleep in"},
		"no database":    {postgres.Options{URL: strings.Replace(url, "/test", "/other", 1)}, "has no database other"},
		"no right":       {postgres.Options{URL: postgrestest.As(t, url, "poor")}, "the role poor lacks a right in the database"},
		"no file":        {postgres.Options{URL: locked, Password: func() (string, error) { return "", os.ErrNotExist }}, "file does not exist"},
	} {
		_, err := postgres.Open(t.Context(), test.options)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "secret-1") {
			t.Errorf("%s: error %v; want %q", name, err, test.want)
		}
		var e *cause.Error
		if name != "no file" && (!errors.As(err, &e) || e.Fix == nil) {
			t.Errorf("%s: no next step", name)
		}
	}
	postgrestest.Exec(t, url, `GRANT CREATE ON SCHEMA public TO locked`)
	c, err := postgres.Open(t.Context(), postgres.Options{URL: locked, Password: password("right")})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}
