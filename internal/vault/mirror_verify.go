package vault

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"flashwarden/api"
)

// A mirror may lose what it had: a server that does not sync loses power, a disk or
// a person removes files. So each run compares its listing with the vault.

// whole reports whether the mirror has a document of this vault, with its size.
func (r *mirrorRun) whole(ctx context.Context, key string) (bool, error) {
	t, ok := r.to.(*Twin)
	if !ok || !r.have(key) {
		return r.have(key), nil
	}
	want, err := r.vault.store.Stat(ctx, key)
	if err != nil {
		return true, ctx.Err() // a prune removed it, or reading it reports the problem
	}
	return t.hasSize(ctx, key, want.Size)
}

// hasSize reports whether the mirror has a document with this size, in bytes.
func (t *Twin) hasSize(ctx context.Context, key string, size int64) (bool, error) {
	got := t.sizes[key]
	if got < 0 {
		info, err := t.vault.store.Stat(ctx, key)
		if errors.Is(err, ErrNotFound) || replaceable(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		got = info.Size
	}
	return got == size, nil
}

// lost copies the contents again that held snapshots name and the mirror has lost.
func (r *mirrorRun) lost(ctx context.Context, held []string) error {
	t, ok := r.to.(*Twin)
	if !ok || len(held) == 0 {
		return nil
	}
	absent, err := r.absent(ctx, t)
	if err != nil || len(absent) == 0 {
		return err
	}
	var todo []func(context.Context) error
	named := map[digest]api.Snapshot{}
	for d := range r.vault.readAll(ctx, held) {
		for _, f := range ContentsOf(d.snapshot) {
			sum := digestOf(f.SHA256)
			if _, twice := named[sum]; twice || !absent[sum] {
				continue
			}
			named[sum], r.sizes[sum] = d.snapshot, f.Size
			r.count.total += f.Size
			todo = append(todo, func(ctx context.Context) error { return r.content(ctx, sum, false) })
		}
	}
	if err := errors.Join(ctx.Err(), atOnce(ctx, r.parallel, todo)); err != nil {
		return err
	}
	for _, s := range named {
		r.lacks(ctx, s)
	}
	if len(todo) > 0 {
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("the mirror had lost %d files of snapshots that it holds", len(todo)))
	}
	return nil
}

// absent returns the contents of the vault that the mirror does not list, without
// those of new snapshots.
func (r *mirrorRun) absent(ctx context.Context, t *Twin) (map[digest]bool, error) {
	absent := map[digest]bool{}
	err := r.vault.store.List(ctx, BlobsPart+"/", func(i Info) error {
		if sum, ok := blobOf(i.Key); ok {
			absent[digestOf(sum)] = true
		}
		return ctx.Err()
	})
	if err := r.unlisted(unlessAbsent(err)); err != nil {
		return nil, err
	}
	err = t.vault.store.List(ctx, BlobsPart+"/", func(i Info) error {
		if sum, ok := blobOf(i.Key); ok {
			delete(absent, digestOf(sum))
		}
		return ctx.Err()
	})
	for sum := range r.sizes {
		delete(absent, sum)
	}
	_, err = unlistedParts(err) // contents below such a part are looked up by their keys
	return absent, err
}

// holds notes which wanted snapshots the mirror had before this run, without those that
// name content which the mirror has lost and this run could not copy.
func (r *mirrorRun) holds(ctx context.Context, held []string) error {
	var failed bool
	for _, damage := range r.ended {
		failed = failed || damage != nil
	}
	for _, name := range held {
		id, _, _ := SplitName(name)
		if !r.wanted[id] {
			continue
		}
		if failed {
			s, err := r.vault.Document(ctx, name)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil || r.lacksContent(s) {
				continue
			}
		}
		r.result.Holds = append(r.result.Holds, id)
	}
	return nil
}

// lacksContent reports whether a content of a snapshot could not be copied.
func (r *mirrorRun) lacksContent(s api.Snapshot) bool {
	return slices.ContainsFunc(ContentsOf(s), func(f api.File) bool { return r.ended[digestOf(f.SHA256)] != nil })
}
