package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"math"
	"time"

	"flashwarden/api"
	"flashwarden/internal/audit"
)

const auditColumns = `number, at, person, source, operation, targets, result, hash`

// Record adds a line to the audit trail.
func (c trail) Record(ctx context.Context, l api.AuditLine) (api.AuditLine, error) {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		var err error
		if l.Time, err = c.now(ctx, on); err != nil {
			return err
		}
		var before string
		l.Number, before, err = lastLine(ctx, on)
		if err != nil {
			return err
		}
		l.Number++
		if l.Hash, err = audit.Hash(before, l); err != nil {
			return err
		}
		targets, err := json.Marshal(l.On)
		if err != nil {
			return err
		}
		_, err = on.exec(ctx, `INSERT INTO audit (`+auditColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			l.Number, l.Time.UnixMilli(), l.User, l.From, l.Operation, string(targets), l.Result, l.Hash)
		return err
	})
	return l, c.wrap("write the audit trail", err)
}

// lastLine returns the number and the hash of the last line; 0 and an empty one if there
// is none.
func lastLine(ctx context.Context, on *statements) (number int64, hash string, err error) {
	ready, err := on.prepared(ctx, `SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1`)
	if err != nil {
		return 0, "", err
	}
	err = ready.QueryRowContext(ctx).Scan(&number, &hash)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return number, hash, err
}

// AuditLines returns a page of the audit trail.
func (c trail) AuditLines(ctx context.Context, before int64, most int) ([]api.AuditLine, error) {
	if before == 0 {
		before = math.MaxInt64
	}
	lines, err := rowsOf(ctx, c.database, scanLine, `SELECT `+auditColumns+` FROM audit WHERE number < ? ORDER BY number DESC LIMIT ?`, before, most)
	return lines, c.wrap("read the audit trail", err)
}

// Trail reads the whole audit trail.
func (c trail) Trail(ctx context.Context, yield func(api.AuditLine) error) error {
	rows, err := c.query(ctx, `SELECT `+auditColumns+` FROM audit ORDER BY number`)
	if err != nil {
		return c.wrap("read the audit trail", err)
	}
	defer rows.Close()
	for rows.Next() {
		l, err := scanLine(rows.Scan)
		if err == nil {
			err = yield(l)
		}
		if err != nil {
			return err
		}
	}
	return c.wrap("read the audit trail", rows.Err())
}

func scanLine(scan func(...any) error) (l api.AuditLine, err error) {
	var at int64
	var targets string
	if err := scan(&l.Number, &at, &l.User, &l.From, &l.Operation, &targets, &l.Result, &l.Hash); err != nil {
		return l, err
	}
	l.Time = time.UnixMilli(at).UTC()
	return l, json.Unmarshal([]byte(targets), &l.On)
}
