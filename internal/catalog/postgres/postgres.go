// Package postgres is a catalog in a PostgreSQL database, which many machines may use
// at once.
package postgres

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"

	"flashwarden/internal/catalog/tables"
)

//go:embed migrations/*.sql
var migrations embed.FS

// connections is how many connections one process has at once.
const connections = 8

// Catalog is an open catalog; it implements catalog.Catalog.
type Catalog struct {
	*tables.Catalog
	db     *sql.DB
	engine *engine
}

// Options say where a catalog is.
type Options struct {
	URL string // postgres://user@host/db; see connect
	// Password is asked for each connection, because it may change; nil or an empty result:
	// the one of libpq's variables and files (PostgreSQL, "The Password File").
	Password func() (string, error)
}

// Open opens the catalog in a database, and brings its tables up to date. Close it after
// use.
func Open(ctx context.Context, o Options) (*Catalog, error) {
	c, err := openCurrent(ctx, o)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, c.db); err != nil {
		c.db.Close()
		return nil, c.engine.Wrap("open catalog", err)
	}
	return c, nil
}

// openCurrent opens a catalog, and leaves its tables as they are.
func openCurrent(ctx context.Context, o Options) (*Catalog, error) {
	config, err := connect(o.URL)
	if err != nil {
		return nil, fmt.Errorf("open catalog: %w", err)
	}
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(_ context.Context, c *pgx.ConnConfig) error {
		if o.Password == nil {
			return nil
		}
		password, err := o.Password()
		if password != "" {
			c.Password = password
		}
		return err
	}))
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections) // a new connection costs more than a query
	e := &engine{user: config.User, database: config.Database, server: server(config)}
	if err := newEnough(ctx, db); err != nil {
		db.Close()
		return nil, e.Wrap("open catalog", err)
	}
	return &Catalog{tables.New(db, e), db, e}, nil
}

// River returns the driver of River for this database, with its tables made. It uses
// the connections of the catalog.
func (c *Catalog) River(ctx context.Context) (d riverdriver.Driver[*sql.Tx], closeRiver func() error, err error) {
	d = riverdatabasesql.New(c.db)
	conn, err := c.db.Conn(ctx)
	if err != nil {
		return nil, nil, c.engine.Wrap("open the queue", err)
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock($1)`, int64(riverTables)); err != nil {
		return nil, nil, c.engine.Wrap("open the queue", err)
	}
	err = tables.MakeRiver(ctx, d)
	_, unlock := conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock($1)`, int64(riverTables))
	if err := errors.Join(err, unlock); err != nil {
		return nil, nil, c.engine.Wrap("open the queue", err)
	}
	return d, func() error { return nil }, nil
}

// riverTables is the number of the advisory lock of those who make River's tables.
const riverTables = writers + 1

// migrate brings the tables up to date. Only one process does so at a time.
func migrate(ctx context.Context, db *sql.DB) error {
	sources, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	alone, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // asks each second, 300 times
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, sources, goose.WithDisableGlobalRegistry(true), goose.WithSessionLocker(alone))
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	switch {
	case current > newest:
		return fmt.Errorf("it has version %d, made by a newer flashwarden; this one knows up to %d: install the newer one again", current, newest)
	case current == newest:
		return nil
	}
	_, err = provider.Up(ctx)
	return err
}

// engine is tables.Engine for PostgreSQL.
type engine struct {
	user, database string
	server         string   // HOST:PORT, or the path of a socket
	bound          sync.Map // statements after Rebind, by their text
}

func (e *engine) Place() string { return "the database " + e.database + " on " + e.server }

func (e *engine) Rebind(statement string) string {
	if bound, ok := e.bound.Load(statement); ok {
		return bound.(string)
	}
	bound := tables.Rebind(statement)
	e.bound.Store(statement, bound)
	return bound
}

// writers is the number of the advisory lock of the writers: "flashwar" in ASCII.
const writers = 0x666c617368776172

// Exclude makes writers wait for each other, as SQLite does: the state of a device
// follows from several tables.
func (e *engine) Exclude() string {
	return fmt.Sprintf("SELECT pg_advisory_xact_lock(%d)", int64(writers))
}

func (e *engine) Clock() string {
	return `CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)`
}

// ByIndex needs no words: PostgreSQL has statistics.
func (e *engine) ByIndex(string) string { return "" }

func (e *engine) IsDuplicate(err error) bool {
	var failed *pgconn.PgError
	return errors.As(err, &failed) && failed.Code == uniqueViolation
}
