package postgres_test

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/catalogtest"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/testlevel"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if err := stopServer(); err != nil {
		fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		code = 1
	}
	os.Exit(code)
}

// server is the PostgreSQL of this test program: it listens on a socket in its own
// directory.
var server struct {
	once sync.Once
	dir  string
	user string
	err  error
	next atomic.Int64 // number of the next database
}

// programs returns the directory of PostgreSQL's programs, which Debian keeps out of the
// path.
func programs() string {
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/local/bin/initdb", "/usr/bin/initdb"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return filepath.Dir(found[len(found)-1])
		}
	}
	return ""
}

// command runs one of PostgreSQL's programs. As root it runs as the user postgres,
// because initdb refuses root.
func command(name string, args ...string) error {
	line := append([]string{filepath.Join(programs(), name)}, args...)
	if os.Getuid() == 0 {
		line = append([]string{"setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"}, line...)
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = server.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

func startServer() error {
	var err error
	if server.dir, err = os.MkdirTemp("", "postgres"); err != nil {
		return err
	}
	owner, err := user.Current()
	if os.Getuid() == 0 {
		if err = os.Chmod(server.dir, 0o777); err == nil {
			owner, err = user.Lookup("postgres")
		}
	}
	if err != nil {
		return err
	}
	server.user = owner.Username
	data := filepath.Join(server.dir, "data")
	if err := command("initdb", "--pgdata", data, "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C.UTF-8"); err != nil {
		return err
	}
	options := fmt.Sprintf("-c listen_addresses= -c unix_socket_directories=%s -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_wal_size=4GB", server.dir)
	return command("pg_ctl", "--pgdata", data, "--options", options, "--log", filepath.Join(server.dir, "log"), "--wait", "start")
}

func stopServer() error {
	if server.dir == "" {
		return nil
	}
	var err error
	if server.err == nil {
		err = command("pg_ctl", "--pgdata", filepath.Join(server.dir, "data"), "--mode", "immediate", "--wait", "stop")
	}
	return errors.Join(err, os.RemoveAll(server.dir))
}

// address returns the URL of a database.
func address(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(server.user), Path: "/" + database, RawQuery: url.Values{"host": {server.dir}}.Encode()}).String()
}

// newDatabase makes an empty database and returns its URL.
func newDatabase(t testing.TB) string {
	t.Helper()
	if programs() == "" {
		testlevel.Missing(t, "PostgreSQL")
	}
	server.once.Do(func() { server.err = startServer() })
	if server.err != nil {
		t.Fatal(server.err)
	}
	name := fmt.Sprint("test", server.next.Add(1))
	statement(t, address("postgres"), "CREATE DATABASE "+name+" STRATEGY file_copy")
	return address(name)
}

func statement(t testing.TB, url, text string) {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err == nil {
		_, err = db.Exec(text)
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

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
		url := newDatabase(t)
		return func(t testing.TB) catalog.Catalog { return open(t, url) }
	})
}

// TestManyAtOnce opens a new catalog from several sides, and adds a device from each.
func TestManyAtOnce(t *testing.T) {
	testlevel.NeedFull(t, "starts PostgreSQL")
	url := newDatabase(t)
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
	url := newDatabase(t)
	open(t, url)
	statement(t, url, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
	if _, err := postgres.Open(t.Context(), url, ""); err == nil || !strings.Contains(err.Error(), "newer flashwarden") {
		t.Errorf("error %v; want one that says that it is newer", err)
	}
}
