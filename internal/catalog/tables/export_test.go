package tables

import (
	"context"
	"database/sql"

	"flashwarden/api"
)

// ImageQueries are the statements of Images.
var ImageQueries = map[string]string{"kept": selectKept, "running": refreshRunning}

// PutRuns enters runs in one transaction.
func PutRuns(ctx context.Context, c *Catalog, runs ...api.Run) error {
	return c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for _, r := range runs {
			if err := putRun(ctx, on, r); err != nil {
				return err
			}
			if err := refresh(ctx, on, r.Device); err != nil {
				return err
			}
		}
		return nil
	})
}

// WithDB is a catalog that reaches its database another way.
func WithDB(c *Catalog, db *sql.DB) *Catalog { return New(db, c.engine) }
