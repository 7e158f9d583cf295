package tables

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"flashwarden/api"
)

// Index enters snapshots of the vault in one transaction.
func (c index) Index(ctx context.Context, snapshots ...api.Snapshot) error {
	if len(snapshots) == 0 {
		return nil
	}
	return c.wrap("index", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		if err := underLease(ctx, on); err != nil {
			return err
		}
		w := writer{on: on, blobs: map[string]blobRow{}}
		var devices []string
		for _, s := range snapshots {
			if err := w.index(ctx, s); err != nil {
				return fmt.Errorf("snapshot %s: %w", s.ID, err)
			}
			if _, err := on.exec(ctx, `DELETE FROM intended WHERE id = ?`, s.ID); err != nil {
				return err
			}
			devices = append(devices, s.Device)
		}
		slices.Sort(devices)
		return refreshSnapshots(ctx, on, slices.Compact(devices)...)
	}))
}

// Unindex takes snapshots that the vault no longer has out of the index.
func (c index) Unindex(ctx context.Context, ids ...string) error {
	return c.wrap("take snapshots out of the index", c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		var all []string
		blobs := map[int64]bool{} // snapshots share most of them
		for _, id := range ids {
			// The state of a device follows from its newest snapshots, and from the one
			// that has the image that it runs.
			devices, err := on.texts(ctx, `SELECT s.device FROM snapshot AS s WHERE s.id = ?1 AND (
				EXISTS (SELECT 1 FROM device_state WHERE device_state.device = s.device AND s.id IN (newest_id, good_id))
				OR EXISTS (SELECT 1 FROM running_file WHERE running_file.device = s.device AND s.n IN (snapshot, source)))`, id)
			var named []int64
			if err == nil {
				named, err = remove(ctx, on, id)
			}
			if err != nil {
				return fmt.Errorf("snapshot %s: %w", id, err)
			}
			all = append(all, devices...)
			for _, blob := range named {
				blobs[blob] = true
			}
		}
		if err := removeUnnamed(ctx, on, slices.Sorted(maps.Keys(blobs))); err != nil {
			return err
		}
		slices.Sort(all)
		return refreshSnapshots(ctx, on, slices.Compact(all)...)
	}))
}

// ForgetContents takes out contents that no snapshot names.
func (c index) ForgetContents(ctx context.Context, sums ...string) error {
	err := c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		return inBatches(sums, func(some []string) error {
			in, args := oneOf(some)
			_, err := on.exec(ctx, `DELETE FROM blob WHERE sha256 `+in+` AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob = blob.n)`, args...)
			if err == nil {
				_, err = on.exec(ctx, `DELETE FROM condemned WHERE sha256 `+in, args...)
			}
			return err
		})
	})
	return c.wrap("forget content", err)
}

// Remember enters the content of one file that the vault has just taken in.
func (c index) Remember(ctx context.Context, f api.File) error {
	image, err := encodeImage(f.Image)
	if err != nil {
		return c.wrap("remember "+f.SHA256, err)
	}
	return c.wrap("remember "+f.SHA256, c.inTransaction(ctx, func(ctx context.Context, on *statements) error {
		if err := c.claim(ctx, on, []string{f.SHA256}); err != nil {
			return err
		}
		_, err := on.exec(ctx, insertBlob, f.SHA256, f.MD5, f.Size, image)
		return err
	}))
}

// insertBlob adds the new facts about a blob; the last inspection of an image
// wins.
const insertBlob = `INSERT INTO blob (sha256, md5, size, image) VALUES (?, ?, ?, ?)
	ON CONFLICT (sha256) DO UPDATE SET
		md5 = CASE blob.md5 WHEN '' THEN excluded.md5 ELSE blob.md5 END,
		image = CASE excluded.image WHEN '' THEN blob.image ELSE excluded.image END
	WHERE blob.md5 = '' OR excluded.image <> ''`

// encodeImage is an image in the form of the table; empty where it was not
// inspected.
func encodeImage(i *api.Inspection) (string, error) {
	if i == nil {
		return "", nil
	}
	text, err := json.Marshal(i)
	return string(text), err
}

func decodeImage(text string) (*api.Inspection, error) {
	if text == "" {
		return nil, nil
	}
	var i api.Inspection
	if err := json.Unmarshal([]byte(text), &i); err != nil {
		return nil, fmt.Errorf("read the inspection of an image: %w", err)
	}
	return &i, nil
}

// encodeTexts is a list of texts in the form of the table; empty for none.
func encodeTexts(list []string) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	text, err := json.Marshal(list)
	return string(text), err
}

// countTexts returns the length of a list that encodeTexts wrote.
func countTexts(text string) (int, error) {
	if text == "" {
		return 0, nil
	}
	var list []string
	err := json.Unmarshal([]byte(text), &list)
	return len(list), err
}

// Inspected returns the result of inspecting the image with the given SHA-256.
func (c index) Inspected(ctx context.Context, sha256 string) (*api.Inspection, error) {
	var text string
	err := c.queryRow(ctx, `SELECT image FROM blob WHERE sha256 = ?`, sha256).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, c.wrap("look up image "+sha256, err)
	}
	i, err := decodeImage(text)
	return i, c.wrap("look up image "+sha256, err)
}

// Snapshots returns the snapshots of one device, or of all where device is
// empty, oldest first.
func (c index) Snapshots(ctx context.Context, device string) ([]api.SnapshotRow, error) {
	const columns = `SELECT id, device, started, status, version, image, files, bytes, warnings FROM snapshot `
	query, args := columns+`ORDER BY id`, []any{}
	if device != "" {
		query, args = columns+`WHERE device = ? ORDER BY id`, []any{device}
	}
	rows, err := c.query(ctx, query, args...)
	if err != nil {
		return nil, c.wrap("list snapshots", err)
	}
	defer rows.Close()
	list := []api.SnapshotRow{}
	for rows.Next() {
		var r api.SnapshotRow
		var started int64
		var warnings string
		err := rows.Scan(&r.ID, &r.Device, &started, &r.Status, &r.Version, &r.Image, &r.Files, &r.Bytes, &warnings)
		if err == nil {
			r.Warnings, err = countTexts(warnings)
		}
		if err != nil {
			return nil, c.wrap("list snapshots", err)
		}
		r.Started = time.Unix(started, 0).UTC()
		list = append(list, r)
	}
	return list, c.wrap("list snapshots", rows.Err())
}

// HasSize reports whether there is content of this size.
func (c index) HasSize(ctx context.Context, size int64) (bool, error) {
	var n int
	err := c.queryRow(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM blob WHERE size = ? AND md5 <> ''
		AND NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.sha256 = blob.sha256 AND removing <> 0) LIMIT 1) found`, size).Scan(&n)
	return n > 0, c.wrap("look up content", err)
}

// Known returns the SHA-256 of the content with the given MD5 and size.
func (c index) Known(ctx context.Context, md5 string, size int64) (sha256 string, ok bool, err error) {
	if md5 == "" {
		return "", false, nil
	}
	rows, err := c.query(ctx, `SELECT sha256 FROM blob WHERE md5 = ? AND size = ?
		AND NOT EXISTS (SELECT 1 FROM condemned WHERE condemned.sha256 = blob.sha256 AND removing <> 0) LIMIT 2`, md5, size)
	if err != nil {
		return "", false, c.wrap("look up content", err)
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		if err := rows.Scan(&sha256); err != nil {
			return "", false, c.wrap("look up content", err)
		}
		n++
	}
	if err := rows.Err(); err != nil || n != 1 {
		return "", false, c.wrap("look up content", err)
	}
	return sha256, true, nil
}
