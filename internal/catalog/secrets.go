package catalog

import (
	"context"
	"database/sql"
	"errors"
)

// Secrets are the texts to log in to a device with, each sealed; an empty one
// is not stored. No face sees them: node opens them for one session.
type Secrets struct {
	Password       string
	EnablePassword string
	Identity       string // private key, tried before Password
	ViaPassword    string
	ViaIdentity    string // private key for the jump host
}

// Secrets returns the secrets of the device with the given name. The error is
// ErrNotFound where there is none.
func (c *Catalog) Secrets(ctx context.Context, name string) (Secrets, error) {
	var s Secrets
	err := c.db.QueryRowContext(ctx, `SELECT `+secretColumns+` FROM device WHERE name = ?`, name).Scan(secretFields(&s)...)
	if errors.Is(err, sql.ErrNoRows) {
		return Secrets{}, c.notFound(ctx, name)
	}
	return s, c.wrap("read how to log in to "+name, err)
}
