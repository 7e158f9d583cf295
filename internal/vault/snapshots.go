package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"time"

	"flashwarden/api"
)

// maxSnapshot is the greatest size of a snapshot document in bytes. A device
// with 10,000 files needs about 1 MB.
const maxSnapshot = 64 << 20

const idTime = "20060102T150405Z"

// NewID returns a new snapshot ID: the time in UTC, the device's name with
// every character that is not fit for a file name replaced by "-", and four
// random characters.
func NewID(device string, t time.Time) string {
	name := unsafeInID.ReplaceAllString(device, "-")
	if name == "" {
		name = "device"
	}
	return t.UTC().Format(idTime) + "-" + name[:min(len(name), 64)] + "-" + randomSuffix()
}

// randomSuffix returns four evenly distributed characters of a-z0-9.
func randomSuffix() string {
	const alphabet = "abcdefghijklmnopqrstuvwxyz0123456789"
	const fair = 256 - 256%len(alphabet)
	suffix := make([]byte, 0, 4)
	var b [1]byte
	for len(suffix) < cap(suffix) {
		rand.Read(b[:]) // never fails: crypto/rand.Read ends the program instead
		if int(b[0]) < fair {
			suffix = append(suffix, alphabet[int(b[0])%len(alphabet)])
		}
	}
	return string(suffix)
}

// PutSnapshot keeps s under its ID. It refuses a snapshot that names a blob
// which the vault does not have, and one whose ID is taken (ErrExists).
// Started is kept in whole seconds of UTC.
func (v *Vault) PutSnapshot(ctx context.Context, s api.Snapshot) error {
	if err := v.putSnapshot(ctx, s); err != nil {
		return fmt.Errorf("put snapshot %s: %w", s.ID, err)
	}
	return nil
}

func (v *Vault) putSnapshot(ctx context.Context, s api.Snapshot) error {
	s = normalise(s)
	if err := validate(s); err != nil {
		return err
	}
	for _, f := range s.Files {
		if f.SHA256 == "" {
			continue
		}
		if err := v.checkBlob(ctx, f.SHA256, f.Size); err != nil {
			return fmt.Errorf("file %s: %w", f.Path, err)
		}
	}
	data, err := encode(s)
	if err != nil {
		return err
	}
	return v.store.Put(ctx, SnapshotKey(s.ID), bytes.NewReader(data), int64(len(data)))
}

// SnapshotIDs returns the IDs of all snapshots, in the order of their times.
// It reads no document.
func (v *Vault) SnapshotIDs(ctx context.Context) ([]string, error) {
	var ids []string
	err := v.store.List(ctx, SnapshotsPart+"/", func(i Info) error {
		if id, ok := snapshotOf(i.Key); ok {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	slices.Sort(ids)
	return ids, nil
}

// Snapshots yields all snapshots in the order of their times. One that cannot
// be read is yielded as a Snapshot with its ID alone and an error, ErrDamaged
// where the document is not what it was; the others still follow. A
// Snapshot without ID and an error means that the list itself failed.
func (v *Vault) Snapshots(ctx context.Context) iter.Seq2[api.Snapshot, error] {
	return func(yield func(api.Snapshot, error) bool) {
		ids, err := v.SnapshotIDs(ctx)
		if err != nil {
			yield(api.Snapshot{}, err)
			return
		}
		for _, id := range ids {
			s, err := v.Snapshot(ctx, id)
			if err != nil {
				s = api.Snapshot{ID: id}
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// Snapshot returns the snapshot with the given ID. The error is ErrNotFound
// where there is none, and ErrDamaged where its document cannot be
// understood.
func (v *Vault) Snapshot(ctx context.Context, id string) (api.Snapshot, error) {
	if !validID.MatchString(id) {
		return api.Snapshot{}, fmt.Errorf("snapshot %q: %w", id, ErrNotFound)
	}
	data, err := v.document(ctx, SnapshotKey(id))
	switch {
	case errors.Is(err, ErrNotFound):
		return api.Snapshot{}, fmt.Errorf("snapshot %s: %w", id, ErrNotFound)
	case err != nil:
		return api.Snapshot{}, fmt.Errorf("read snapshot %s: %w", id, err)
	}
	s, err := decode(data)
	if err == nil && s.ID != id {
		err = fmt.Errorf("its file is named %s.json but it calls itself %q", id, s.ID)
	}
	if err != nil {
		return api.Snapshot{}, fmt.Errorf("snapshot %s is %w: %w", id, ErrDamaged, err)
	}
	return s, nil
}

// document reads a content of at most maxSnapshot bytes.
func (v *Vault) document(ctx context.Context, key string) ([]byte, error) {
	info, err := v.store.Stat(ctx, key)
	if err != nil {
		return nil, err
	}
	if info.Size > maxSnapshot {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d", ErrDamaged, info.Size, maxSnapshot)
	}
	r, err := v.store.Get(ctx, key, 0)
	if err != nil {
		return nil, err
	}
	data := make([]byte, info.Size)
	_, err = io.ReadFull(r, data)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = fmt.Errorf("%w: it ends before its %d bytes", ErrDamaged, info.Size)
	}
	return data, errors.Join(err, r.Close())
}
