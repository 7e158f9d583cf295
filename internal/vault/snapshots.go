package vault

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"flashwarden/api"
)

// maxDocument is the greatest size of a document, and of the listings of one
// snapshot, in bytes. A device with 10,000 files needs about 1 MB.
const maxDocument = 64 << 20

const idTime = "20060102T150405Z"

// NewID returns a new snapshot ID: the time in UTC, the device's name with
// every character that is not fit for a file name replaced by "-", and four
// random characters.
func NewID(device string, t time.Time) string {
	name := strings.Map(func(r rune) rune {
		if r < utf8.RuneSelf && inNames(byte(r)) {
			return r
		}
		return '-'
	}, device)
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

// PutSnapshot keeps s, and returns it with the name of its document. Started is
// kept in whole seconds of UTC. The error is ErrRefused if no document was written,
// as for a snapshot that names a blob which the vault does not have. It is ErrExists
// if the vault has exactly this document. After any other error the vault may have
// the document.
func (v *documents) PutSnapshot(ctx context.Context, s api.Snapshot) (api.Snapshot, error) {
	kept, data, err := v.prepare(ctx, s)
	if err != nil {
		return api.Snapshot{}, fmt.Errorf("put snapshot %s: %w", s.ID, refusedError{err})
	}
	if err := v.store.Put(ctx, SnapshotKey(kept.Document), bytes.NewReader(data), int64(len(data))); err != nil {
		return api.Snapshot{}, fmt.Errorf("put snapshot %s: %w", s.ID, err)
	}
	return kept, nil
}

// refusedError is an ErrRefused with the words of its reason.
type refusedError struct{ error }

// Is reports whether target is ErrRefused.
func (refusedError) Is(target error) bool { return target == ErrRefused }

// Unwrap returns the reason.
func (e refusedError) Unwrap() error { return e.error }

// prepare puts the listings of s, and returns s as it is kept, with its
// document.
func (v *documents) prepare(ctx context.Context, s api.Snapshot) (api.Snapshot, []byte, error) {
	s = normalise(s)
	if err := validate(s); err != nil {
		return s, nil, err
	}
	for _, f := range s.Files {
		if f.SHA256 == "" {
			continue
		}
		if err := v.blobs.checkBlob(ctx, f.SHA256, f.Size); err != nil {
			return s, nil, fmt.Errorf("file %s: %w", f.Path, err)
		}
		if err := v.blobs.retain(ctx, BlobKey(f.SHA256)); err != nil {
			return s, nil, fmt.Errorf("file %s: keep its content from being removed: %w", f.Path, err)
		}
	}
	var err error
	if s.ListingBlob, err = v.putListings(ctx, s.Listings); err != nil {
		return s, nil, fmt.Errorf("listings: %w", err)
	}
	data, err := encode(s)
	if err != nil {
		return s, nil, err
	}
	sum := sha256.Sum256(data)
	s.Document = documentName(s.ID, hex.EncodeToString(sum[:]))
	return s, data, nil
}

// putListings keeps the listings of a snapshot as a blob: a device repeats them
// until its flash changes. There is none for no listings.
func (v *documents) putListings(ctx context.Context, listings []api.Listing) (*api.Blob, error) {
	if len(listings) == 0 {
		return nil, nil
	}
	data, err := encodeListings(listings)
	if err != nil {
		return nil, err
	}
	sum, _, err := v.blobs.Put(ctx, data)
	return &api.Blob{SHA256: sum, Size: int64(len(data))}, err
}

func encodeListings(listings []api.Listing) ([]byte, error) {
	data, err := encodeJSON(listings)
	if err == nil && len(data) > maxDocument {
		err = fmt.Errorf("they have %d bytes, more than %d", len(data), maxDocument)
	}
	return data, err
}

// WillName returns the SHA-256 of all contents that the document of s will name when
// PutSnapshot has written it.
func WillName(s api.Snapshot) ([]string, error) {
	var sums []string
	for f := range ContentsOf(s) {
		sums = append(sums, f.SHA256)
	}
	if len(s.Listings) == 0 {
		return sums, nil
	}
	data, err := encodeListings(normalise(s).Listings)
	if err != nil {
		return nil, fmt.Errorf("listings of %s: %w", s.ID, err)
	}
	sum := sha256.Sum256(data)
	return append(sums, hex.EncodeToString(sum[:])), nil
}

// Names returns the names of all snapshot documents, ID.SHA256, in the order of
// their times. It reads no document.
func (v *documents) Names(ctx context.Context) ([]string, error) {
	return v.names(ctx, SnapshotsPart+"/")
}

func (v *documents) names(ctx context.Context, prefix string) ([]string, error) {
	names, err := v.listedNames(ctx, prefix)
	if err != nil {
		return nil, fmt.Errorf("list snapshots: %w", err)
	}
	return names, nil
}

// Listed is Names for a vault of which a part may not be listed: it returns the names in
// all others, and these parts.
func (v *documents) Listed(ctx context.Context) (names []string, unlisted []*UnlistedError, err error) {
	names, err = v.listedNames(ctx, SnapshotsPart+"/")
	if unlisted, err = UnlistedParts(err); err != nil {
		return nil, nil, fmt.Errorf("list snapshots: %w", err)
	}
	return names, unlisted, nil
}

// listedNames returns the names that can be listed, and the error of Store.List.
func (v *documents) listedNames(ctx context.Context, prefix string) (names []string, err error) {
	err = v.store.List(ctx, prefix, func(i Info) error {
		if name, ok := snapshotOf(i.Key); ok {
			names = append(names, name)
		}
		return nil
	})
	slices.Sort(names)
	return names, err
}

// Snapshots yields all snapshots in the order of their times, without their
// listings. One that cannot be read is yielded as a Snapshot with its ID and
// name alone and an error, ErrDamaged where the document is not what it was;
// the others still follow. A Snapshot without ID and an error means that the
// list itself failed.
func (v *documents) Snapshots(ctx context.Context) iter.Seq2[api.Snapshot, error] {
	return func(yield func(api.Snapshot, error) bool) {
		names, err := v.Names(ctx)
		if err != nil {
			yield(api.Snapshot{}, err)
			return
		}
		for _, name := range names {
			s, err := v.Document(ctx, name)
			if err != nil {
				id, _, _ := SplitName(name)
				s = api.Snapshot{ID: id, Document: name}
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// Each yields the snapshots of the documents with these names, in any order. Several are
// read at once. One has its listings only if complete reports true for it. Errors
// are those of Snapshots.
func (v *documents) Each(ctx context.Context, names []string, complete func(api.Snapshot) bool) iter.Seq2[api.Snapshot, error] {
	return func(yield func(api.Snapshot, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		all := sideBySide(ctx, names, func() func(string) loaded {
			return func(name string) loaded {
				s, err := v.Document(ctx, name)
				if err == nil && complete(s) {
					s, err = v.Snapshot(ctx, name)
				}
				return loaded{name, s, err}
			}
		})
		defer func() {
			cancel()
			for range all { // the workers end
			}
		}()
		for d := range all {
			if d.err != nil {
				id, _, _ := SplitName(d.name)
				d.snapshot = api.Snapshot{ID: id, Document: d.name}
			}
			if !yield(d.snapshot, d.err) {
				return
			}
		}
		if ctx.Err() != nil {
			yield(api.Snapshot{}, ctx.Err())
		}
	}
}

// loaded is one document that was read.
type loaded struct {
	name     string
	snapshot api.Snapshot
	err      error // as of Document
}

// readAll reads the documents of these names with all processors, in any order.
// The channel must be drained; it is closed soon after ctx ended.
func (v *documents) readAll(ctx context.Context, names []string) <-chan loaded {
	return sideBySide(ctx, names, func() func(string) loaded {
		return func(name string) loaded {
			s, err := v.Document(ctx, name)
			return loaded{name, s, err}
		}
	})
}

// Snapshot returns the snapshot with the given ID, or of the given name, with
// its listings. The error is ErrNotFound if there is none, ErrDamaged where
// its document is not what it was, and ErrNewer. Listings that cannot be read
// are left out, with a note: everything else of the snapshot is still of use.
func (v *documents) Snapshot(ctx context.Context, id string) (api.Snapshot, error) {
	name, err := v.nameOf(ctx, id)
	if err != nil {
		return api.Snapshot{}, err
	}
	s, err := v.Document(ctx, name)
	if err != nil || s.ListingBlob == nil {
		return s, err
	}
	if s.Listings, err = v.listings(ctx, *s.ListingBlob); err != nil {
		s.Listings = []api.Listing{}
		s.Notes = append(s.Notes, fmt.Sprintf("the listings of the flash cannot be read: %v", err))
	}
	return s, ctx.Err()
}

// nameOf returns the name of the document of a snapshot. Of two documents with
// one ID it is one that proves itself.
func (v *documents) nameOf(ctx context.Context, id string) (string, error) {
	if isName(id) {
		return id, nil
	}
	if !isID(id) {
		return "", fmt.Errorf("snapshot %q: %w", id, ErrNotFound)
	}
	all, err := v.names(ctx, snapshotPart(id)+id+".")
	if err != nil {
		return "", err
	}
	all = slices.DeleteFunc(all, func(name string) bool { own, _, _ := SplitName(name); return own != id })
	if len(all) == 0 {
		return "", fmt.Errorf("snapshot %s: %w", id, ErrNotFound)
	}
	for _, name := range all {
		if _, err := v.Document(ctx, name); err == nil {
			return name, nil
		}
	}
	return all[0], nil
}

// Document returns the snapshot whose document has the given name, without its
// listings. Its errors are those of Snapshot.
func (v *documents) Document(ctx context.Context, name string) (api.Snapshot, error) {
	id, want, ok := SplitName(name)
	if !ok {
		return api.Snapshot{}, fmt.Errorf("snapshot %q: %w", name, ErrNotFound)
	}
	data, ok := v.buffers.Get().(*bytes.Buffer)
	if !ok {
		data = bytes.NewBuffer(make([]byte, 0, usualDocument))
	}
	defer v.buffers.Put(data)
	err := v.readInto(ctx, SnapshotKey(name), data)
	if errors.Is(err, ErrNotFound) {
		return api.Snapshot{}, fmt.Errorf("snapshot %s: %w", id, ErrNotFound)
	}
	if err != nil {
		return api.Snapshot{}, fmt.Errorf("read snapshot %s: %w", id, err)
	}
	s, err := prove(data.Bytes(), id, want)
	if errors.Is(err, ErrNewer) {
		return api.Snapshot{}, fmt.Errorf("snapshot %s: %w", id, err)
	}
	if err != nil {
		return api.Snapshot{}, fmt.Errorf("snapshot %s is %w: %w", id, ErrDamaged, err)
	}
	s.Document = name
	return s, nil
}

// prove decodes a document that must have the given ID and SHA-256.
func prove(data []byte, id, want string) (api.Snapshot, error) {
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != want {
		return api.Snapshot{}, fmt.Errorf("its SHA-256 is %s, not that of its name", got)
	}
	s, err := decode(data)
	if err == nil && s.ID != id {
		err = fmt.Errorf("its file name says %s, but its content says %q", id, s.ID)
	}
	return s, err
}

// listings reads the listings of a snapshot.
func (v *documents) listings(ctx context.Context, b api.Blob) ([]api.Listing, error) {
	data, err := v.read(ctx, BlobKey(b.SHA256))
	if err != nil {
		return nil, fmt.Errorf("blob %s: %w", b.SHA256, err)
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != b.SHA256 {
		return nil, fmt.Errorf("blob %s has the SHA-256 %s: %w", b.SHA256, got, ErrDamaged)
	}
	var listings []api.Listing
	err = decodeJSON(data, &listings)
	return normaliseListings(listings), err
}

// usualDocument is a size in bytes that most documents have less than.
const usualDocument = 16 << 10

// read returns a content of at most maxDocument bytes.
func (v *documents) read(ctx context.Context, key string) ([]byte, error) {
	data := bytes.NewBuffer(make([]byte, 0, usualDocument))
	if err := v.readInto(ctx, key, data); err != nil {
		return nil, err
	}
	return data.Bytes(), nil
}

// readInto replaces what a buffer holds by a content of at most maxDocument bytes.
func (v *documents) readInto(ctx context.Context, key string, data *bytes.Buffer) error {
	data.Reset()
	r, err := v.store.Get(ctx, key, 0)
	if err != nil {
		return err
	}
	n, err := data.ReadFrom(io.LimitReader(r, maxDocument+1))
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF): // of a server
		err = fmt.Errorf("%w: it ends after %d bytes", ErrDamaged, n)
	case err == nil && n > maxDocument:
		err = fmt.Errorf("%w: it has more than %d bytes", ErrDamaged, maxDocument)
	}
	return errors.Join(err, r.Close())
}
