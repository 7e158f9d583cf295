package vault

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Prune records a batch of snapshots that a prune removes. A snapshot that is gone
// and in no record is lost.
type Prune struct {
	Format  int       `json:"format"` // Format
	ID      string    `json:"prune"`  // as NewID makes it, for the device "prune"
	Time    time.Time `json:"time"`   // UTC, whole seconds
	Removed []Removed `json:"removed"`
}

// Removed is one snapshot of such a batch.
type Removed struct {
	Document string `json:"document"`           // its name, ID.SHA256
	Device   string `json:"device"`             // its device
	Previous string `json:"previous,omitempty"` // as its document had it
}

// PutPrune keeps a record and returns its name. It must be kept before the first of
// its snapshots is removed.
func (v *documents) PutPrune(ctx context.Context, p Prune) (name string, err error) {
	p.Format, p.Time = Format, p.Time.UTC().Truncate(time.Second)
	data, err := encodeJSON(p)
	if err == nil {
		_, err = decodePrune(data, p.ID)
	}
	if err != nil {
		return "", fmt.Errorf("put prune %s: %w", p.ID, err)
	}
	sum := sha256.Sum256(data)
	name = documentName(p.ID, hex.EncodeToString(sum[:]))
	if err := v.store.Put(ctx, PruneKey(name), bytes.NewReader(data), int64(len(data))); err != nil {
		return "", fmt.Errorf("put prune %s: %w", p.ID, err)
	}
	return name, nil
}

// prune returns the record of a prune. The error is ErrDamaged where it is not
// what it was, and ErrNewer.
func (v *documents) prune(ctx context.Context, name string) (Prune, error) {
	id, want, _ := SplitName(name)
	data, err := v.read(ctx, PruneKey(name))
	if err != nil {
		return Prune{}, err
	}
	sum := sha256.Sum256(data)
	if got := hex.EncodeToString(sum[:]); got != want {
		return Prune{}, fmt.Errorf("%w: its SHA-256 is %s, not that of its name", ErrDamaged, got)
	}
	p, err := decodePrune(data, id)
	if err != nil && !errors.Is(err, ErrNewer) {
		err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return p, err
}

// NotPruned returns those of these snapshot documents that are in no record of a
// prune, sorted. A record that cannot be read explains nothing.
func (v *documents) NotPruned(ctx context.Context, names []string) ([]string, error) {
	left := make(map[string]bool, len(names))
	for _, name := range names {
		left[name] = true
	}
	if len(left) == 0 {
		return nil, nil
	}
	err := v.eachPruned(ctx, func(r Removed) { delete(left, r.Document) })
	return slices.Sorted(maps.Keys(left)), err
}

// eachPruned yields the snapshots in all records of prunes. It leaves out what cannot
// be read: a check reports it.
func (v *documents) eachPruned(ctx context.Context, yield func(Removed)) error {
	err := v.store.List(ctx, PrunesPart+"/", func(i Info) error {
		if name, ok := pruneOf(i.Key); ok {
			p, _ := v.prune(ctx, name)
			for _, r := range p.Removed {
				yield(r)
			}
		}
		return ctx.Err()
	})
	if _, err = UnlistedParts(err); err != nil {
		return fmt.Errorf("list prunes: %w", err)
	}
	return nil
}

func decodePrune(data []byte, id string) (Prune, error) {
	if len(data) > maxDocument {
		return Prune{}, fmt.Errorf("it has %d bytes, more than %d", len(data), maxDocument)
	}
	var p Prune
	if err := decodeJSON(data, &p); err != nil {
		return Prune{}, err
	}
	if err := checkFormat(p.Format); err != nil {
		return Prune{}, err
	}
	if p.ID != id || !isID(id) {
		return Prune{}, fmt.Errorf("the ID in it is %q", p.ID)
	}
	for _, r := range p.Removed {
		if !isName(r.Document) || r.Previous != "" && !isName(r.Previous) {
			return Prune{}, fmt.Errorf("%q after %q: not names of snapshot documents", r.Document, r.Previous)
		}
	}
	return p, nil
}
