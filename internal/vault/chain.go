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

// chain follows the snapshots of each device through their field previous. A
// document that a snapshot names is lost if it does not exist and the record of no
// prune names it.
type chain struct {
	known map[digest]presence // documents that exist, damaged ones too, and those in the records of prunes
	named map[digest]gap      // documents that others name, and that are not known so far
}

// presence says why a document is known.
type presence byte

const (
	exists  presence = 1 << iota
	pruned           // the record of a prune names it
	indexed          // the index of the catalog has it
)

// gap is a snapshot that is missing.
type gap struct {
	name    string
	by      string // the document that names it; empty: none
	indexed bool   // the index of the catalog has it
	device  string // empty: not known
}

func newChain() chain { return chain{known: map[digest]presence{}, named: map[digest]gap{}} }

// add enters the document with the given name. s is zero where it cannot be
// read.
func (c chain) add(s api.Snapshot, name string) {
	c.found(name, exists)
	c.follow(gap{name: s.Previous, by: name, device: s.Device})
}

// remove enters a snapshot that the record of a prune names.
func (c chain) remove(r Removed) {
	c.found(r.Document, pruned)
	c.follow(gap{name: r.Previous, device: r.Device, by: r.Document})
}

// condemned reports whether a document exists and the record of a prune names it:
// that prune was interrupted.
func (c chain) condemned(name string) bool {
	_, sum, _ := SplitName(name)
	return c.known[digestOf(sum)]&(exists|pruned) == exists|pruned
}

func (c chain) found(name string, p presence) {
	_, sum, _ := SplitName(name)
	c.known[digestOf(sum)] |= p
	delete(c.named, digestOf(sum))
}

func (c chain) follow(g gap) {
	if g.name == "" {
		return
	}
	_, sum, _ := SplitName(g.name)
	if c.known[digestOf(sum)] == 0 {
		c.named[digestOf(sum)] = g
	}
}

// expect enters the names of documents that the index has.
func (c chain) expect(names []string) {
	for _, name := range names {
		_, sum, ok := SplitName(name)
		switch g, named := c.named[digestOf(sum)]; {
		case !ok:
		case named:
			g.indexed = true
			c.named[digestOf(sum)] = g
		case c.known[digestOf(sum)] != 0:
			c.known[digestOf(sum)] |= indexed
		default:
			c.follow(gap{name: name, indexed: true})
		}
	}
}

// unindexed returns those of these documents that exist and are not in the index.
// Those that a prune is to remove left it already.
func (c chain) unindexed(names []string) (missing []string) {
	for _, name := range names {
		_, sum, _ := SplitName(name)
		if c.known[digestOf(sum)] == exists {
			missing = append(missing, name)
		}
	}
	return missing
}

// gaps returns the snapshots that are missing, by name.
func (c chain) gaps() []gap {
	all := slices.Collect(maps.Values(c.named))
	slices.SortFunc(all, func(a, b gap) int { return cmp.Compare(a.name, b.name) })
	return all
}
