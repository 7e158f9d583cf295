package vault

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"slices"

	"flashwarden/api"
)

// digest is a SHA-256. As a key of a map it costs less than its text.
type digest [sha256.Size]byte

// digestOf returns the digest that text says, which must be one.
func digestOf(text string) (d digest) {
	hex.Decode(d[:], []byte(text)) // checked before: its error is that of a text that is no SHA-256
	return d
}

// String returns d in lower-case hexadecimal.
func (d digest) String() string { return hex.EncodeToString(d[:]) }

// chain follows the snapshots of each device through their field previous. It has the
// digests of documents alone: a vault may have millions, and its records of prunes
// name more.
type chain map[digest]presence

// presence is the knowledge about a document.
type presence byte

const (
	exists  presence = 1 << iota // damaged ones too
	pruned                       // the record of a prune names it
	named                        // a document or a record names it as the one before another
	indexed                      // the index of the catalog has it
)

// has reports whether these are known, and no others of some.
func (p presence) has(these, some presence) bool { return p&some == these }

// add enters the document with the given name. s is zero where it cannot be
// read.
func (c chain) add(s api.Snapshot, name string) {
	c.enter(name, exists)
	c.enter(s.Previous, named)
}

// remove enters a snapshot that the record of a prune names.
func (c chain) remove(r Removed) {
	c.enter(r.Document, pruned)
	c.enter(r.Previous, named)
}

// enter adds knowledge about a document. The name may be empty.
func (c chain) enter(name string, p presence) {
	if sum, ok := sumOfName(name); ok {
		c[sum] |= p
	}
}

// of returns the knowledge about a document.
func (c chain) of(name string) presence {
	sum, _ := sumOfName(name)
	return c[sum]
}

// sumOfName returns the digest in the name of a document.
func sumOfName(name string) (digest, bool) {
	_, sum, ok := SplitName(name)
	if !ok {
		return digest{}, false
	}
	return digestOf(sum), true
}

// condemned reports whether a document exists and the record of a prune names it:
// that prune was interrupted.
func (c chain) condemned(name string) bool {
	return c.of(name).has(exists|pruned, exists|pruned)
}

// unindexed returns those of these documents that exist and are not in the index.
// Those that a prune is to remove left it already.
func (c chain) unindexed(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !c.of(name).has(exists, exists|pruned|indexed)
	})
}

// lost returns the documents that something names, that do not exist, and that no
// prune removed.
func (c chain) lost() map[digest]bool {
	lost := map[digest]bool{}
	for sum, p := range c {
		if p.has(0, exists|pruned) {
			lost[sum] = true
		}
	}
	return lost
}

// gap is a snapshot that is missing.
type gap struct {
	name   string
	by     string // the document that names it; empty: only the index of the catalog has it
	device string // empty: not known
}

// gapsOf returns the snapshots of these digests, by name. The documents, the records
// of prunes or the index name them, which are read again for it.
func (c *checker) gapsOf(ctx context.Context, lost map[digest]bool) ([]gap, error) {
	found := map[digest]gap{}
	enter := func(g gap) {
		sum, ok := sumOfName(g.name)
		if _, twice := found[sum]; ok && lost[sum] && !twice {
			found[sum] = g
		}
	}
	for d := range c.vault.readAll(ctx, c.documents) {
		enter(gap{name: d.snapshot.Previous, by: d.name, device: d.snapshot.Device})
	}
	err := c.vault.eachPruned(ctx, func(r Removed) { enter(gap{name: r.Previous, by: r.Document, device: r.Device}) })
	err = errors.Join(err, c.known(ctx, func(name string) { enter(gap{name: name}) }))
	all := slices.Collect(maps.Values(found))
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(a.name, b.name) })
	return all, cmp.Or(err, ctx.Err())
}
