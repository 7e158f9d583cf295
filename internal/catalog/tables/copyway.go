package tables

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"flashwarden/api"
)

// CopyWay returns the transport that was found for a device.
func (c index) CopyWay(ctx context.Context, device string) (api.CopyWay, error) {
	var w api.CopyWay
	var since int64
	err := c.queryRow(ctx, `SELECT way, reason, since FROM copy_way WHERE device = ?`, device).Scan(&w.Way, &w.Reason, &since)
	if errors.Is(err, sql.ErrNoRows) {
		return api.CopyWay{}, nil
	}
	w.Since = time.UnixMilli(since).UTC()
	return w, c.wrap("read the transport of "+device, err)
}

// SetCopyWay remembers the transport of a device.
func (c index) SetCopyWay(ctx context.Context, device string, w api.CopyWay) error {
	_, err := c.exec(ctx, `INSERT INTO copy_way (device, way, reason, since) VALUES (?, ?, ?, ?)
		ON CONFLICT (device) DO UPDATE SET way = excluded.way, reason = excluded.reason, since = excluded.since`, device, w.Way, w.Reason, w.Since.UnixMilli())
	return c.wrap("remember the transport of "+device, err)
}
