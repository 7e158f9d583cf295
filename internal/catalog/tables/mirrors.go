package tables

import (
	"context"
	"errors"
	"strings"
	"time"

	"flashwarden/internal/catalog"
)

// Mirrors returns all copies of the vault.
func (c mirrors) Mirrors(ctx context.Context) ([]catalog.Mirror, error) {
	rows, err := c.query(ctx, `SELECT target, made, succeeded FROM mirror ORDER BY target`)
	if err != nil {
		return nil, c.wrap("list mirrors", err)
	}
	defer rows.Close()
	var all []catalog.Mirror
	for rows.Next() {
		var m catalog.Mirror
		var made, succeeded string
		if err := rows.Scan(&m.Target, &made, &succeeded); err != nil {
			return nil, c.wrap("list mirrors", err)
		}
		var wrong, never error
		m.Made, wrong = time.Parse(time.RFC3339, made)
		if succeeded != "" {
			m.Succeeded, never = time.Parse(time.RFC3339, succeeded)
		}
		if err := errors.Join(wrong, never); err != nil {
			return nil, c.wrap("list mirrors", err)
		}
		all = append(all, m)
	}
	return all, c.wrap("list mirrors", rows.Err())
}

// PutMirror enters a copy of the vault.
func (c mirrors) PutMirror(ctx context.Context, m catalog.Mirror) error {
	succeeded := ""
	if !m.Succeeded.IsZero() {
		succeeded = m.Succeeded.UTC().Format(time.RFC3339)
	}
	_, err := c.exec(ctx, `INSERT INTO mirror (target, made, succeeded) VALUES (?, ?, ?)
		ON CONFLICT (target) DO UPDATE SET made = excluded.made, succeeded = excluded.succeeded`,
		m.Target, m.Made.UTC().Format(time.RFC3339), succeeded)
	return c.wrap("remember the mirror "+m.Target, err)
}

// SetMirrored enters which snapshots a copy of the vault has.
func (c mirrors) SetMirrored(ctx context.Context, target string, snapshots []string) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		if _, err := on.exec(ctx, `DELETE FROM mirrored WHERE target = ?`, target); err != nil {
			return err
		}
		return inBatches(snapshots, func(some []string) error { return addMirrored(ctx, on, target, some) })
	})
	return c.wrap("remember what the mirror "+target+" has", err)
}

// addMirrored enters snapshots with one statement.
func addMirrored(ctx context.Context, on *statements, target string, snapshots []string) error {
	args := make([]any, 0, 2*len(snapshots))
	for _, id := range snapshots {
		args = append(args, target, id)
	}
	_, err := on.exec(ctx, `INSERT INTO mirrored (target, snapshot) VALUES (?, ?)`+strings.Repeat(", (?, ?)", len(snapshots)-1)+` ON CONFLICT DO NOTHING`, args...)
	return err
}

// Mirrored returns which copies of the vault have a snapshot.
func (c mirrors) Mirrored(ctx context.Context) (map[string][]string, error) {
	rows, err := c.query(ctx, `SELECT snapshot, target FROM mirrored ORDER BY target, snapshot`)
	if err != nil {
		return nil, c.wrap("list what the mirrors have", err)
	}
	defer rows.Close()
	targets := map[string][]string{}
	for rows.Next() {
		var id, target string
		if err := rows.Scan(&id, &target); err != nil {
			return nil, c.wrap("list what the mirrors have", err)
		}
		targets[id] = append(targets[id], target)
	}
	return targets, c.wrap("list what the mirrors have", rows.Err())
}
