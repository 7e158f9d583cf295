package vault

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
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

// chain follows the snapshots of each device through their field previous. What
// a snapshot names, and is neither there nor removed by a prune, is lost.
type chain struct {
	there map[digest]bool // documents that exist, damaged ones too, and those that a prune removed
	named map[digest]gap  // documents that others name, and that were not there so far
}

// gap is a snapshot that is missing.
type gap struct {
	name   string
	by     string // the document that names it; empty: none
	knower string // who else knows it, in words: "the catalog"
	device string // empty: not known
}

func newChain() chain { return chain{there: map[digest]bool{}, named: map[digest]gap{}} }

// add enters the document with the given name. s is zero where it cannot be
// read.
func (c chain) add(s api.Snapshot, name string) {
	c.found(name)
	c.follow(gap{name: s.Previous, by: name, device: s.Device})
}

// remove enters a snapshot that a prune removed.
func (c chain) remove(r Removed) {
	c.found(r.Document)
	c.follow(gap{name: r.Previous, device: r.Device, by: r.Document})
}

func (c chain) found(name string) {
	_, sum, _ := SplitName(name)
	c.there[digestOf(sum)] = true
	delete(c.named, digestOf(sum))
}

func (c chain) follow(g gap) {
	if g.name == "" {
		return
	}
	_, sum, _ := SplitName(g.name)
	if !c.there[digestOf(sum)] {
		c.named[digestOf(sum)] = g
	}
}

// expect enters the names of documents that somebody else knows.
func (c chain) expect(names []string, knower string) {
	for _, name := range names {
		_, sum, ok := SplitName(name)
		if _, named := c.named[digestOf(sum)]; ok && !named {
			c.follow(gap{name: name, knower: knower})
		}
	}
}

// gaps returns the snapshots that are missing, by name.
func (c chain) gaps() []gap {
	all := slices.Collect(maps.Values(c.named))
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(a.name, b.name) })
	return all
}
