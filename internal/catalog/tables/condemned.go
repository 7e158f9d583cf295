package tables

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"flashwarden/internal/catalog"
)

// Condemn notes of contents that they are to be removed, and marks those that may be.
func (c index) Condemn(ctx context.Context, now, until time.Time, sums []string) (ripe []string, err error) {
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

// condemn reports whether a content may be removed, and marks it then. If not, it notes or
// keeps the time at which nobody used it.
func condemn(ctx context.Context, on *statements, now, until time.Time, sum string) (ripe bool, err error) {
	at, removing, err := condemned(ctx, on, sum)
	noted := err == nil
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	if isRemoving(removing, now) { // by another prune
		return false, nil
	}
	entered, err := column[int64](ctx, on, `SELECT n FROM blob WHERE sha256 = ?`, sum)
	if err != nil {
		return false, err
	}
	if noted && len(entered) == 0 {
		if at > until.Unix() || at > now.Unix() {
			return false, nil
		}
		_, err = on.exec(ctx, `UPDATE condemned SET removing = ? WHERE sha256 = ?`, now.UnixMilli(), sum)
		return err == nil, err
	}
	_, err = on.exec(ctx, `INSERT INTO condemned (sha256, at) VALUES (?, ?) ON CONFLICT (sha256) DO UPDATE SET at = excluded.at, removing = 0`, sum, now.Unix())
	if err == nil {
		err = removeUnnamed(ctx, on, entered)
	}
	return false, err
}

// condemned returns when a content was noted, and when a prune began to remove it. The error
// is sql.ErrNoRows if it is not noted.
func condemned(ctx context.Context, on *statements, sum string) (at, removing int64, err error) {
	ready, err := on.prepared(ctx, `SELECT at, removing FROM condemned WHERE sha256 = ?`)
	if err == nil {
		err = ready.QueryRowContext(ctx, sum).Scan(&at, &removing)
	}
	return at, removing, err
}

// isRemoving reports whether the prune that marked a content at this time, in milliseconds,
// may still be at work. The clock may have stepped.
func isRemoving(at int64, now time.Time) bool {
	return at != 0 && now.Sub(time.UnixMilli(at)).Abs() < catalog.RemovingLasts
}

// Claim keeps the next prune from removing contents.
func (c index) Claim(ctx context.Context, sums ...string) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error { return c.claim(ctx, on, sums) })
	return c.wrap("claim content", err)
}

// claim takes contents out of those that are to be removed. A mark that a dead prune left
// goes with them.
func (c index) claim(ctx context.Context, on *statements, sums []string) error {
	now, err := c.now(ctx, on)
	if err != nil {
		return err
	}
	return inBatches(sums, func(some []string) error {
		in, args := oneOf(some)
		removing, err := column[int64](ctx, on, `SELECT removing FROM condemned WHERE removing <> 0 AND sha256 `+in, args...)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(removing, func(at int64) bool { return isRemoving(at, now) }) {
			return catalog.ErrRemoving
		}
		_, err = on.exec(ctx, `DELETE FROM condemned WHERE sha256 `+in, args...)
		return err
	})
}

// oneOf is the condition that a column has one of these values, and its arguments.
func oneOf(values []string) (condition string, args []any) {
	args = make([]any, len(values))
	for i, value := range values {
		args[i] = value
	}
	return `IN (?` + strings.Repeat(", ?", len(values)-1) + `)`, args
}
