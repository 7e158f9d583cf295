package tables

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"flashwarden/internal/catalog"
)

// Condemn notes of contents that they are to be removed, and marks those that may be.
func (c index) Condemn(ctx context.Context, now, until time.Time, sums []string) (ripe []string, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		return inBatches(sums, func(some []string) error {
			marked, err := condemn(ctx, on, now, until, some)
			ripe = append(ripe, marked...)
			return err
		})
	})
	if err != nil {
		return nil, c.wrap("note which content is to be removed", err)
	}
	return ripe, nil
}

// condemn returns which of these contents may be removed, and marks them. Of the others it
// notes or keeps the time at which nobody used them.
func condemn(ctx context.Context, on *statements, now, until time.Time, sums []string) (ripe []string, err error) {
	notes, err := notesOf(ctx, on, sums)
	if err != nil {
		return nil, err
	}
	entered, err := blobsOf(ctx, on, sums)
	if err != nil {
		return nil, err
	}
	var anew []string
	var blobs []int64
	for _, sum := range sums {
		note, noted := notes[sum]
		n, isEntered := entered[sum]
		switch {
		case isRemoving(note.removing, now): // by another prune
		case !noted || isEntered:
			anew = append(anew, sum)
			if isEntered {
				blobs = append(blobs, n)
			}
		case note.at <= until.Unix() && note.at <= now.Unix():
			ripe = append(ripe, sum)
		}
	}
	if err := noteAnew(ctx, on, anew, now); err != nil {
		return nil, err
	}
	if err := removeUnnamed(ctx, on, blobs); err != nil {
		return nil, err
	}
	return ripe, markRemoving(ctx, on, ripe, now)
}

// note is when a content was noted, in seconds, and when a prune began to remove it, in
// milliseconds.
type note struct{ at, removing int64 }

func notesOf(ctx context.Context, on *statements, sums []string) (map[string]note, error) {
	in, args := oneOf(sums)
	notes := make(map[string]note)
	return notes, on.each(ctx, func(row *sql.Rows) error {
		var sum string
		var n note
		err := row.Scan(&sum, &n.at, &n.removing)
		notes[sum] = n
		return err
	}, `SELECT sha256, at, removing FROM condemned WHERE sha256 `+in, args...)
}

// blobsOf returns the numbers of those of these contents that are entered.
func blobsOf(ctx context.Context, on *statements, sums []string) (map[string]int64, error) {
	in, args := oneOf(sums)
	numbers := make(map[string]int64)
	return numbers, on.each(ctx, func(row *sql.Rows) error {
		var sum string
		var n int64
		err := row.Scan(&sum, &n)
		numbers[sum] = n
		return err
	}, `SELECT sha256, n FROM blob WHERE sha256 `+in, args...)
}

func noteAnew(ctx context.Context, on *statements, sums []string, now time.Time) error {
	slices.Sort(sums)
	sums = slices.Compact(sums) // one statement changes a row once
	if len(sums) == 0 {
		return nil
	}
	var args []any
	for _, sum := range sums {
		args = append(args, sum, now.Unix())
	}
	_, err := on.exec(ctx, `INSERT INTO condemned (sha256, at) `+valuesOf(`(?, ?)`, len(sums))+`
		ON CONFLICT (sha256) DO UPDATE SET at = excluded.at, removing = 0`, args...)
	return err
}

func markRemoving(ctx context.Context, on *statements, sums []string, now time.Time) error {
	if len(sums) == 0 {
		return nil
	}
	in, args := oneOf(sums)
	_, err := on.exec(ctx, `UPDATE condemned SET removing = ? WHERE sha256 `+in, slices.Concat([]any{now.UnixMilli()}, args)...)
	return err
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
