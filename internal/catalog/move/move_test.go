package move_test

import (
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/catalog/move"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/catalog/postgres/postgrestest"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/testlevel"
)

func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// open opens the catalog of a data directory.
func open(t *testing.T, path string) *sqlite.Catalog {
	t.Helper()
	c, err := sqlite.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// newPostgres returns an empty catalog of its own and its URL.
func newPostgres(t *testing.T) (*postgres.Catalog, string) {
	t.Helper()
	url := postgrestest.New(t)
	c, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, url
}

// TestCopy moves a catalog: a change on the way is noticed and nothing stays; the second try
// succeeds; after that it may be repeated, until the new catalog is used.
func TestCopy(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	ctx := t.Context()
	from := open(t, filepath.Join(t.TempDir(), "catalog.db"))
	fill(t, from)
	to, url := newPostgres(t)

	postgrestest.Exec(t, url, `CREATE FUNCTION spoil() RETURNS trigger AS $$ BEGIN NEW.kind := 'spoilt'; RETURN NEW; END $$ LANGUAGE plpgsql;
		CREATE TRIGGER spoil BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION spoil()`)
	if _, err := move.Copy(ctx, from.DB(), to.DB(), to.Place()); err == nil || !strings.Contains(err.Error(), "table job") {
		t.Errorf("a changed row: error %v", err)
	}
	if all, err := to.Devices(ctx, api.Select{}); err != nil || len(all) != 0 {
		t.Errorf("after an error there are %d devices, error %v", len(all), err)
	}
	postgrestest.Exec(t, url, `DROP TRIGGER spoil ON job`)

	for range 2 {
		tables, err := move.Copy(ctx, from.DB(), to.DB(), to.Place())
		if err != nil {
			t.Fatal(err)
		}
		rows := make(map[string]int64)
		for _, table := range tables {
			rows[table.Table] = table.Rows
		}
		if rows["device"] != 450 || rows["job"] != 1 || rows["snapshot"] != 1 || rows["file"] == 0 || rows["host_key"] != 1 {
			t.Errorf("rows %v", rows)
		}
	}
	if s, err := to.Secrets(ctx, "sw7"); err != nil || s != catalogtest.Sealed() {
		t.Errorf("secrets %+v, error %v", s, err)
	}
	if err := to.Index(ctx, api.Snapshot{ID: "20261129T000000Z-sw1-00000002", Document: "d2", Device: "sw1", Status: api.StatusOK, Started: time.Now()}); err != nil {
		t.Errorf("the moved catalog takes no snapshot: %v", err)
	}
	if _, err := move.Copy(ctx, from.DB(), to.DB(), to.Place()); !errors.Is(err, move.ErrNotEmpty) {
		t.Errorf("a catalog that is in use: error %v", err)
	}
}

// TestOldCatalogRefusesWrites: a writer that waits for the lock of the old catalog during a
// move gets an error that says where the catalog is now, as does every later one.
func TestOldCatalogRefusesWrites(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "catalog.db")
	from := open(t, path)
	other := open(t, path) // another process
	fill(t, from)
	to, url := newPostgres(t)

	// The lock of a new table keeps the move in its middle while the writer begins.
	release := lockTable(t, url, "device")
	moved := make(chan error, 1)
	go func() { _, err := move.Copy(ctx, from.DB(), to.DB(), "it's elsewhere"); moved <- err }()
	awaitLocked(t, path)
	written := make(chan error, 1)
	go func() { written <- other.PutMirror(ctx, catalog.Mirror{Target: "/late", Made: time.Now()}) }()
	release()
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	const want = "the catalog was moved to it's elsewhere"
	if err := <-written; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("the writer that waited: error %v", err)
	}
	known := catalogtest.Device()
	known.Name = "sw7"
	for what, err := range map[string]error{
		"an insert": from.AddDevice(ctx, catalogtest.Device(), catalogtest.Sealed()),
		"an update": from.UpdateDevice(ctx, known, catalogtest.Sealed()),
		"a delete":  from.RemoveDevice(ctx, "sw7"),
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v", what, err)
		}
	}
	if _, err := move.Copy(ctx, from.DB(), to.DB(), "it's elsewhere"); err != nil {
		t.Errorf("again: %v", err)
	}
}

// lockTable locks a table of a database until release is called.
func lockTable(t *testing.T, url, table string) (release func()) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	tx, err := db.Begin()
	if err == nil {
		_, err = tx.Exec("LOCK TABLE " + table + " IN ACCESS EXCLUSIVE MODE")
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() { tx.Rollback() }
}

// awaitLocked waits until somebody has the lock of the writers of a file of SQLite.
func awaitLocked(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		tx, err := db.Begin()
		if err != nil {
			return
		}
		tx.Rollback()
	}
	t.Fatal("nobody locked the old catalog within a minute")
}

// fill fills a catalog: devices for several INSERTs, and a row in tables of each kind.
func fill(t *testing.T, c *sqlite.Catalog) {
	t.Helper()
	ctx := t.Context()
	for i := range 450 {
		d := catalogtest.Device()
		d.Name = "sw" + string(rune('0'+i%10)) + strings.Repeat("x", i/10)
		d.LegacyCrypto = i%2 == 0
		if err := c.AddDevice(ctx, d, catalogtest.Sealed()); err != nil {
			t.Fatal(err)
		}
	}
	_, err := c.AddJobs(ctx, catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: "sw1", By: "schedule"}, Request: []byte(`{}`), Slot: time.Now()})
	_, pinned := c.PinHostKey(ctx, "192.0.2.1", "", "ssh-rsa AAAA")
	err = errors.Join(err, pinned, c.SetVaultIdentity(ctx, "v1"),
		c.BeginRun(ctx, api.Run{ID: "run-1", Device: "sw1", Kind: api.RunBackup, Started: time.Now()}),
		c.Index(ctx, api.Snapshot{ID: "20261128T000000Z-sw1-00000001", Document: "d1", Device: "sw1", Status: api.StatusOK, Started: time.Now(),
			Files: []api.File{{Path: "flash:/a.bin", Kind: api.KindImage, Size: 5, MD5: strings.Repeat("a", 32), SHA256: strings.Repeat("b", 64), Evidence: api.EvidenceMD5}}}))
	if err != nil {
		t.Fatal(err)
	}
}
