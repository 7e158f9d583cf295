package tables

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// Condemn notes of contents that they are to be removed.
func (c *Catalog) Condemn(ctx context.Context, now, until time.Time, sums []string) (ripe []string, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for _, sum := range sums {
			is, err := condemn(ctx, on, now, until, sum)
			if err != nil {
				return err
			}
			if is {
				ripe = append(ripe, sum)
			}
		}
		return nil
	})
	return ripe, c.wrap("note which content is to be removed", err)
}

// condemn reports whether a content may be removed. If not, it notes or keeps the time at
// which nobody used it.
func condemn(ctx context.Context, on *statements, now, until time.Time, sum string) (ripe bool, err error) {
	var at int64
	err = on.scan(ctx, &at, `SELECT at FROM condemned WHERE sha256 = ?`, sum)
	noted := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	entered, err := column[int64](ctx, on, `SELECT n FROM blob WHERE sha256 = ?`, sum)
	if err != nil {
		return false, err
	}
	if noted && len(entered) == 0 {
		return at <= until.Unix() && at <= now.Unix(), nil
	}
	_, err = on.exec(ctx, `INSERT INTO condemned (sha256, at) VALUES (?, ?) ON CONFLICT (sha256) DO UPDATE SET at = excluded.at`, sum, now.Unix())
	if err == nil {
		err = removeUnnamed(ctx, on, entered)
	}
	return false, err
}
