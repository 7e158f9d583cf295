// Package sqlite is a catalog in one SQLite file, which several processes may
// use at once.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"flashwarden/api"
	"flashwarden/internal/catalog/tables"
	"flashwarden/internal/cause"
)

//go:embed migrations/*.sql
var migrations embed.FS

// busyTimeout is how long, in milliseconds, a writer waits for another one.
const busyTimeout = 20_000

// pageCache is how many KiB of the file each connection keeps in memory, at most. A
// rebuild of a large index would read its pages again and again with less.
const pageCache = 16_384

// connections is how many readers one process has at once.
const connections = 4

// Catalog is an open catalog; it implements catalog.Catalog.
type Catalog struct {
	*tables.Catalog
	path string
}

// Open opens the catalog in the file path, creates it with mode 0600 where it
// is missing, and brings its tables up to date. Close it after use.
func Open(path string) (*Catalog, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	unlock, err := lock(path)
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	defer unlock()
	if err := createPrivate(path); err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	db, err := sql.Open("sqlite", dsn(path))
	if err != nil {
		return nil, fmt.Errorf("open catalog %s: %w", path, err)
	}
	db.SetMaxOpenConns(connections)
	e := engine{path}
	if err := migrate(context.Background(), db); err != nil {
		db.Close()
		return nil, e.Wrap("open catalog", err)
	}
	return &Catalog{tables.New(db, e), path}, nil
}

// dsn returns the data source name for the file path. Every transaction takes
// the write lock when it begins, so that none fails halfway because another
// process wrote.
func dsn(path string) string {
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {
		fmt.Sprintf("busy_timeout(%d)", busyTimeout), "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(ON)", fmt.Sprintf("cache_size(-%d)", pageCache),
	}}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + pragmas.Encode()
}

// lock keeps other processes from creating or migrating the catalog at the
// same time. SQLite's own locks do not span the several transactions of that.
func lock(path string) (unlock func(), err error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return func() { f.Close() }, nil
}

// createPrivate makes sure that the file path exists and that nobody but its
// owner can read it. SQLite gives its other files the same mode.
func createPrivate(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(path, 0o600)
}

// migrate brings the tables up to date.
func migrate(ctx context.Context, db *sql.DB) error {
	sources, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, sources, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("it has version %d, made by a newer flashwarden; this one knows up to %d: install the newer one again", current, newest)
	}
	_, err = provider.Up(ctx)
	return err
}

// engine is tables.Engine for SQLite.
type engine struct{ path string }

func (e engine) Place() string { return filepath.Dir(e.path) }

func (engine) Rebind(statement string) string { return statement }

// Exclude needs no statement: every transaction takes the lock of the writers.
func (engine) Exclude() string { return "" }

func (engine) Clock() string { return `CAST(unixepoch('subsec') * 1000 AS INTEGER)` }

// ByIndex names it: without statistics, SQLite takes an index with an equality rather than
// one with a range, however few rows the range has.
func (engine) ByIndex(index string) string { return "INDEXED BY " + index }

func (engine) IsDuplicate(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code() == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
}

func (e engine) Wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	var failed *sqlite.Error
	if errors.As(err, &failed) {
		if failed.Code() == sqlite3.SQLITE_CONSTRAINT_TRIGGER { // the only triggers are those of a move
			return cause.Wrap(cause.Internal, err, doing, api.Say("start this program again with a configuration that names that database: ").Set("catalog", ""))
		}
		switch kind := failed.Code() & 0xff; {
		case kind == sqlite3.SQLITE_FULL, kind == sqlite3.SQLITE_IOERR && e.isFull():
			return cause.Wrap(cause.Internal, err, doing+": the disk of "+e.path+" is full", api.Say("free a few megabytes there, then try again; ").Do("prune").
				Say(" then makes room in the vault: ").Type(api.OnHost, "df -h "+api.ShellWord(e.Place())))
		case kind == sqlite3.SQLITE_CORRUPT, kind == sqlite3.SQLITE_NOTADB:
			return cause.Wrap(cause.Internal, err, doing+": "+e.path+" is damaged", moveAway(e.path))
		}
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// fewBytes is how much space SQLite needs at least beside its file: for its log and the
// index of that.
const fewBytes = 1 << 20

// isFull reports whether the disk of the catalog has no space left. SQLite itself says no more
// than that it could not write.
func (e engine) isFull() bool {
	var st unix.Statfs_t
	return unix.Statfs(e.Place(), &st) == nil && int64(st.Bavail)*int64(st.Bsize) < fewBytes
}

// moveAway is the next step after the file path was found damaged.
func moveAway(path string) api.Fix {
	aside := filepath.Join(filepath.Dir(path), "catalog.damaged")
	return api.Say("restore a copy of it, or move it away: ").Type(api.OnHost, fmt.Sprintf("mkdir %s && mv %s* %s/", aside, path, aside)).
		Say("; then rebuild the index: ").Do("rebuild").Say(". Then add the devices, their passwords and their host keys again")
}
