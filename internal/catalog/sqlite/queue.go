//go:build !386 && !arm && !mips && !mipsle

package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riversqlite"

	"flashwarden/internal/catalog/tables"
)

// River returns the driver of River for this file, with its tables made. It has one
// connection of its own, as its documentation asks for.
func (c *Catalog) River(ctx context.Context) (d riverdriver.Driver[*sql.Tx], closeRiver func() error, err error) {
	unlock, err := lock(c.path)
	if err != nil {
		return nil, nil, fmt.Errorf("open the queue: %w", err)
	}
	defer unlock()
	db, err := sql.Open("sqlite", dsn(c.path))
	if err != nil {
		return nil, nil, fmt.Errorf("open the queue in %s: %w", c.path, err)
	}
	db.SetMaxOpenConns(1)
	d = riversqlite.New(db)
	if err := tables.MakeRiver(ctx, d); err != nil {
		db.Close()
		return nil, nil, engine{c.path}.Wrap("open the queue", err)
	}
	return d, db.Close, nil
}
