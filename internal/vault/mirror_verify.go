package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

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

// lost copies the contents again that held snapshots name, and that the mirror has
// lost or has with another size.
func (r *mirrorRun) lost(ctx context.Context, held []string) error {
	if err := r.compare(ctx, held); err != nil || len(r.lacking) == 0 {
		return err
	}
	var todo []func(context.Context) error
	named := map[digest]api.Snapshot{}
	for d := range r.vault.readAll(ctx, held) {
		for f := range ContentsOf(d.snapshot) {
			sum := digestOf(f.SHA256)
			if _, twice := named[sum]; twice || !r.lacking[sum] {
				continue
			}
			if _, next := r.sizes[sum]; next {
				continue // a new snapshot brings it
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
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("the mirror lacked %d files of snapshots that it has, or had them incomplete", len(todo)))
	}
	return nil
}

// compare finds out which contents the mirror lacks, and reports which wanted
// snapshots it has now. Contents below a part of the mirror that cannot be listed
// count as lacking: each is looked up by its key.
func (r *mirrorRun) compare(ctx context.Context, held []string) error {
	if err := r.readWanted(ctx, held); err != nil {
		return err
	}
	if t, ok := r.to.(*Twin); ok && len(held) > 0 {
		want, err := r.expected(ctx)
		if err != nil {
			return err
		}
		if r.lacking, err = t.lacking(ctx, r.vault, want); err != nil {
			return err
		}
	}
	if r.found == nil {
		return nil
	}
	return r.found(r.holds())
}

// sized is a content and its size in bytes.
type sized struct {
	sum  digest
	size int64
}

func sizedOf(s api.Snapshot) (all []sized) {
	for f := range ContentsOf(s) {
		all = append(all, sized{digestOf(f.SHA256), f.Size})
	}
	return all
}

// readWanted reads which contents the wanted snapshots name that the mirror has.
func (r *mirrorRun) readWanted(ctx context.Context, held []string) error {
	held = slices.DeleteFunc(slices.Clone(held), func(name string) bool {
		id, _, _ := SplitName(name)
		return !r.wanted[id]
	})
	for d := range r.vault.readAll(ctx, held) {
		if d.err == nil { // else nobody knows what the mirror must have
			r.holding[d.snapshot.ID] = sizedOf(d.snapshot)
		}
	}
	return ctx.Err()
}

// expected returns the contents that the mirror should have with their sizes, in
// bytes: those of the vault, with the size there or -1, and those of wanted snapshots.
func (r *mirrorRun) expected(ctx context.Context) (map[digest]int64, error) {
	want := map[digest]int64{}
	err := r.vault.store.List(ctx, BlobsPart+"/", func(i Info) error {
		if sum, ok := blobOf(i.Key); ok {
			want[digestOf(sum)] = i.Size
		}
		return ctx.Err()
	})
	if err := r.unlisted(unlessAbsent(err)); err != nil {
		return nil, err
	}
	for _, contents := range r.holding {
		for _, f := range contents {
			want[f.sum] = f.size
		}
	}
	return want, nil
}

// lacking returns the contents of want that the mirror does not list with their size.
// It changes want.
func (t *Twin) lacking(ctx context.Context, from *Vault, want map[digest]int64) (map[digest]bool, error) {
	var unsure []Info
	err := t.vault.store.List(ctx, BlobsPart+"/", func(i Info) error {
		sum, ok := blobOf(i.Key)
		size, wanted := want[digestOf(sum)]
		switch {
		case !ok || !wanted:
		case size < 0 || i.Size < 0:
			unsure = append(unsure, Info{Key: strings.Clone(i.Key), Size: size})
		case size == i.Size:
			delete(want, digestOf(sum))
		}
		return ctx.Err()
	})
	if _, err = UnlistedParts(err); err != nil {
		return nil, err
	}
	for same := range sideBySide(ctx, unsure, func() func(Info) sameSize {
		return func(i Info) sameSize { return t.compareSize(ctx, from, i) }
	}) {
		err = cmp.Or(err, same.err)
		if same.is {
			delete(want, same.sum)
		}
	}
	lacking := make(map[digest]bool, len(want))
	for sum := range want {
		lacking[sum] = true
	}
	return lacking, cmp.Or(err, ctx.Err())
}

// sameSize says whether the mirror has a content with the size that it should have.
type sameSize struct {
	sum digest
	is  bool
	err error
}

// compareSize asks for the size of a content: in the mirror, and in the vault if it is
// -1. What the vault lost or cannot read is reported when it is read.
func (t *Twin) compareSize(ctx context.Context, from *Vault, i Info) sameSize {
	sum, _ := blobOf(i.Key)
	same := sameSize{sum: digestOf(sum)}
	if i.Size < 0 {
		info, err := from.store.Stat(ctx, i.Key)
		if err != nil {
			same.is, same.err = true, ctx.Err()
			return same
		}
		i.Size = info.Size
	}
	info, err := t.vault.store.Stat(ctx, i.Key)
	same.is = err == nil && info.Size == i.Size
	if err != nil && !errors.Is(err, ErrNotFound) && !replaceable(err) {
		same.err = fmt.Errorf("%s: %w", i.Key, err)
	}
	return same
}

// holds returns the IDs of the wanted snapshots that the mirror had before this run and
// that have all their contents there now.
func (r *mirrorRun) holds() []string {
	var ids []string
	for id, contents := range r.holding {
		if !slices.ContainsFunc(contents, func(c sized) bool { return r.withoutContent(c.sum) }) {
			ids = append(ids, id)
		}
	}
	return ids
}

// withoutContent reports whether the mirror lacks a content: it could not be copied, or was
// not copied yet.
func (r *mirrorRun) withoutContent(sum digest) bool {
	damage, done := r.ended[sum]
	return damage != nil || !done && r.lacking[sum]
}
