package tables

import (
	"context"
	"database/sql"
	"errors"
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
		_, err := on.exec(ctx, `INSERT INTO intended (id) VALUES (?) ON CONFLICT DO NOTHING`, id)
		return err
	})
	return c.wrap("intend snapshot "+id, err)
}

// Intended returns the IDs of snapshots that were going to be written.
func (c index) Intended(ctx context.Context) ([]string, error) {
	list, err := c.texts(ctx, `SELECT id FROM intended ORDER BY id`)
	return list, c.wrap("list intended snapshots", err)
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
