package vault

import (
	"bytes"
	"slices"
	"sync"
)

// chainLocks has a lock for each device whose chain was extended. The zero value is
// ready.
type chainLocks struct{ locks sync.Map } // of *sync.Mutex, by the name of the device

// LockChain makes the caller the only one of this process that adds a snapshot of a
// device, until release is called. Otherwise two could follow the same snapshot.
// Other processes are kept out by the lock of the data directory.
func (v *blobs) LockChain(device string) (release func()) {
	lock, _ := v.chains.locks.LoadOrStore(device, new(sync.Mutex))
	lock.(*sync.Mutex).Lock()
	return lock.(*sync.Mutex).Unlock
}

// claims are the contents that somebody relies on although perhaps no snapshot
// names them. A prune leaves them. The zero value is ready.
type claims struct {
	mu      sync.Mutex
	held    int             // how many hold the vault
	claimed map[digest]bool // content looked up, proved or put since held was 0
}

// Hold keeps a prune of this process from removing any content that is looked up,
// proved or put until release is called. A caller that relies on content that no
// snapshot names yet must hold the vault. Hold never waits.
func (v *blobs) Hold() (release func()) {
	c := &v.claims
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held++
	return sync.OnceFunc(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.held--; c.held == 0 {
			c.claimed = nil
		}
	})
}

// claim enters a content before somebody relies on it.
func (c *claims) claim(sum digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.held == 0 {
		return
	}
	if c.claimed == nil {
		c.claimed = make(map[digest]bool)
	}
	c.claimed[sum] = true
}

// removeUnclaimed calls remove with those contents that nobody relies on, in their
// order. Until it returns, nobody begins to.
func (c *claims) removeUnclaimed(sizes map[digest]int64, remove func([]digest) error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var free []digest
	for sum := range sizes {
		if !c.claimed[sum] {
			free = append(free, sum)
		}
	}
	slices.SortFunc(free, func(a, b digest) int { return bytes.Compare(a[:], b[:]) })
	return remove(free)
}
