package tables

import (
	"context"
	"slices"

	"flashwarden/internal/catalog"
)

const selectHostKeys = `SELECT key FROM host_key WHERE host = ? AND via = ? ORDER BY key`

// HostKeys returns the pinned keys of a host.
func (c hostKeys) HostKeys(ctx context.Context, host, via string) ([]string, error) {
	keys, err := c.texts(ctx, selectHostKeys, host, via)
	return keys, c.wrap("look up the host key of "+host, err)
}

// PinHostKey pins the key of a host that has none.
func (c hostKeys) PinHostKey(ctx context.Context, host, via, key string) (keys []string, err error) {
	err = c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		keys, err = importHostKeys(ctx, on, catalog.KeysOfHost{Host: host, Via: via, Keys: []string{key}})
		return err
	})
	return keys, c.wrap("pin the host key of "+host, err)
}

// ImportHostKeys pins the keys of those hosts that have none.
func (c hostKeys) ImportHostKeys(ctx context.Context, hosts ...catalog.KeysOfHost) error {
	return c.wrap("import host keys", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for _, h := range hosts {
			if _, err := importHostKeys(ctx, on, h); err != nil {
				return err
			}
		}
		return nil
	}))
}

// SetHostKeys replaces the keys of hosts.
func (c hostKeys) SetHostKeys(ctx context.Context, hosts ...catalog.KeysOfHost) error {
	if len(hosts) == 0 {
		return nil
	}
	return c.wrap("set host keys", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		for _, h := range hosts {
			if _, err := on.exec(ctx, `DELETE FROM host_key WHERE host = ? AND via = ?`, h.Host, h.Via); err != nil {
				return err
			}
			if _, err := importHostKeys(ctx, on, h); err != nil {
				return err
			}
		}
		return nil
	}))
}

// importHostKeys pins the keys of a host if it has none, and returns its keys.
func importHostKeys(ctx context.Context, on *statements, h catalog.KeysOfHost) ([]string, error) {
	keys, err := on.texts(ctx, selectHostKeys, h.Host, h.Via)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	keys = slices.Compact(slices.Sorted(slices.Values(h.Keys)))
	for _, key := range keys {
		if _, err := on.exec(ctx, `INSERT INTO host_key (host, via, key) VALUES (?, ?, ?)`, h.Host, h.Via, key); err != nil {
			return nil, err
		}
	}
	return keys, nil
}
