// Package tables is a catalog in the tables of an SQL database. The statements are
// the same for each database; an Engine says what differs. Subpackages of catalog open
// a database and make its tables.
package tables

import (
	"context"
	"database/sql"
)

// Catalog is an open catalog; it implements catalog.Catalog. Each of its parts has the statements
// of one interface of package catalog.
type Catalog struct {
	*database
	inventory
	credentials
	index
	history
	mirrors
	hostKeys
	jobs
	plans
	care
	chronicle
	notices
	people
	trail
}

// The parts of a catalog.
type (
	inventory   struct{ *database }
	credentials struct{ *database }
	index       struct{ *database }
	history     struct {
		*database
		inventory inventory
	}
	mirrors   struct{ *database }
	hostKeys  struct{ *database }
	jobs      struct{ *database }
	plans     struct{ *database }
	care      struct{ *database }
	chronicle struct{ *database }
	notices   struct{ *database }
	people    struct{ *database }
	trail     struct{ *database }
)

// database runs statements, for all parts.
type database struct {
	db     *sql.DB
	engine Engine
}

// Engine is what differs between databases.
type Engine interface {
	// Place says for errors where the catalog is.
	Place() string
	// Rebind writes the parameters of a statement, which are `?` or `?1`, as the
	// database wants them.
	Rebind(statement string) string
	// Exclude is the statement with which each transaction begins, so that writers wait
	// for each other; empty: the database does so by itself.
	Exclude() string
	// Clock is an expression for the present time, in milliseconds since 1970, UTC.
	Clock() string
	// ByIndex follows the name of a table that is to be read by this index; empty: the database
	// chooses the right one by itself.
	ByIndex(index string) string
	// IsDuplicate reports whether an INSERT failed because there is such a row.
	IsDuplicate(err error) bool
	// Wrap adds the action that failed, and the next step if it knows one. It returns nil
	// for nil.
	Wrap(doing string, err error) error
}

// New returns the catalog in a database whose tables are up to date. Close closes db.
func New(db *sql.DB, e Engine) *Catalog {
	d := &database{db, e}
	i := inventory{d}
	return &Catalog{d, i, credentials{d}, index{d}, history{d, i}, mirrors{d}, hostKeys{d}, jobs{d}, plans{d}, care{d}, chronicle{d}, notices{d}, people{d}, trail{d}}
}

// DB is the database, for a copy of all its tables.
func (c *database) DB() *sql.DB { return c.db }

// Place says where the catalog is.
func (c *database) Place() string { return c.engine.Place() }

// Close closes the catalog.
func (c *database) Close() error { return c.wrap("close catalog", c.db.Close()) }

func (c *database) wrap(doing string, err error) error { return c.engine.Wrap(doing, err) }

func (c *database) exec(ctx context.Context, statement string, args ...any) (sql.Result, error) {
	return c.db.ExecContext(ctx, c.engine.Rebind(statement), storable(args)...)
}

func (c *database) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return c.db.QueryContext(ctx, c.engine.Rebind(statement), storable(args)...)
}

func (c *database) queryRow(ctx context.Context, statement string, args ...any) *sql.Row {
	return c.db.QueryRowContext(ctx, c.engine.Rebind(statement), storable(args)...)
}
