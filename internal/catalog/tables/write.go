package tables

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// writer enters snapshots in one transaction.
type writer struct {
	on    *statements
	blobs map[string]blobRow // entered by this transaction, by SHA-256
}

// blobRow is what a transaction entered of one content.
type blobRow struct {
	n          int64
	md5, image string
}

// index enters a snapshot. If it replaces one, the facts about its contents stay.
func (w writer) index(ctx context.Context, s api.Snapshot) error {
	blobs, err := remove(ctx, w.on, s.ID)
	if err != nil {
		return err
	}
	if err := w.insert(ctx, s); err != nil {
		return err
	}
	if err := w.flashUse(ctx, s); err != nil {
		return err
	}
	if len(blobs) > 0 {
		clear(w.blobs) // some of them may go
	}
	return removeUnnamed(ctx, w.on, blobs)
}

func (w writer) insert(ctx context.Context, s api.Snapshot) error {
	files, bytes := catalog.Kept(s)
	warnings, err := encodeTexts(s.Warnings)
	if err != nil {
		return err
	}
	var n int64
	err = w.on.scan(ctx, &n,
		`INSERT INTO snapshot (id, document, previous, device, started, status, model, version, image, files, bytes, received, runs, warnings)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING n`,
		s.ID, s.Document, s.Previous, s.Device, s.Started.Unix(), s.Status, s.Facts.Model, s.Facts.Version, s.Facts.Image, files, bytes, s.Received(), catalog.HoldsRunning(s), warnings)
	if err != nil {
		return err
	}
	running := catalog.Running(s)
	for i, f := range s.Files {
		runs := sql.NullString{Valid: running[i] || f.Unit != ""}
		if running[i] {
			runs.String = s.Facts.Version
		}
		if err := w.file(ctx, n, f, runs); err != nil {
			return err
		}
		if catalog.ReadOnArrival(f) {
			if err := proveOnArrival(ctx, w.on, catalog.Proof{SHA256: f.SHA256, Size: f.Size, Read: s.Started, Whole: true}); err != nil {
				return err
			}
		}
	}
	return nil
}

// file enters a file of a snapshot, with its content.
func (w writer) file(ctx context.Context, snapshot int64, f api.File, runs sql.NullString) error {
	blob, err := w.blob(ctx, f)
	if err != nil {
		return err
	}
	_, err = w.on.exec(ctx, `INSERT INTO file (snapshot, blob, path, kind, size, cause, runs) VALUES (?, ?, ?, ?, ?, ?, ?)`,
		snapshot, blob, f.Path, f.Kind, f.Size, f.Cause, runs)
	return err
}

// blob enters the content of a file and returns its number; NULL if it was not kept.
func (w writer) blob(ctx context.Context, f api.File) (n sql.NullInt64, err error) {
	if f.SHA256 == "" {
		return n, nil
	}
	image, err := encodeImage(f.Image)
	if err != nil {
		return n, err
	}
	row, ok := w.blobs[f.SHA256]
	if !ok || row.md5 != f.MD5 || row.image != image {
		row.md5, row.image = f.MD5, image
		if _, err := w.on.exec(ctx, insertBlob, f.SHA256, f.MD5, f.Size, image); err != nil {
			return n, err
		}
		if err := w.on.scan(ctx, &row.n, `SELECT n FROM blob WHERE sha256 = ?`, f.SHA256); err != nil {
			return n, err
		}
		w.blobs[f.SHA256] = row
	}
	return sql.NullInt64{Int64: row.n, Valid: true}, nil
}

// proveOnArrival is prove for content that a backup copied. Where the content was
// whole before, other devices that have it keep their older proof: their states are
// not computed again for each device that copies it too. A proof in the future is replaced.
func proveOnArrival(ctx context.Context, on *statements, p catalog.Proof) error {
	done, err := on.exec(ctx, `UPDATE blob SET checked = CASE WHEN checked < ?1 THEN ?1 ELSE checked END WHERE sha256 = ?2 AND checked <= ?3 AND NOT damaged`, p.Read.Unix(), p.SHA256, time.Now().Unix())
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); n > 0 || err != nil {
		return err
	}
	return prove(ctx, on, p)
}

// remove removes a snapshot, and returns the blobs that it named.
func remove(ctx context.Context, on *statements, id string) (blobs []int64, err error) {
	var n int64
	err = on.scan(ctx, &n, `SELECT n FROM snapshot WHERE id = ?`, id)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		blobs, err = column[int64](ctx, on, `SELECT DISTINCT blob FROM file WHERE snapshot = ? AND blob IS NOT NULL`, n)
	}
	if err == nil {
		_, err = on.exec(ctx, `DELETE FROM snapshot WHERE n = ?`, n)
	}
	return blobs, err
}

// removeUnnamed removes those of these blobs that no snapshot names.
func removeUnnamed(ctx context.Context, on *statements, blobs []int64) error {
	return inBatches(blobs, func(some []int64) error {
		in, args := oneOf(some)
		_, err := on.exec(ctx, `DELETE FROM blob WHERE n `+in+` AND NOT EXISTS (SELECT 1 FROM file WHERE file.blob = blob.n)`, args...)
		return err
	})
}
