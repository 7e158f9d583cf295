package vault

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"flashwarden/api"
)

// Mirror is a copy of a vault in another place.
type Mirror interface {
	// Begin makes the mirror of the vault with this identity where fresh allows it
	// and the place is empty, and reports whether it did. A place without a mirror
	// is an ErrMissing, the mirror of another vault an ErrOther.
	Begin(ctx context.Context, id Identity, fresh bool) (made bool, err error)
	// Documents reports of each document of the vault, by its key, whether the mirror
	// had it when it was called. Where parts of the mirror cannot be listed, it does so
	// for all others, and the error joins an *UnlistedError for each part.
	Documents(ctx context.Context) (have func(key string) bool, err error)
	// Content makes sure that the mirror has this content, and proves it there. It
	// returns what it did. WasReplaced with an error that is Unreadable says that only
	// this content cannot be kept.
	Content(ctx context.Context, c Original) (Copied, error)
	// Document keeps a document, and proves it there. The mirror has all contents
	// that s names; s is zero for the record of a prune.
	Document(ctx context.Context, key string, data []byte, s api.Snapshot) error
	// Finish ends a run that copied all: it removes documents of the mirror that the run
	// made anew because they were broken, and returns how many.
	Finish(ctx context.Context) (replaced int, err error)
}

// Original is one content of the vault.
type Original struct {
	SHA256 string
	Size   int64
	// Trusted: a document of the mirror names it, so it was proved there before.
	Trusted bool
	// Open returns the bytes from the beginning. In place of the end there is an
	// error if they are not those of SHA256.
	Open func() (io.ReadCloser, error)
}

// Copied is what a Mirror did with one content.
type Copied int

// The values of Copied.
const (
	WasThere Copied = iota // nothing
	WasCopied
	WasReplaced // it was damaged there
)

// MirrorOptions say how a vault is mirrored.
type MirrorOptions struct {
	Fresh    bool         // the mirror may be made
	Back     bool         // the vault is a mirror itself: what a prune removed stays there, and is not copied
	Limit    *RateLimiter // of bytes read and sent; nil: none
	Parallel int          // contents at once; 0: 8
	Wanted   []string     // IDs of snapshots; Mirrored.Holds has those of them that the mirror has
	// Found, unless nil, gets those of Wanted that the mirror has when the run begins to
	// copy: a run that breaks off later still leaves the truth about what was lost.
	Found func(ids []string) error
	// Progress, unless nil, gets the bytes of contents that the mirror has, and of
	// all contents of new snapshots. It is called by one goroutine at a time.
	Progress func(done, total int64)
}

// Mirrored is the result of MirrorTo.
type Mirrored struct {
	api.MirrorResult
	Holds []string // those of MirrorOptions.Wanted that the mirror has, with all their contents
}

// mirrorBatch is how many snapshots are mirrored together: their contents first.
const mirrorBatch = 200

// MirrorTo brings the vault's snapshots to a mirror, oldest first, each after
// its contents: the mirror is whole at every moment. It may be interrupted and
// goes on next time. A snapshot that cannot be read, or whose content is damaged,
// is a problem of the result, and the others still follow. The error is that of
// ctx, of the mirror, or says that the vault cannot be read at all.
func (v *Vault) MirrorTo(ctx context.Context, to Mirror, o MirrorOptions) (Mirrored, error) {
	r := mirrorRun{vault: v, to: to, back: o.Back, wanted: setOf(o.Wanted), found: o.Found, limit: o.Limit, parallel: cmp.Or(o.Parallel, 8), count: &counter{report: o.Progress}, sizes: map[digest]int64{}, ended: map[digest]error{}, holding: map[string][]sized{}}
	r.unexplained.Store(true)
	r.result.MirrorResult = api.MirrorResult{Problems: []api.CheckProblem{}, Notes: []string{}}
	if err := r.run(ctx, o.Fresh); err != nil {
		return r.result, fmt.Errorf("mirror: %w", err)
	}
	return r.result, nil
}

// mirrorRun is one MirrorTo.
type mirrorRun struct {
	vault    *Vault
	to       Mirror
	back     bool
	limit    *RateLimiter
	parallel int
	count    *counter
	wanted   map[string]bool       // IDs of snapshots
	have     func(key string) bool // the mirror has this document
	closed   []string              // the parts of the mirror that cannot be listed
	sizes    map[digest]int64      // contents of new snapshots, and of others that are copied again
	found    func(ids []string) error
	holding  map[string][]sized // by ID: the contents of wanted snapshots that the mirror has
	lacking  map[digest]bool    // contents that the mirror had lost when the run began

	unexplained atomic.Bool // records of prunes may have come since explain last looked
	explaining  sync.Mutex
	records     map[string]bool // the records of prunes that were dealt with; guarded by explaining; nil at first

	mu     sync.Mutex
	ended  map[digest]error // contents that are dealt with; an error: why the mirror lacks it
	result Mirrored
}

func setOf(list []string) map[string]bool {
	set := make(map[string]bool, len(list))
	for _, text := range list {
		set[text] = true
	}
	return set
}

func (r *mirrorRun) run(ctx context.Context, fresh bool) error {
	id, err := r.vault.Identity(ctx)
	if err != nil {
		return err
	}
	r.result.Vault = id.Vault
	if r.result.Made, err = r.to.Begin(ctx, id, fresh); err != nil {
		return err
	}
	if err := r.documentsOfMirror(ctx); err != nil {
		return err
	}
	if err := r.explain(ctx); err != nil {
		return err
	}
	missing, held, err := r.plan(ctx)
	if err != nil {
		return err
	}
	r.unexplained.Store(true) // a prune may have removed some before they were listed
	if err := r.lost(ctx, held); err != nil {
		return err
	}
	for batch := range slices.Chunk(missing, mirrorBatch) {
		if err := r.batch(ctx, batch); err != nil {
			return err
		}
	}
	if err := r.extendLocks(ctx, held); err != nil {
		return fmt.Errorf("keep what the mirror has from being removed: %w", err)
	}
	r.result.Holds = append(r.result.Holds, r.holds()...)
	return r.finish(ctx)
}

// finish notes which documents of the mirror were broken. If the old ones cannot be
// removed, the mirror still has all that it should have.
func (r *mirrorRun) finish(ctx context.Context) error {
	n, err := r.to.Finish(ctx)
	if n > 0 {
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("files of the mirror were missing or incomplete: %d of its documents were written again", n))
	}
	if err != nil {
		r.result.Notes = append(r.result.Notes, fmt.Sprintf("damaged documents of the mirror were written again, but the old ones could not be removed: %v", err))
	}
	return ctx.Err()
}

// documentsOfMirror finds out which documents the mirror has.
func (r *mirrorRun) documentsOfMirror(ctx context.Context) (err error) {
	r.have, err = r.to.Documents(ctx)
	parts, err := UnlistedParts(err)
	for _, part := range parts {
		r.closed = append(r.closed, part.Part+"/")
		r.problem(api.CheckProblem{Kind: api.CheckUnreadable, Path: part.Part, Message: fmt.Sprintf("the mirror cannot be listed there, so nothing was copied: %v", part.Err)})
	}
	return err
}

// below reports whether a document lies in a part that the mirror cannot list.
func (r *mirrorRun) below(key string) bool {
	return slices.ContainsFunc(r.closed, func(part string) bool { return strings.HasPrefix(key, part) })
}

// plan returns the names of the snapshots that the mirror lacks and has, oldest
// first, and adds up the contents of those that it lacks.
func (r *mirrorRun) plan(ctx context.Context) (missing, held []string, err error) {
	names, err := r.vault.listedNames(ctx, SnapshotsPart+"/")
	if err := r.unlisted(err); err != nil {
		return nil, nil, err
	}
	if r.back {
		if names, err = r.vault.NotPruned(ctx, names); err != nil {
			return nil, nil, err
		}
	}
	for _, name := range names {
		key := SnapshotKey(name)
		switch whole, err := r.whole(ctx, key); {
		case err != nil:
			return nil, nil, err
		case whole:
			r.result.Held++
			held = append(held, name)
			continue
		case r.below(key):
			continue
		}
		s, err := r.vault.Document(ctx, name)
		if err != nil {
			if err := r.skip(ctx, key, err); err != nil {
				return nil, nil, err
			}
			continue
		}
		missing = append(missing, name)
		for f := range ContentsOf(s) {
			if _, twice := r.sizes[digestOf(f.SHA256)]; !twice {
				r.sizes[digestOf(f.SHA256)] = f.Size
				r.count.total += f.Size
			}
		}
	}
	return missing, held, nil
}

// unlisted reports the parts of the vault that cannot be listed, and returns all
// other errors.
func (r *mirrorRun) unlisted(err error) error {
	parts, err := UnlistedParts(err)
	for _, part := range parts {
		p := api.CheckProblem{Kind: api.CheckUnreadable, Path: part.Part, Message: fmt.Sprintf("so nothing below it was copied: %v", part.Err)}
		same := func(other api.CheckProblem) bool { return other.Path == p.Path && other.Message == p.Message }
		if !slices.ContainsFunc(r.result.Problems, same) { // the prunes of an encrypted mirror lie in the parts of its snapshots
			r.problem(p)
		}
	}
	return err
}

// skip reports a document of the vault that cannot be copied. Only one that a
// prune removed meanwhile is no problem.
func (r *mirrorRun) skip(ctx context.Context, key string, err error) error {
	kind := api.CheckUnreadable
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNotFound):
		r.unexplained.Store(true)
		return nil
	case errors.Is(err, ErrNewer):
		kind = api.CheckNewer
	case errors.Is(err, ErrDamaged):
		kind = api.CheckSnapshotDamaged
	}
	r.problem(api.CheckProblem{Kind: kind, Path: key, Message: err.Error()})
	return nil
}

func (r *mirrorRun) problem(p api.CheckProblem) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Problems = append(r.result.Problems, p)
}

// batch copies some snapshots: all their contents, then the documents, those of
// each device in their order.
func (r *mirrorRun) batch(ctx context.Context, names []string) error {
	contents, byDevice := map[digest]bool{}, map[string][]api.Snapshot{}
	for _, name := range names {
		s, err := r.vault.Document(ctx, name)
		if err != nil {
			if err := r.skip(ctx, SnapshotKey(name), err); err != nil {
				return err
			}
			continue
		}
		byDevice[s.Device] = append(byDevice[s.Device], s)
		trusted := r.trusted(ctx, s.Previous)
		for f := range ContentsOf(s) {
			contents[digestOf(f.SHA256)] = contents[digestOf(f.SHA256)] || trusted[f.SHA256]
		}
	}
	var todo []func(context.Context) error
	for sum, trusted := range contents {
		todo = append(todo, func(ctx context.Context) error { return r.content(ctx, sum, trusted) })
	}
	if err := atOnce(ctx, r.parallel, todo); err != nil {
		return err
	}
	todo = nil
	for _, all := range byDevice {
		todo = append(todo, func(ctx context.Context) error { return r.documents(ctx, all) })
	}
	return atOnce(ctx, r.parallel, todo)
}

// trusted returns the contents that a snapshot names which the mirror has.
func (r *mirrorRun) trusted(ctx context.Context, name string) map[string]bool {
	trusted := map[string]bool{}
	if name == "" || !r.have(SnapshotKey(name)) {
		return trusted
	}
	s, err := r.vault.Document(ctx, name)
	if err != nil {
		return trusted // then its contents are proved again
	}
	for f := range ContentsOf(s) {
		trusted[f.SHA256] = true
	}
	return trusted
}

// atOnce does all of todo, n at once, and returns the first error.
func atOnce(ctx context.Context, n int, todo []func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan func(context.Context) error)
	var workers sync.WaitGroup
	for range min(n, len(todo)) {
		workers.Go(func() {
			for do := range next {
				if err := do(ctx); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, do := range todo {
		select {
		case next <- do:
		case <-ctx.Done():
		}
	}
	close(next)
	workers.Wait()
	return context.Cause(ctx)
}

// content brings one content to the mirror, unless this run has done so.
func (r *mirrorRun) content(ctx context.Context, sum digest, trusted bool) error {
	r.mu.Lock()
	_, done := r.ended[sum]
	r.mu.Unlock()
	if done {
		return nil
	}
	size := r.sizes[sum]
	var damage error
	did, err := r.to.Content(ctx, Original{SHA256: sum.String(), Size: size, Trusted: trusted, Open: func() (io.ReadCloser, error) {
		f, err := r.original(ctx, sum.String(), size, &damage)
		if err != nil {
			damage = err
		}
		return f, err
	}})
	if did == WasReplaced && damage == nil && Unreadable(err) {
		damage = fmt.Errorf("the mirror can neither read nor replace it: %w", err)
	}
	if err != nil && (damage == nil || ctx.Err() != nil) {
		return fmt.Errorf("blob %s: %w", sum, err)
	}
	if did == WasThere {
		r.count.add(size)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[sum] = damage
	switch {
	case damage != nil:
	case did == WasReplaced:
		r.result.Replaced++
		fallthrough
	case did == WasCopied:
		r.result.Blobs++
		r.result.Bytes += size
	}
	return nil
}

// documents copies snapshots of one device whose contents were dealt with.
func (r *mirrorRun) documents(ctx context.Context, all []api.Snapshot) error {
	for _, s := range all {
		key := SnapshotKey(s.Document)
		data, err := r.vault.read(ctx, key)
		if err == nil {
			id, sum, _ := SplitName(s.Document)
			_, err = prove(data, id, sum)
		}
		if err != nil {
			if err := r.skip(ctx, key, err); err != nil {
				return err
			}
			continue
		}
		if r.lacks(ctx, s) {
			continue
		}
		if err := r.explain(ctx); err != nil {
			return err
		}
		if err := r.to.Document(ctx, key, data, s); err != nil {
			return fmt.Errorf("%s: %w", key, err)
		}
		r.copied(s.ID)
	}
	return nil
}

// lacks reports whether a content of a snapshot could not be copied, which is a
// problem unless a prune removed the snapshot meanwhile.
func (r *mirrorRun) lacks(ctx context.Context, s api.Snapshot) bool {
	for f := range ContentsOf(s) {
		r.mu.Lock()
		damage := r.ended[digestOf(f.SHA256)]
		r.mu.Unlock()
		if damage == nil {
			continue
		}
		kind := api.CheckBlobDamaged
		switch {
		case errors.Is(damage, ErrNotFound):
			kind = api.CheckBlobMissing
		case Unreadable(damage):
			kind = api.CheckUnreadable
		}
		if _, err := r.vault.store.Stat(ctx, SnapshotKey(s.Document)); errors.Is(err, ErrNotFound) {
			r.unexplained.Store(true)
		} else {
			r.problem(api.CheckProblem{Kind: kind, Path: BlobKey(f.SHA256), Devices: []string{s.Device},
				Message: fmt.Sprintf("so snapshot %s is not in the mirror: %v", s.ID, damage)})
		}
		return true
	}
	return false
}

// copied notes that the mirror got a snapshot.
func (r *mirrorRun) copied(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Snapshots++
	r.result.Held++
	if r.wanted[id] {
		r.result.Holds = append(r.result.Holds, id)
	}
}
