package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/pressly/goose/v3"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/cause"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

func openCatalog(t testing.TB, path string) *Catalog {
	t.Helper()
	c, err := Open(path)
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

// database opens the file of a catalog without the catalog.
func database(t testing.TB, path string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// create is a catalogtest.New.
func create(t testing.TB) func(testing.TB) catalog.Catalog {
	path := filepath.Join(t.TempDir(), "catalog.db")
	return func(t testing.TB) catalog.Catalog { return openCatalog(t, path) }
}

func TestCatalog(t *testing.T) { catalogtest.Test(t, create) }

func TestPruneBesideKeep(t *testing.T) {
	catalogtest.TestPruneBesideKeep(t, create, func() vault.Store { return new(vaulttest.Memory) })
}

func TestPathIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a b?c#d%41", "catalog.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	openCatalog(t, path)
	if _, err := os.Stat(path); err != nil {
		t.Errorf("the file is elsewhere: %v", err)
	}
}

// TestLogOfALostFile creates a catalog beside the log that a lost one left.
func TestLogOfALostFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	lost, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	s := catalogtest.Snapshot("sw1", 0, "flash:/x.bin", catalogtest.File("flash:/x.bin", api.KindImage, "image"))
	if err := lost.Index(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(lost.Close(), os.Remove(path)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+"-wal", log, 0o600); err != nil {
		t.Fatal(err)
	}
	c := openCatalog(t, path)
	if rows, err := c.Snapshots(t.Context(), ""); err != nil || len(rows) > 0 {
		t.Errorf("%+v, error %v; want a new catalog", rows, err)
	}
	if err := c.Index(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if rows, err := c.Snapshots(t.Context(), ""); err != nil || len(rows) != 1 {
		t.Errorf("%+v, error %v; want the snapshot", rows, err)
	}
}

// otherProcess is the environment variable that makes the test binary a
// process that adds devices to the catalog it names.
const otherProcess = "CATALOG_TEST_ADDS_TO"

func TestMain(m *testing.M) {
	if path := os.Getenv(otherProcess); path != "" {
		if err := addMany(path, fmt.Sprintf("p%d", os.Getpid())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if dir := os.Getenv(smallDisk); dir != "" {
		if err := onSmallDisk(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// addMany adds 40 devices, and reads the list after each.
func addMany(path, prefix string) error {
	c, err := Open(path)
	if err != nil {
		return err
	}
	for i := range 40 {
		d := catalogtest.Device()
		d.Name = fmt.Sprintf("%s-%d", prefix, i)
		if err := c.AddDevice(context.Background(), d, catalogtest.Sealed()); err != nil {
			return err
		}
		fmt.Println(d.Name)
		if _, err := c.Device(context.Background(), d.Name); err != nil {
			return err
		}
	}
	return c.Close()
}

func TestFilesArePrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openCatalog(t, path)
	if err := c.AddDevice(t.Context(), catalogtest.Device(), catalogtest.Sealed()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(path + "*")
	if err != nil || len(files) < 3 { // with its -wal and -shm
		t.Errorf("files %v, error %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, error %v; want 0600", f, info.Mode(), err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	openCatalog(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, error %v; want 0600 again", info.Mode(), err)
	}
}

func TestDamagedFile(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "catalog.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("this is no database ", 500)), 0o600); err != nil {
		t.Fatal(err)
	}
	wantAdvice := func(err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "is damaged") || !strings.Contains(cause.Hint(err), "mv "+path+"*") {
			t.Errorf("error %v; want a damaged file and the way to move it aside", err)
		}
	}
	_, err := Open(path)
	wantAdvice(err)

	// Damage that only reading shows.
	path = filepath.Join(t.TempDir(), "catalog.db")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, path, 2000)
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(data) / 2; i < len(data); i++ {
		data[i] = 0xA5
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err = Open(path)
	if err == nil {
		defer c.Close()
		_, err = c.Devices(ctx, api.Select{})
	}
	wantAdvice(err)
}

// fill adds n devices at once.
func fill(t testing.TB, path string, n int) {
	t.Helper()
	db := database(t, path)
	_, err := db.Exec(`INSERT INTO device (name, address, transport, username, site, device_group, tftp_address, vrf, files, legacy_crypto, password, enable_password)
		WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
		SELECT printf('sw%05d', n), '192.0.2.1', 'ssh', 'backup', 'hq', 'access', '', '', '', FALSE, 'age:AAAA', 'age:BBBB' FROM number`, n)
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestNewerCatalogIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := database(t, path).Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "newer flashwarden") {
		t.Errorf("error %v; want one that says that it is newer", err)
	}
}

// TestCancelledRunsOfOldCatalogs opens a catalog of a version that took a cancelled
// backup for a failed one.
func TestCancelledRunsOfOldCatalogs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		t.Fatal(err)
	}
	sources, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	old, err := goose.NewProvider(goose.DialectSQLite3, db, sources, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.UpTo(t.Context(), 8); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`INSERT INTO device (name, address, transport, username, site, device_group, tftp_address, vrf, files, legacy_crypto, password, enable_password)
			SELECT column1, '', '', '', '', '', '', '', '', FALSE, '', '' FROM (VALUES ('sw1'), ('sw2'), ('sw3'))`,
		`INSERT INTO run (n, id, device, kind, started, ended, status, cause, message, hint, attempts, snapshot, model, version, image) VALUES
			(1, 'run-1', 'sw1', 'backup', 100, 200, 'ok', '', '', '', 1, '', '', '', ''),
			(2, 'run-2', 'sw1', 'backup', 300, 400, 'failed', 'cancelled', '', '', 1, '', '', '', ''),
			(3, 'run-3', 'sw2', 'backup', 100, 200, 'failed', 'no_request', '', '', 1, '', '', '', ''),
			(4, 'run-4', 'sw2', 'backup', 300, 400, 'incomplete', 'cancelled', '', '', 1, '', '', '', ''),
			(5, 'run-5', 'sw3', 'backup', 300, 400, 'failed', 'cancelled', '', '', 1, '', '', '', '')`,
		`INSERT INTO device_state (device, last_run, last_started, last_ended, last_status, last_failed) VALUES
			('sw1', 2, 300, 400, 'failed', 2), ('sw2', 4, 300, 400, 'incomplete', 4), ('sw3', 5, 300, 400, 'failed', 5)`,
	} {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	states, err := c.States(t.Context(), api.Select{})
	if err != nil || len(states) != 3 {
		t.Fatalf("%+v, error %v", states, err)
	}
	if s := states[0]; s.Failed != nil || s.Last.Status != api.StatusOK {
		t.Errorf("cancelled after a good run: %+v", s)
	}
	if s := states[1]; s.Failed == nil || s.Failed.ID != "run-3" || s.Last.Status != api.StatusFailed {
		t.Errorf("cancelled after a failed run: %+v", s)
	}
	if s := states[2]; s.Failed != nil || s.Last != (catalog.Attempt{}) {
		t.Errorf("only cancelled: %+v", s)
	}
}

func TestPragmas(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	openCatalog(t, path)
	for pragma, want := range map[string]string{"journal_mode": "wal", "foreign_keys": "1", "synchronous": "2", "busy_timeout": "20000"} {
		var got string
		if err := database(t, path).QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, error %v; want %s", pragma, got, err, want)
		}
	}
}

// TestManyProcesses lets processes create and fill one catalog at once.
func TestManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), otherProcess+"="+path)
		all.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Go(func() {
		if err := addMany(path, "self"); err != nil {
			t.Error(err)
		}
	})
	all.Wait()
	devices, err := openCatalog(t, path).Devices(t.Context(), api.Select{})
	if err != nil || len(devices) != 5*40 {
		t.Errorf("%d devices, error %v; want 200", len(devices), err)
	}
}

// TestManyCreateTheCatalogAtOnce opens one new catalog from all sides.
func TestManyCreateTheCatalogAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	start := make(chan struct{})
	var all sync.WaitGroup
	for range 12 {
		all.Go(func() {
			<-start
			c, err := Open(path)
			if err != nil {
				t.Error(err)
				return
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	close(start)
	all.Wait()
}

// TestKilledWriter kills a process that writes, and looks for what it was
// told is kept.
func TestKilledWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range 4 {
		cmd := exec.Command(self)
		cmd.Env = append(os.Environ(), otherProcess+"="+path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines, kept := bufio.NewScanner(out), []string{}
		for len(kept) <= 7*round && lines.Scan() {
			kept = append(kept, lines.Text())
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		cmd.Wait() // it says that it was killed
		if _, err := openCatalog(t, path).Devices(t.Context(), api.Select{Names: kept}); err != nil {
			t.Error(err)
		}
	}
}

func TestWritersWaitForEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	c := openCatalog(t, path)
	held, release := make(chan struct{}), make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		tx, err := database(t, path).BeginTx(t.Context(), nil)
		close(held)
		<-release
		if err == nil {
			err = tx.Commit()
		}
		if err != nil {
			t.Error(err)
		}
	})
	<-held
	if _, err := c.Devices(t.Context(), api.Select{}); err != nil {
		t.Errorf("a reader was kept out by a writer: %v", err)
	}
	added := make(chan error, 1)
	go func() { added <- c.AddDevice(t.Context(), catalogtest.Device(), catalogtest.Sealed()) }()
	close(release)
	if err := <-added; err != nil {
		t.Error(err)
	}
	writer.Wait()
}
