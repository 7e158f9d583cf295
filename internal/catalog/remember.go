package catalog

import (
	"context"

	"flashwarden/internal/vault"
)

// Remember enters the content of one file that the vault has just taken in,
// so that Known finds it before a snapshot names it: devices that are backed
// up at the same time share it, and it is not copied again where a process
// died before it wrote the snapshot.
func (c *Catalog) Remember(ctx context.Context, f vault.File) error {
	_, err := c.db.ExecContext(ctx, `INSERT INTO blob (sha256, md5, size) VALUES (?, ?, ?)
		ON CONFLICT (sha256) DO UPDATE SET md5 = excluded.md5 WHERE blob.md5 = ''`, f.SHA256, f.MD5, f.Size)
	return c.wrap("remember "+f.SHA256, err)
}
