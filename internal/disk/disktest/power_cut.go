package disktest

import (
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// kind is the kind of a change.
type kind int

const (
	creation kind = iota // a node exists; without a name, nobody finds it
	naming               // names of a directory
	data                 // bytes of a file
	length               // the size of a file
	chmod                // the mode of a node
	stored               // everything about a node is on stable storage
)

// change is one change of a node.
type change struct {
	kind  kind
	node  int
	names []name
	off   int64
	bytes []byte
	mode  fs.FileMode
}

// name makes a name in a directory that of a node; 0: of none.
type name struct {
	name string
	node int
}

// node is a file or a directory on the disk.
type node struct {
	mode    fs.FileMode
	content []byte
	names   map[string]int
	pending []change // not on stable storage
}

// Loss says what a power cut does to changes that are not on stable storage.
type Loss struct {
	Names float64 // the share of changes of names that are kept
	Data  float64 // the share of changes of files that are kept
	Torn  bool    // writes are kept in part: the second half is missing
	Zeros bool    // files have their new size, but zeros in place of the bytes
	Seed  uint64  // chooses, where a share is neither 0 nor 1
}

// Losses returns the extreme ones, and n others at random.
func Losses(n int) []Loss {
	all := []Loss{{}, {Names: 1}, {Data: 1}, {Names: 1, Data: 1}, {Names: 1, Data: 1, Torn: true}, {Names: 1, Data: 1, Zeros: true}}
	for seed := range uint64(n) {
		all = append(all, Loss{Names: 0.5, Data: 0.5, Torn: seed%2 == 1, Seed: seed})
	}
	return all
}

// Cut returns a new directory with the state of the disk if the power fails after
// the given number of steps.
func (d *Disk) Cut(t testing.TB, steps int, loss Loss) string {
	t.Helper()
	d.log.mu.Lock()
	defer d.log.mu.Unlock()
	nodes := map[int]*node{}
	for _, c := range d.log.first {
		play(nodes, c)
	}
	for _, n := range nodes {
		n.store()
	}
	for _, c := range d.log.steps[:steps] {
		play(nodes, c)
	}
	rng := rand.New(rand.NewPCG(loss.Seed, uint64(steps)))
	for _, id := range slices.Sorted(maps.Keys(nodes)) {
		nodes[id].lose(loss, rng)
	}
	dir := t.TempDir()
	if err := build(nodes, d.log.names[d.log.root], dir, map[int]string{}); err != nil {
		t.Fatal(err)
	}
	return dir
}

// play makes one recorded change, in memory.
func play(nodes map[int]*node, c change) {
	switch n := nodes[c.node]; c.kind {
	case creation:
		nodes[c.node] = &node{mode: c.mode, names: map[string]int{}}
	case stored:
		n.store()
	default:
		n.pending = append(n.pending, c)
	}
}

// store brings all changes of a node to stable storage.
func (n *node) store() {
	for _, c := range n.pending {
		n.apply(c, Loss{})
	}
	n.pending = nil
}

// lose drops changes, as the power cut does.
func (n *node) lose(loss Loss, rng *rand.Rand) {
	for _, c := range n.pending {
		share := loss.Data
		if c.kind == naming {
			share = loss.Names
		}
		if rng.Float64() < share {
			n.apply(c, loss)
		}
	}
	n.pending = nil
}

func (n *node) apply(c change, loss Loss) {
	switch c.kind {
	case naming:
		for _, m := range c.names {
			n.names[m.name] = m.node
		}
	case chmod:
		n.mode = n.mode.Type() | c.mode
	case length:
		n.resize(int(c.off))
	case data:
		b := c.bytes
		if loss.Torn {
			b = b[:len(b)/2]
		}
		if loss.Zeros {
			b = make([]byte, len(b))
		}
		n.resize(max(len(n.content), int(c.off)+len(b)))
		copy(n.content[c.off:], b)
	}
}

func (n *node) resize(size int) {
	grown := make([]byte, size)
	copy(grown, n.content)
	n.content = grown
}

// build writes a node and everything below it to the file system. made has the
// path of each file so far.
func build(nodes map[int]*node, id int, path string, made map[int]string) error {
	n := nodes[id]
	if !n.mode.IsDir() {
		if first := made[id]; first != "" {
			return os.Link(first, path)
		}
		made[id] = path
		if err := os.WriteFile(path, n.content, 0o600); err != nil {
			return err
		}
		return os.Chmod(path, n.mode)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(n.names)) {
		if child := n.names[name]; child != 0 {
			if err := build(nodes, child, filepath.Join(path, name), made); err != nil {
				return err
			}
		}
	}
	return os.Chmod(path, n.mode.Perm())
}
