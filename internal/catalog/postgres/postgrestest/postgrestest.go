// Package postgrestest starts a PostgreSQL for the tests of one program. It listens on a
// socket in a directory of its own.
package postgrestest

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver pgx

	"flashwarden/internal/testlevel"
)

// Run runs the tests of a program, and then ends the PostgreSQL that they used. It
// returns the exit code for TestMain.
func Run(m *testing.M) (code int) {
	code = m.Run()
	if err := stopServer(); err != nil {
		fmt.Fprintln(os.Stderr, "stop PostgreSQL:", err)
		return 1
	}
	return code
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

// Locked is a role that needs a password; a test makes it. All others need none.
const Locked = "locked"

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
	access := "local all " + Locked + " scram-sha-256\nlocal all all trust\n"
	if err := os.WriteFile(filepath.Join(data, "pg_hba.conf"), []byte(access), 0o600); err != nil {
		return err
	}
	return start()
}

// start starts the server, which has its data already.
func start() error {
	options := fmt.Sprintf("-c listen_addresses= -c unix_socket_directories=%s -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_wal_size=4GB", server.dir)
	return command("pg_ctl", "--pgdata", filepath.Join(server.dir, "data"), "--options", options, "--log", filepath.Join(server.dir, "log"), "-w", "start")
}

func stopServer() error {
	if server.dir == "" {
		return nil
	}
	var err error
	if server.err == nil {
		err = command("pg_ctl", "--pgdata", filepath.Join(server.dir, "data"), "--mode", "immediate", "-w", "stop")
	}
	return errors.Join(err, os.RemoveAll(server.dir))
}

// Kill ends the server as a crash does, for all tests of this program. Start starts it again.
func Kill(t testing.TB) {
	t.Helper()
	if err := command("pg_ctl", "--pgdata", filepath.Join(server.dir, "data"), "--mode", "immediate", "-w", "stop"); err != nil {
		t.Fatal(err)
	}
}

// Start starts the server again after Kill.
func Start(t testing.TB) {
	t.Helper()
	if err := start(); err != nil {
		t.Fatal(err)
	}
}

// As returns the URL of a database for another role.
func As(t testing.TB, address, role string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String()
}

// address returns the URL of a database.
func address(database string) string {
	return (&url.URL{Scheme: "postgres", User: url.User(server.user), Path: "/" + database, RawQuery: url.Values{"host": {server.dir}}.Encode()}).String()
}

// New makes an empty database and returns its URL. Without PostgreSQL the test is skipped,
// or fails in CI.
func New(t testing.TB) string {
	t.Helper()
	if programs() == "" {
		testlevel.Missing(t, "PostgreSQL")
	}
	server.once.Do(func() { server.err = startServer() })
	if server.err != nil {
		t.Fatal(server.err)
	}
	name := fmt.Sprint("test", server.next.Add(1))
	Exec(t, address("postgres"), "CREATE DATABASE "+name+" STRATEGY file_copy")
	return address(name)
}

// Exec runs a statement in the database at url.
func Exec(t testing.TB, url, text string) {
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
