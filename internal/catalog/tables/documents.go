package tables

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"flashwarden/internal/catalog"
)

// Documents yields the names of the documents of all indexed snapshots.
func (c index) Documents(ctx context.Context, yield func(document string)) error {
	return c.wrap("list indexed snapshots", c.eachText(ctx, yield, `SELECT document FROM snapshot`))
}

// SnapshotIDs returns the IDs of the newest snapshots.
func (c index) SnapshotIDs(ctx context.Context, device, prefix string, most int) ([]string, error) {
	const last = "~" // sorts behind every character of an ID
	query, args := `SELECT id FROM snapshot WHERE id >= ? AND id < ?`, []any{prefix, prefix + last}
	if device != "" {
		query, args = query+` AND device = ?`, append(args, device)
	}
	list, err := c.texts(ctx, query+` ORDER BY id DESC LIMIT ?`, append(args, most)...)
	return list, c.wrap("list snapshots", err)
}

// Latest returns the name of the document of the device's last snapshot.
func (c index) Latest(ctx context.Context, device string) (document string, err error) {
	list, err := c.texts(ctx, `SELECT document FROM snapshot AS s WHERE device = ?
		AND NOT EXISTS (SELECT 1 FROM snapshot AS later WHERE later.previous = s.document)
		ORDER BY id DESC LIMIT 1`, device)
	if err != nil || len(list) == 0 {
		return "", c.wrap("find the last snapshot of "+device, err)
	}
	return list[0], nil
}

// Intend enters the ID of a snapshot that is going to be written, and claims its contents.
func (c index) Intend(ctx context.Context, id string, contents ...string) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		if err := underLease(ctx, on); err != nil {
			return err
		}
		if err := c.claim(ctx, on, contents); err != nil {
			return err
		}
		now, err := c.now(ctx, on)
		if err != nil {
			return err
		}
		l, _ := catalog.LeaseOf(ctx)
		_, err = on.exec(ctx, `INSERT INTO intended (id, at, lease, token) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, lease = excluded.lease, token = excluded.token`, id, millis(now), l.Name, l.Token)
		return err
	})
	return c.wrap("intend snapshot "+id, err)
}

// Intended returns the IDs of snapshots that were going to be written.
func (c index) Intended(ctx context.Context) ([]string, error) {
	list, err := c.texts(ctx, `SELECT id FROM intended ORDER BY id`)
	return list, c.wrap("list intended snapshots", err)
}

// Abandoned returns those of the intended snapshots whose process is gone.
func (c index) Abandoned(ctx context.Context, before time.Time) ([]string, error) {
	list, err := c.texts(ctx, `SELECT id FROM intended WHERE at < ? AND NOT EXISTS (SELECT 1 FROM lease
		WHERE lease.name = intended.lease AND lease.token = intended.token AND lease.until > `+c.engine.Clock()+`) ORDER BY id`, millis(before))
	return list, c.wrap("list abandoned snapshots", err)
}

// renewIntents records a sign of the processes that have a lease and are about to write a snapshot.
func renewIntents(ctx context.Context, on *statements, w catalog.Worker, now time.Time) error {
	_, err := on.exec(ctx, `UPDATE intended SET at = ?1 WHERE EXISTS (SELECT 1 FROM lease
		WHERE lease.name = intended.lease AND lease.token = intended.token AND lease.holder = ?2 AND lease.until > ?1)`, millis(now), w.ID)
	return err
}

// Forget takes out the ID of a snapshot that was not written.
func (c index) Forget(ctx context.Context, id string) error {
	_, err := c.exec(ctx, `DELETE FROM intended WHERE id = ?`, id)
	return c.wrap("forget snapshot "+id, err)
}

// VaultIdentity returns the identity of the vault whose index this is.
func (c index) VaultIdentity(ctx context.Context) (string, error) {
	var identity string
	err := c.queryRow(ctx, `SELECT identity FROM vault`).Scan(&identity)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return identity, c.wrap("read the identity of the vault", err)
}

// SetVaultIdentity remembers the identity of the vault.
func (c index) SetVaultIdentity(ctx context.Context, identity string) error {
	_, err := c.exec(ctx, `INSERT INTO vault (one, identity) VALUES (1, ?)
		ON CONFLICT (one) DO UPDATE SET identity = excluded.identity`, identity)
	return c.wrap("remember the identity of the vault", err)
}

// texts returns the first column of a query.
func (c *database) texts(ctx context.Context, query string, args ...any) (list []string, err error) {
	err = c.eachText(ctx, func(text string) { list = append(list, text) }, query, args...)
	return list, err
}

// eachText yields the first column of a query.
func (c *database) eachText(ctx context.Context, yield func(string), query string, args ...any) error {
	rows, err := c.query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		yield(text)
	}
	return rows.Err()
}
