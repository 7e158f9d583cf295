package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"flashwarden/api"
)

// CheckAndRepair is Check. What it finds damaged or missing is fetched from a
// copy of the vault, proved by the SHA-256 of its name, and replaced. Only what
// this vault or its catalog names is fetched: whoever can write the copy brings
// in no snapshot of his own. No other process may remove anything from the vault
// at the same time. Problems of the result are those that stay.
func (v *Vault) CheckAndRepair(ctx context.Context, from *Vault, opt CheckOptions) (api.CheckResult, error) {
	defer v.Hold()()
	if opt.Proved == nil {
		opt.Proved = func(string, int64, bool) {}
	}
	res, err := v.Check(ctx, opt)
	r := repair{vault: v, from: from, opt: opt, done: make(map[string]bool)}
	for err == nil && r.all(ctx, &res) {
		// A document that was repaired may name a blob that is missing.
		r.opt.ReadData = false
		var again api.CheckResult
		if again, err = v.Check(ctx, r.opt); err == nil {
			res.Problems = stillThere(res.Problems, again.Problems)
			res.Notes = again.Notes
			res.Snapshots, res.Blobs, res.Bytes = again.Snapshots, again.Blobs, again.Bytes
		}
	}
	if err == nil {
		err = v.noteUnknown(ctx, from, opt, &res)
	}
	slices.Sort(res.Repaired)
	res.OK = len(res.Problems) == 0
	return res, errors.Join(err, ctx.Err())
}

// noteUnknown says how many snapshots only the copy has.
func (v *Vault) noteUnknown(ctx context.Context, from *Vault, opt CheckOptions, res *api.CheckResult) error {
	theirs, err := from.listedNames(ctx, SnapshotsPart+"/")
	unlisted, err := UnlistedParts(err)
	if err != nil {
		return fmt.Errorf("copy of the vault: %w", err)
	}
	for _, part := range unlisted {
		res.Notes = append(res.Notes, fmt.Sprintf("the copy cannot be listed below %s: %v", part.Part, part.Err))
	}
	ours, err := v.listedNames(ctx, SnapshotsPart+"/")
	if _, err = UnlistedParts(err); err != nil { // the check reports the parts
		return err
	}
	have := make(map[string]bool, len(ours))
	for _, name := range ours {
		have[name] = true
	}
	if opt.Known != nil {
		err = opt.Known(ctx, func(name string) { have[name] = true })
	}
	theirs = slices.DeleteFunc(theirs, func(name string) bool { return have[name] })
	theirs, failed := v.NotPruned(ctx, theirs) // a mirror keeps what a prune removed
	if len(theirs) > 0 {
		res.Notes = append(res.Notes, fmt.Sprintf("snapshots of the copy that neither this vault nor its catalog knows, and that were not fetched: %d", len(theirs)))
	}
	return errors.Join(err, failed)
}

// stillThere returns the problems that a check of the structure found after a
// repair, and those of before that only reading can find.
func stillThere(before, after []api.CheckProblem) []api.CheckProblem {
	all := slices.Clone(after)
	for _, p := range before {
		same := func(o api.CheckProblem) bool { return o.Kind == p.Kind && o.Path == p.Path }
		if (p.Kind == api.CheckBlobDamaged || p.Kind == api.CheckMD5 || p.Kind == api.CheckUnreadable) && !slices.ContainsFunc(all, same) {
			all = append(all, p)
		}
	}
	return all
}

// repair is one CheckAndRepair.
type repair struct {
	vault, from *Vault
	opt         CheckOptions
	done        map[string]bool // the keys that were tried
}

// all repairs what can be repaired and was not tried, and reports whether it
// repaired something.
func (r *repair) all(ctx context.Context, res *api.CheckResult) bool {
	before := len(res.Repaired)
	for i, p := range res.Problems {
		if ctx.Err() != nil || r.done[p.Path] || !repairable(p) {
			continue
		}
		r.done[p.Path] = true
		if err := r.one(ctx, p.Path); err != nil {
			res.Problems[i].Message += fmt.Sprintf("; it could not be repaired: %v", err)
			continue
		}
		res.Repaired = append(res.Repaired, p.Path)
	}
	res.Problems = slices.DeleteFunc(res.Problems, func(p api.CheckProblem) bool { return slices.Contains(res.Repaired, p.Path) && repairable(p) })
	return len(res.Repaired) > before
}

// repairable reports whether the content of a key is wrong or missing, and its
// name proves the right one.
func repairable(p api.CheckProblem) bool {
	switch p.Kind {
	case api.CheckSnapshotMissing, api.CheckSnapshotDamaged, api.CheckBlobMissing, api.CheckBlobSize, api.CheckBlobDamaged, api.CheckUnreadable:
		_, ok := sumOf(p.Path)
		return ok
	}
	return false
}

// sumOf returns the SHA-256 in the name of a blob or a document.
func sumOf(key string) (sum string, ok bool) {
	if sum, ok = blobOf(key); ok {
		return sum, true
	}
	name, ok := snapshotOf(key)
	if !ok {
		name, ok = pruneOf(key)
	}
	_, sum, _ = SplitName(name)
	return sum, ok
}

// one fetches the content of one key from the copy.
func (r *repair) one(ctx context.Context, key string) error {
	sum, _ := sumOf(key)
	info, err := r.from.store.Stat(ctx, key)
	if err != nil {
		return fmt.Errorf("the copy: %w", err)
	}
	if IsBlob(key) {
		r.vault.claims.claim(digestOf(sum)) // its document may come later
	}
	if name, ok := snapshotOf(key); ok && r.opt.Placing != nil {
		id, _, _ := SplitName(name)
		if err := r.opt.Placing(ctx, id); err != nil {
			return err
		}
	}
	content := func(do func(io.Reader) error) error {
		stream, err := r.from.store.Get(ctx, key, 0)
		if err != nil {
			return fmt.Errorf("the copy: %w", err)
		}
		return errors.Join(do(newProvedReader(stream, sum, info.Size)), stream.Close())
	}
	err = content(func(in io.Reader) error { return r.vault.store.Put(ctx, key, in, info.Size) })
	if errors.Is(err, ErrExists) {
		err = content(func(in io.Reader) error { return r.vault.replace(ctx, key, in, info.Size) })
	}
	if err == nil && IsBlob(key) {
		r.opt.Proved(sum, info.Size, true)
	}
	return err
}

// replace puts a content in the place of a damaged one.
func (v *blobs) replace(ctx context.Context, key string, content io.Reader, size int64) error {
	if replacer, ok := v.store.(Replacer); ok {
		return replacer.Replace(ctx, key, content, size)
	}
	if err := v.store.Delete(ctx, key); err != nil && !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("remove the damaged content: %w", err)
	}
	return v.store.Put(ctx, key, content, size)
}
