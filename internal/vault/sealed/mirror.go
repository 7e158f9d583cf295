package sealed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"filippo.io/age"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// Options say how a mirror is encrypted.
type Options struct {
	Recipient string // age1…
	// Secret makes the labels of devices and contents. With another one, all is
	// copied again.
	Secret []byte
	Temp   string // a directory for one ciphertext of each content that is copied
	Limit  *vault.RateLimiter
	// Memory is the path of a file that remembers what the documents of the mirror say,
	// of a mirror whose listing has sizes. Empty: each run reads all documents.
	Memory string
}

// Mirror is a vault.Mirror that encrypts.
type Mirror struct {
	opts   Options
	to     age.Recipient
	labels labels
	store  vault.Store
	vault  *vault.Vault
	twin   *vault.Twin

	mu      sync.Mutex
	names   map[string]string // documents of the mirror by ID
	objects map[string]object // by the label of their content
	broken  []vault.Removed   // documents of the mirror that are damaged or lack a blob
	gone    []vault.Removed   // documents that others name as the one before them, and that do not exist
	cut     map[string]bool   // blobs of the mirror with a wrong size
	memory  *memory
}

// New returns the mirror in a store.
func New(s vault.Store, o Options) (*Mirror, error) {
	to, err := age.ParseX25519Recipient(o.Recipient)
	if err != nil {
		return nil, err
	}
	return &Mirror{opts: o, to: to, labels: labels{o.Secret}, store: s, vault: vault.New(s), twin: vault.NewTwin(s, o.Limit),
		names: map[string]string{}, objects: map[string]object{}, cut: map[string]bool{}, memory: openMemory("")}, nil
}

// Begin implements vault.Mirror.
func (m *Mirror) Begin(ctx context.Context, id vault.Identity, fresh bool) (made bool, err error) {
	id.SealedTo = m.opts.Recipient
	return m.twin.Begin(ctx, id, fresh)
}

// Content implements vault.Mirror. The ciphertext must be whole before its name is
// known: it lies in a file until then.
func (m *Mirror) Content(ctx context.Context, c vault.Original) (vault.Copied, error) {
	label := m.labels.of("content", c.SHA256)
	m.mu.Lock()
	o, known := m.objects[label]
	m.mu.Unlock()
	if known {
		there, err := m.vault.HasBlob(ctx, o.Blob, o.Sealed)
		if there || err != nil {
			return vault.WasThere, err
		}
	}
	r, err := c.Open()
	if err != nil {
		return vault.WasThere, err
	}
	defer r.Close()
	o, err = m.seal(ctx, r)
	if err != nil {
		return vault.WasThere, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.objects[label] = o
	return vault.WasCopied, nil
}

// seal encrypts a content, and brings the ciphertext to the mirror.
func (m *Mirror) seal(ctx context.Context, r io.Reader) (object, error) {
	f, err := os.CreateTemp(m.opts.Temp, "sealed-")
	if err != nil {
		return object{}, err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil { // it needs no name, and nothing is left of it
		return object{}, err
	}
	sum, size, err := encrypt(f, r, m.to)
	if err != nil {
		return object{}, err
	}
	_, err = m.twin.Content(ctx, vault.Original{SHA256: sum, Size: size, Open: func() (io.ReadCloser, error) {
		_, err := f.Seek(0, io.SeekStart)
		return io.NopCloser(m.opts.Limit.Reader(ctx, f)), err
	}})
	return object{Blob: sum, Sealed: size}, err
}

// Document implements vault.Mirror.
func (m *Mirror) Document(ctx context.Context, key string, data []byte, s api.Snapshot) error {
	id, device := m.labels.id(key)
	started, err := time.Parse("20060102T150405Z", id[:len("20261122T141503Z")])
	if err != nil {
		return fmt.Errorf("document %s: %w", key, err)
	}
	outer := api.Snapshot{ID: id, Device: device, Status: api.StatusOK, Started: started}
	if s.Status != "" {
		outer.Status = s.Status
	}
	sheet := manifest{Key: key, Document: string(data), Contents: []object{}}
	for c := range vault.ContentsOf(s) {
		label := m.labels.of("content", c.SHA256)
		m.mu.Lock()
		o := m.objects[label]
		m.mu.Unlock()
		o.SHA256, o.Size = c.SHA256, c.Size
		if slices.ContainsFunc(sheet.Contents, func(other object) bool { return other.SHA256 == o.SHA256 }) {
			continue
		}
		sheet.Contents = append(sheet.Contents, o)
		outer.Files = append(outer.Files, file(contentPath+label, o))
	}
	text, err := sheet.text()
	if err != nil {
		return err
	}
	o, err := m.seal(ctx, text)
	if err != nil {
		return err
	}
	outer.Files = append(outer.Files, file(manifestPath, o))
	if s.Previous != "" {
		before, _ := m.labels.id(vault.SnapshotKey(s.Previous))
		m.mu.Lock()
		outer.Previous = m.names[before] // empty if a prune removed it before it came here
		m.mu.Unlock()
	}
	kept, err := m.vault.PutSnapshot(ctx, outer)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.names[id] = kept.Document
	m.memory.add(kept, vault.DocumentSize(kept), time.Now())
	return nil
}

// Locks implements vault.LockExtender.
func (m *Mirror) Locks() bool { return m.vault.Locks() }

// ExtendLocks implements vault.LockExtender. The documents of the mirror name the ciphertexts.
func (m *Mirror) ExtendLocks(ctx context.Context, snapshots []api.Snapshot) error {
	var names []string
	for _, s := range snapshots {
		id, _ := m.labels.id(vault.SnapshotKey(s.Document))
		m.mu.Lock()
		if name := m.names[id]; name != "" {
			names = append(names, name)
		}
		m.mu.Unlock()
	}
	var own []api.Snapshot
	for s, err := range m.vault.Each(ctx, names, func(api.Snapshot) bool { return false }) {
		if err == nil { // else the next run makes it anew
			own = append(own, s)
		}
	}
	return errors.Join(ctx.Err(), m.vault.ExtendLocks(ctx, own))
}

func file(path string, o object) api.File {
	return api.File{Path: path, Kind: api.KindOther, Size: o.Sealed, SHA256: o.Blob, Evidence: api.EvidenceSize}
}
