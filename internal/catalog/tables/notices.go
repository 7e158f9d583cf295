package tables

import (
	"context"
	"database/sql"

	"flashwarden/internal/catalog"
)

// Notices returns all notices.
func (c notices) Notices(ctx context.Context) (all []catalog.Notice, err error) {
	rows, err := c.query(ctx, `SELECT target, event, subject, began, sent, ended FROM notice ORDER BY target, event, subject`)
	if err != nil {
		return nil, c.wrap("read the notices", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n catalog.Notice
		var began, sent, ended sql.NullInt64
		if err := rows.Scan(&n.Target, &n.Event, &n.Subject, &began, &sent, &ended); err != nil {
			return nil, c.wrap("read the notices", err)
		}
		n.Began, n.Sent, n.Ended = instant(began), instant(sent), instant(ended)
		all = append(all, n)
	}
	return all, c.wrap("read the notices", rows.Err())
}

// ChangeNotices enters notices and forgets others.
func (c notices) ChangeNotices(ctx context.Context, put, forget []catalog.Notice) error {
	if len(put)+len(forget) == 0 {
		return nil
	}
	return c.wrap("write the notices", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		err := inBatches(forget, func(some []catalog.Notice) error {
			var args []any
			for _, n := range some {
				args = append(args, n.Target, n.Event, n.Subject)
			}
			_, err := on.exec(ctx, `DELETE FROM notice WHERE (target, event, subject) IN (`+valuesOf(`(?, ?, ?)`, len(some))+`)`, args...)
			return err
		})
		if err != nil {
			return err
		}
		return inBatches(put, func(some []catalog.Notice) error {
			var args []any
			for _, n := range some {
				args = append(args, n.Target, n.Event, n.Subject, millis(n.Began), millis(n.Sent), millis(n.Ended))
			}
			_, err := on.exec(ctx, `INSERT INTO notice (target, event, subject, began, sent, ended) `+valuesOf(`(?, ?, ?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))`, len(some))+`
				ON CONFLICT (target, event, subject) DO UPDATE SET began = excluded.began, sent = excluded.sent, ended = excluded.ended`, args...)
			return err
		})
	}))
}
