package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// AddPlan keeps a plan.
func (c plans) AddPlan(ctx context.Context, p api.StoredPlan) error {
	document, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return c.wrap("keep a plan", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err := c.now(ctx, on)
		if err == nil {
			_, err = on.exec(ctx, `DELETE FROM plan WHERE expires < ?`, millis(now.Add(-catalog.PlansKeptFor)))
		}
		if err == nil {
			_, err = on.exec(ctx, `INSERT INTO plan (id, document, expires) VALUES (?, ?, ?)`, p.ID, string(document), millis(p.Expires))
		}
		return err
	}))
}

// Plan returns a plan.
func (c plans) Plan(ctx context.Context, id string) (p api.StoredPlan, err error) {
	var document string
	err = c.queryRow(ctx, `SELECT document FROM plan WHERE id = ?`, id).Scan(&document)
	if errors.Is(err, sql.ErrNoRows) {
		return p, fmt.Errorf("%w: %s", catalog.ErrNoPlan, id)
	}
	if err == nil {
		err = json.Unmarshal([]byte(document), &p)
	}
	return p, c.wrap("read plan "+id, err)
}

// UsePlan marks a plan as carried out.
func (c plans) UsePlan(ctx context.Context, id string) (first bool, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		first, err = on.changes(ctx, `UPDATE plan SET used = 1 WHERE id = ? AND used = 0`, id)
		return err
	})
	return first && err == nil, c.wrap("use plan "+id, err)
}
