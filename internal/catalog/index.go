package catalog

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// rebuildBatch is how many snapshots Rebuild writes in one transaction: many
// are fast, but other processes wait for the lock that long.
const rebuildBatch = 500

// Index enters a snapshot of the vault into the index. One with the same ID
// is replaced.
func (c *Catalog) Index(ctx context.Context, s api.Snapshot) error {
	err := c.inTransaction(ctx, func(tx *sql.Tx) error { return index(ctx, tx, s) })
	return c.wrap("index snapshot "+s.ID, err)
}

// Unindex takes a snapshot, which the vault no longer has, out of the index.
// One that is not there is no error.
func (c *Catalog) Unindex(ctx context.Context, id string) error {
	err := c.inTransaction(ctx, func(tx *sql.Tx) error { return unindex(ctx, tx, id) })
	return c.wrap("take snapshot "+id+" out of the index", err)
}

// Remember enters the content of one file that the vault has just taken in,
// so that Known finds it before a snapshot names it: devices that are backed
// up at the same time share it, and it is not copied again where a process
// died before it wrote the snapshot.
func (c *Catalog) Remember(ctx context.Context, f api.File) error {
	image, err := encodeImage(f.Image)
	if err == nil {
		_, err = c.db.ExecContext(ctx, insertBlob, f.SHA256, f.MD5, f.Size, image)
	}
	return c.wrap("remember "+f.SHA256, err)
}

// insertBlob adds what was not known of a blob; what was found last in an
// image stands.
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
		return nil, fmt.Errorf("what was found in an image: %w", err)
	}
	return &i, nil
}

// Inspected returns what was found in the image with the given SHA-256; nil
// where nothing was looked for.
func (c *Catalog) Inspected(ctx context.Context, sha256 string) (*api.Inspection, error) {
	var text string
	err := c.db.QueryRowContext(ctx, `SELECT image FROM blob WHERE sha256 = ?`, sha256).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, c.wrap("look up image "+sha256, err)
	}
	i, err := decodeImage(text)
	return i, c.wrap("look up image "+sha256, err)
}

func index(ctx context.Context, tx *sql.Tx, s api.Snapshot) error {
	if err := unindex(ctx, tx, s.ID); err != nil {
		return err
	}
	files, bytes := kept(s)
	result, err := tx.ExecContext(ctx,
		`INSERT INTO snapshot (id, device, started, status, version, image, files, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		s.ID, s.Device, s.Started.Unix(), s.Status, s.Facts.Version, s.Facts.Image, files, bytes)
	if err != nil {
		return err
	}
	n, err := result.LastInsertId()
	if err != nil {
		return err
	}
	running := runningFiles(s)
	for i, f := range s.Files {
		runs := sql.NullString{String: s.Facts.Version, Valid: running[i]}
		if err := indexFile(ctx, tx, n, f, runs); err != nil {
			return err
		}
	}
	return nil
}

func indexFile(ctx context.Context, tx *sql.Tx, snapshot int64, f api.File, runs sql.NullString) error {
	if f.SHA256 != "" {
		image, err := encodeImage(f.Image)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, insertBlob, f.SHA256, f.MD5, f.Size, image); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO file (snapshot, blob, path, kind, size, cause, runs)
		VALUES (?, (SELECT n FROM blob WHERE sha256 = ?), ?, ?, ?, ?, ?)`,
		snapshot, f.SHA256, f.Path, f.Kind, f.Size, f.Cause, runs)
	return err
}

// unindex removes a snapshot, and the blobs that nothing else names.
func unindex(ctx context.Context, tx *sql.Tx, id string) error {
	var n int64
	err := tx.QueryRowContext(ctx, `SELECT n FROM snapshot WHERE id = ?`, id).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return err
	}
	blobs, err := blobsOf(ctx, tx, n)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM snapshot WHERE n = ?`, n); err != nil {
		return err
	}
	for _, blob := range blobs {
		_, err := tx.ExecContext(ctx, `DELETE FROM blob WHERE n = ? AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob = blob.n)`, blob)
		if err != nil {
			return err
		}
	}
	return nil
}

func blobsOf(ctx context.Context, tx *sql.Tx, snapshot int64) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, `SELECT DISTINCT blob FROM file WHERE snapshot = ? AND blob IS NOT NULL`, snapshot)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var blobs []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, err
		}
		blobs = append(blobs, n)
	}
	return blobs, rows.Err()
}

// kept returns the number and the bytes of the files that the vault holds.
func kept(s api.Snapshot) (files int, bytes int64) {
	for _, f := range s.Files {
		if f.SHA256 != "" {
			files++
			bytes += f.Size
		}
	}
	return files, bytes
}

// Rebuild makes the index equal to the vault: it enters the snapshots that
// the index lacks, which are all of them after the catalog was lost, and
// takes out those that the vault no longer has. Where nothing is to be done
// it only compares names.
//
// Snapshots that are damaged are left out; the error then is vault.ErrDamaged,
// names them, and everything else is done all the same.
func (c *Catalog) Rebuild(ctx context.Context, v *vault.Dir) error {
	missing, surplus, err := c.compare(ctx, v)
	if err != nil {
		return c.wrap("rebuild index", err)
	}
	for id := range surplus {
		if err := c.Unindex(ctx, id); err != nil {
			return fmt.Errorf("rebuild index: %w", err)
		}
	}
	var damaged []error
	for batch := range slices.Chunk(missing, rebuildBatch) {
		bad, err := c.indexBatch(ctx, v, batch)
		if err != nil {
			return c.wrap("rebuild index", err)
		}
		damaged = append(damaged, bad...)
	}
	if len(damaged) > 0 {
		return fmt.Errorf("rebuild index: %w", errors.Join(damaged...))
	}
	return nil
}

// compare returns the snapshots that the index lacks, and those that it has
// and the vault has not.
func (c *Catalog) compare(ctx context.Context, v *vault.Dir) (missing []string, surplus map[string]bool, err error) {
	// The index first: a snapshot that is put and indexed meanwhile is then
	// indexed twice, not taken for one that the vault no longer has.
	if surplus, err = c.snapshotIDs(ctx); err != nil {
		return nil, nil, err
	}
	inVault, err := v.SnapshotIDs()
	if err != nil {
		return nil, nil, err
	}
	for _, id := range inVault {
		if !surplus[id] {
			missing = append(missing, id)
		}
		delete(surplus, id)
	}
	return missing, surplus, nil
}

// indexBatch indexes some snapshots in one transaction and returns what is
// wrong with those that are damaged.
func (c *Catalog) indexBatch(ctx context.Context, v *vault.Dir, ids []string) (damaged []error, err error) {
	var snapshots []api.Snapshot
	for _, id := range ids {
		s, err := v.Snapshot(id)
		switch {
		case errors.Is(err, vault.ErrNotFound): // removed meanwhile
		case errors.Is(err, vault.ErrDamaged):
			damaged = append(damaged, err)
		case err != nil:
			return nil, err
		default:
			snapshots = append(snapshots, s)
		}
	}
	err = c.inTransaction(ctx, func(tx *sql.Tx) error {
		for _, s := range snapshots {
			if err := index(ctx, tx, s); err != nil {
				return err
			}
		}
		return nil
	})
	return damaged, err
}

func (c *Catalog) snapshotIDs(ctx context.Context) (map[string]bool, error) {
	rows, err := c.db.QueryContext(ctx, `SELECT id FROM snapshot`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	ids := map[string]bool{}
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids[id] = true
	}
	return ids, rows.Err()
}

// Snapshots returns the snapshots of one device, or of all where device is
// empty, oldest first.
func (c *Catalog) Snapshots(ctx context.Context, device string) ([]api.SnapshotRow, error) {
	const columns = `SELECT id, device, started, status, version, image, files, bytes FROM snapshot `
	query, args := columns+`ORDER BY id`, []any{}
	if device != "" {
		query, args = columns+`WHERE device = ? ORDER BY id`, []any{device}
	}
	rows, err := c.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, c.wrap("list snapshots", err)
	}
	defer rows.Close()
	list := []api.SnapshotRow{}
	for rows.Next() {
		var r api.SnapshotRow
		var started int64
		if err := rows.Scan(&r.ID, &r.Device, &started, &r.Status, &r.Version, &r.Image, &r.Files, &r.Bytes); err != nil {
			return nil, c.wrap("list snapshots", err)
		}
		r.Started = time.Unix(started, 0).UTC()
		list = append(list, r)
	}
	return list, c.wrap("list snapshots", rows.Err())
}

// Known returns the SHA-256 of the content with the given MD5, in lower-case
// hexadecimal, and size in bytes, where a snapshot names such content or
// Remember was told of it. The caller still has to ask the vault for the blob
// (vault.Dir.HasBlob).
//
// The MD5 is always one that we computed over the bytes that we received. So
// it does not matter how that content was proved when it came: the device
// that now tells the same MD5 proves that it holds these bytes. Two contents
// with one MD5 and size can only be made on purpose; then neither is known.
func (c *Catalog) Known(ctx context.Context, md5 string, size int64) (sha256 string, ok bool, err error) {
	if md5 == "" {
		return "", false, nil
	}
	rows, err := c.db.QueryContext(ctx, `SELECT sha256 FROM blob WHERE md5 = ? AND size = ? LIMIT 2`, md5, size)
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
