package sealed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"filippo.io/age"

	"flashwarden/internal/vault"
)

// errReadOnly is the error of a change of an encrypted mirror.
var errReadOnly = errors.New("an encrypted mirror is only read")

// Reader is the vault that an encrypted mirror has, as a vault.Store that is only
// read. A document that cannot be read any more is there under the key that it has in the
// mirror, and damaged: nobody knows its own name.
type Reader struct {
	store      vault.Store
	identities []age.Identity
	documents  map[string]entry  // by key
	contents   map[string]object // by SHA-256
	damaged    map[string]error  // documents of the mirror that cannot be read, by their key there
	identity   []byte
	unlisted   []*vault.UnlistedError // the parts of the mirror that cannot be listed
}

// entry is where one document is.
type entry struct {
	manifest string // the SHA-256 of its blob
	size     int64  // of the document, in bytes
}

// ErrNotSealed is the error of a mirror that is not encrypted.
var ErrNotSealed = errors.New("the mirror is not encrypted")

// Open reads and decrypts all manifests of a mirror. Identities are those of a
// file of age-keygen. The error is ErrNotSealed if the mirror is not encrypted.
func Open(ctx context.Context, s vault.Store, identityFile io.Reader) (*Reader, error) {
	identities, err := age.ParseIdentities(identityFile)
	if err != nil {
		return nil, err
	}
	r := &Reader{store: s, identities: identities, documents: map[string]entry{}, contents: map[string]object{}, damaged: map[string]error{}}
	v := vault.New(s)
	id, err := v.Identity(ctx)
	if err != nil {
		return nil, err
	}
	if id.SealedTo == "" {
		return nil, ErrNotSealed
	}
	id.SealedTo = ""
	if r.identity, err = json.Marshal(id); err != nil {
		return nil, err
	}
	names, unlisted, err := v.Listed(ctx)
	if err != nil {
		return nil, err
	}
	r.unlisted = unlisted
	for _, name := range names {
		err := r.read(ctx, v, name)
		switch {
		case errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrNotFound), vault.Unreadable(err):
			r.damaged[vault.SnapshotKey(name)] = err
		case err != nil:
			return nil, err
		}
	}
	return r, nil
}

// read reads the manifest of one document of the mirror.
func (r *Reader) read(ctx context.Context, v *vault.Vault, name string) error {
	s, err := v.Document(ctx, name)
	if err != nil {
		return err
	}
	for _, f := range s.Files {
		if f.Path != manifestPath {
			continue
		}
		m, err := readManifest(ctx, r.store, f.SHA256, r.identities)
		if err != nil {
			return err
		}
		r.documents[m.Key] = entry{f.SHA256, int64(len(m.Document))}
		for _, o := range m.Contents {
			r.contents[o.SHA256] = o
		}
	}
	return nil
}

// Get implements vault.Store.
func (r *Reader) Get(ctx context.Context, key string, offset int64) (io.ReadCloser, error) {
	if err := valid(ctx, key); err != nil {
		return nil, err
	}
	if key == vault.IdentityKey {
		return text(r.identity, offset), nil
	}
	if err := r.damaged[key]; err != nil {
		return nil, damage(err)
	}
	if d, ok := r.documents[key]; ok {
		m, err := readManifest(ctx, r.store, d.manifest, r.identities)
		return text([]byte(m.Document), offset), err
	}
	o, ok := r.contents[key[strings.LastIndexByte(key, '/')+1:]]
	if !ok || key != vault.BlobKey(o.SHA256) {
		return nil, vault.ErrNotFound
	}
	return r.open(ctx, o, offset)
}

// open decrypts one content from an offset on.
func (r *Reader) open(ctx context.Context, o object, offset int64) (io.ReadCloser, error) {
	f, err := r.store.Get(ctx, vault.BlobKey(o.Blob), 0)
	if err != nil {
		return nil, err
	}
	plain, err := age.Decrypt(f, r.identities...)
	if err == nil {
		_, err = io.CopyN(io.Discard, plain, min(offset, o.Size))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("blob %s: %w", o.Blob, err), f.Close())
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, f}, nil
}

func text(data []byte, offset int64) io.ReadCloser {
	return io.NopCloser(bytes.NewReader(data[min(offset, int64(len(data))):]))
}

// damage is the error of a document that cannot be read. Its manifest may be missing: the
// document is not.
func damage(err error) error { return fmt.Errorf("%w: %v", vault.ErrDamaged, err) }

// Stat implements vault.Store.
func (r *Reader) Stat(ctx context.Context, key string) (vault.Info, error) {
	if err := valid(ctx, key); err != nil {
		return vault.Info{}, err
	}
	if key == vault.IdentityKey {
		return vault.Info{Key: key, Size: int64(len(r.identity))}, nil
	}
	if err := r.damaged[key]; err != nil {
		return vault.Info{}, damage(err)
	}
	blob, size := r.documents[key].manifest, r.documents[key].size
	if o, ok := r.contents[key[strings.LastIndexByte(key, '/')+1:]]; ok && key == vault.BlobKey(o.SHA256) {
		blob, size = o.Blob, o.Size
	}
	if blob == "" {
		return vault.Info{}, vault.ErrNotFound
	}
	info, err := r.store.Stat(ctx, vault.BlobKey(blob))
	return vault.Info{Key: key, Size: size, Modified: info.Modified}, err
}

// List implements vault.Store.
func (r *Reader) List(ctx context.Context, prefix string, yield func(vault.Info) error) error {
	all := map[string]int64{vault.IdentityKey: int64(len(r.identity))}
	for key, d := range r.documents {
		all[key] = d.size
	}
	for key := range r.damaged {
		all[key] = -1
	}
	for sum, o := range r.contents {
		all[vault.BlobKey(sum)] = o.Size
	}
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if !strings.HasPrefix(key, prefix) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := yield(vault.Info{Key: key, Size: all[key]}); err != nil {
			return err
		}
	}
	return errors.Join(ctx.Err(), r.hidden(prefix))
}

// hidden returns the parts of the mirror that cannot be listed, for keys with a prefix. Nobody knows
// which documents of the vault they have.
func (r *Reader) hidden(prefix string) error {
	if strings.HasPrefix(prefix, vault.BlobsPart+"/") {
		return nil
	}
	return joined(r.unlisted)
}

// Put implements vault.Store: it refuses.
func (r *Reader) Put(context.Context, string, io.Reader, int64) error { return errReadOnly }

// Delete implements vault.Store: it refuses.
func (r *Reader) Delete(context.Context, string) error { return errReadOnly }

func valid(ctx context.Context, key string) error {
	if !vault.ValidKey(key) {
		return fmt.Errorf("%q is not a key of a vault", key)
	}
	return ctx.Err()
}
