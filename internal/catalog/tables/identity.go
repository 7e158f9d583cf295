package tables

import (
	"context"
	"time"
)

// Now returns the time by the clock of the catalog.
func (c *database) Now(ctx context.Context) (now time.Time, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		now, err = c.now(ctx, on)
		return err
	})
	return now, c.wrap("read the clock of the catalog", err)
}

// SealingKey returns the check value of the key that seals the secrets.
func (c inventory) SealingKey(ctx context.Context, first string) (value string, err error) {
	if _, err = c.exec(ctx, `INSERT INTO sealing_key (one, value) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`, first); err == nil {
		err = c.queryRow(ctx, `SELECT value FROM sealing_key`).Scan(&value)
	}
	return value, c.wrap("compare the key of the passwords", err)
}

// ReplaceSealingKey enters the check value of a new key.
func (c inventory) ReplaceSealingKey(ctx context.Context, value string) error {
	_, err := c.exec(ctx, `INSERT INTO sealing_key (one, value) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET value = excluded.value`, value)
	return c.wrap("enter the key of the passwords", err)
}
