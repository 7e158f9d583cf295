package sealed

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// Documents implements vault.Mirror. It reads those documents of the mirror that it does
// not remember. One that is damaged, or that names a blob which the mirror lacks or has with
// another size, does not count. The newest document of each device says which contents the
// mirror has: a content that only older ones name is copied again when it is needed again.
func (m *Mirror) Documents(ctx context.Context) (func(key string) bool, error) {
	l := listing{sizes: map[string]int64{}, newest: map[string]string{}}
	err := m.store.List(ctx, vault.SnapshotsPart+"/", func(i vault.Info) error {
		if name, ok := vault.SnapshotOf(i.Key); ok {
			l.sizes[strings.Clone(name)] = i.Size
		}
		return ctx.Err()
	})
	hidden, err := vault.UnlistedParts(err)
	if err == nil {
		l.blobs, err = m.blobs(ctx)
	}
	if err != nil {
		return nil, err
	}
	for name := range l.sizes {
		device := deviceOf(name)
		l.newest[device] = max(l.newest[device], name) // they begin with their times
	}
	if err := m.learnAll(ctx, &l); err != nil {
		return nil, err
	}
	return func(key string) bool {
		id, _ := m.labels.id(key)
		m.mu.Lock()
		defer m.mu.Unlock()
		return m.names[id] != "" || !isSnapshot(key) && hides(hidden, vault.SnapshotKey(id))
	}, joined(hidden)
}

// isSnapshot reports whether a key is that of a snapshot, which lies in the same part of the vault and of
// the mirror, and not of the record of a prune.
func isSnapshot(key string) bool { return strings.HasPrefix(key, vault.SnapshotsPart+"/") }

// hides reports whether a key lies in one of these parts.
func hides(parts []*vault.UnlistedError, key string) bool {
	return slices.ContainsFunc(parts, func(part *vault.UnlistedError) bool { return part.Hides(key) })
}

// joined is the error of parts that cannot be listed.
func joined(parts []*vault.UnlistedError) (err error) {
	for _, part := range parts {
		err = errors.Join(err, part)
	}
	return err
}

// listing is what the mirror lists.
type listing struct {
	sizes  map[string]int64  // of documents, by name; -1: not listed
	newest map[string]string // documents, by the label of their device
	blobs  map[string]int64  // as of Mirror.blobs
}

// learnAll learns all documents of the mirror: from the memory, and those that it lacks
// from the mirror. The new memory has no others.
func (m *Mirror) learnAll(ctx context.Context, l *listing) error {
	m.memory = openMemory(m.opts.Memory)
	now, learned := time.Now(), map[string]bool{}
	var failed error
	m.memory.each(func(r remembered) {
		size, listed := l.sizes[r.Document]
		if failed != nil || !listed || size != r.Size || learned[r.Document] || !r.fresh(now) {
			return
		}
		learned[r.Document] = true
		s := r.snapshot()
		failed = m.learn(ctx, s, true, l)
		m.memory.add(s, r.Size, time.Unix(r.Read, 0))
	})
	if failed != nil {
		return failed
	}
	var unread []string
	for name := range l.sizes {
		if !learned[name] {
			unread = append(unread, name)
		}
	}
	for s, err := range m.vault.Each(ctx, unread, func(api.Snapshot) bool { return false }) {
		switch {
		case errors.Is(err, vault.ErrNotFound):
			continue // somebody removed it meanwhile
		case err != nil && !errors.Is(err, vault.ErrDamaged) && !vault.Unreadable(err):
			return err
		}
		if failed := m.learn(ctx, s, err == nil, l); failed != nil {
			return failed
		}
		if err == nil {
			m.memory.add(s, l.sizes[s.Document], now)
		}
	}
	m.memory.replace()
	return nil
}

// deviceOf returns the label of the device in the name of a document.
func deviceOf(name string) string {
	id, _, _ := vault.SplitName(name)
	return id[len("20261122T141503Z-") : len(id)-len("-k3f9")]
}

// learn enters a document of the mirror, and the contents that a newest or broken one
// names. A document that cannot be read is not whole.
func (m *Mirror) learn(ctx context.Context, s api.Snapshot, whole bool, l *listing) error {
	blobs, newest := l.blobs, l.newest[deviceOf(s.Document)] == s.Document
	if _, listed := l.sizes[s.Previous]; !listed && s.Previous != "" {
		m.gone = append(m.gone, vault.Removed{Document: s.Previous, Device: deviceOf(s.Previous)})
	}
	there := map[string]object{}
	for _, f := range s.Files {
		has, err := m.has(ctx, f, blobs)
		if err != nil {
			return err
		}
		whole = whole && has
		if _, listed := blobs[f.SHA256]; listed && !has {
			m.cut[f.SHA256] = true
		}
		if label, ok := strings.CutPrefix(f.Path, contentPath); ok && has {
			there[label] = object{Blob: f.SHA256, Sealed: f.Size}
		}
	}
	if whole {
		m.names[s.ID] = s.Document
	} else {
		m.broken = append(m.broken, vault.Removed{Document: s.Document, Device: deviceOf(s.Document), Previous: s.Previous})
	}
	if newest || !whole {
		for label, o := range there {
			m.objects[label] = o
		}
	}
	return nil
}

// blobs lists the blobs of the mirror, with their sizes or -1. It is nil if a part of the
// mirror cannot be listed.
func (m *Mirror) blobs(ctx context.Context) (map[string]int64, error) {
	sizes := map[string]int64{}
	err := m.store.List(ctx, vault.BlobsPart+"/", func(i vault.Info) error {
		sizes[strings.Clone(path.Base(i.Key))] = i.Size
		return ctx.Err()
	})
	var part *vault.UnlistedError
	if errors.As(err, &part) {
		return nil, nil
	}
	return sizes, err
}

// has reports whether the mirror has the blob of a file with its size.
func (m *Mirror) has(ctx context.Context, f api.File, blobs map[string]int64) (bool, error) {
	size, listed := blobs[f.SHA256]
	if blobs != nil && (!listed || size >= 0) {
		return listed && size == f.Size, nil
	}
	return m.vault.HasBlob(ctx, f.SHA256, f.Size)
}

// Finish implements vault.Mirror: it removes the broken documents that this run or an
// earlier one made anew under the same ID, and the blobs that were cut off. A record explains
// them and the lost ones, as that of a prune.
func (m *Mirror) Finish(ctx context.Context) (replaced int, err error) {
	m.memory.close()
	broken, gone := m.madeAnew(m.broken), m.madeAnew(m.gone)
	if err := m.explain(ctx, append(slices.Clone(broken), gone...)); err != nil {
		return 0, err
	}
	var keys []string
	for _, r := range broken {
		keys = append(keys, vault.SnapshotKey(r.Document))
	}
	if len(broken) > 0 {
		for sum := range m.cut { // after the documents that name it
			keys = append(keys, vault.BlobKey(sum))
		}
	}
	for _, key := range keys {
		if err := m.store.Delete(ctx, key); err != nil && !errors.Is(err, vault.ErrNotFound) {
			return 0, err
		}
	}
	return len(broken), nil
}

// madeAnew returns those of these documents that the mirror has again under another name.
func (m *Mirror) madeAnew(documents []vault.Removed) (anew []vault.Removed) {
	for _, r := range documents {
		id, _, _ := vault.SplitName(r.Document)
		if name := m.names[id]; name != "" && name != r.Document {
			anew = append(anew, r)
		}
	}
	return anew
}

// explain keeps a record of documents, without those that are in a record.
func (m *Mirror) explain(ctx context.Context, documents []vault.Removed) error {
	var names []string
	for _, r := range documents {
		names = append(names, r.Document)
	}
	names, err := m.vault.NotPruned(ctx, names)
	if err != nil || len(names) == 0 {
		return err
	}
	now := time.Now()
	p := vault.Prune{ID: vault.NewID("prune", now), Time: now}
	for _, r := range documents {
		if slices.Contains(names, r.Document) {
			p.Removed = append(p.Removed, r)
		}
	}
	_, err = m.vault.PutPrune(ctx, p)
	return err
}
