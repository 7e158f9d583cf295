// Package tftptest is a packet network in memory for tests of TFTP (and of
// anything else that speaks through a net.PacketConn). It loses, duplicates,
// reorders and delays by a plan that a seed decides. It needs nothing but
// channels and timers of the standard library, so that it runs in a bubble of
// testing/synctest.
package tftptest

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Network is a network of any number of sockets. Its fields are set before it
// is used; the zero value delivers everything at once, in order.
type Network struct {
	Seed      uint64        // decides everything that is left to chance
	Loss      float64       // share of packets that are lost, 0..1
	Duplicate float64       // share of packets that arrive twice
	Reorder   float64       // share of packets that are held back, so that later ones overtake them
	Delay     time.Duration // each packet takes so long
	Jitter    time.Duration // and at random up to so much longer

	// Filter decides about each packet before chance does; nil: passes all. It
	// is called by one goroutine at a time.
	Filter func(Packet) Verdict

	mu       sync.Mutex
	random   *rand.Rand
	sockets  map[netip.AddrPort]*Conn
	nextPort uint16
	flying   flight
	sequence uint64
}

// Packet is one packet on its way. Data must not be changed or kept.
type Packet struct {
	From, To netip.AddrPort
	Data     []byte
}

// Verdict is what becomes of a packet.
type Verdict int

// The verdicts.
const (
	Pass  Verdict = iota // deliver it, subject to chance
	Drop                 // lose it
	Twice                // deliver it twice
)

const (
	queueLength = 4096  // packets a socket holds, more are lost
	firstPort   = 49152 // of those that Listen chooses
)

// Listen opens a socket. Port 0 chooses a free one; an unspecified address
// means 127.0.0.1.
func (n *Network) Listen(a netip.AddrPort) (net.PacketConn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.sockets == nil {
		n.sockets = map[netip.AddrPort]*Conn{}
		n.random = rand.New(rand.NewPCG(n.Seed, n.Seed))
		n.nextPort = firstPort
	}
	addr := a.Addr()
	if !addr.IsValid() || addr.IsUnspecified() {
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	port := a.Port()
	for port == 0 {
		if n.sockets[netip.AddrPortFrom(addr, n.nextPort)] == nil {
			port = n.nextPort
		}
		if n.nextPort++; n.nextPort == 0 {
			n.nextPort = firstPort
		}
	}
	a = netip.AddrPortFrom(addr, port)
	if n.sockets[a] != nil {
		return nil, fmt.Errorf("listen %s: address already in use", a)
	}
	c := newConn(n, a)
	n.sockets[a] = c
	return c, nil
}

// send puts a packet on its way.
func (n *Network) send(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.land() // what is due now was sent before
	copies := 1
	if n.Filter != nil {
		switch n.Filter(Packet{from, to, b}) {
		case Drop:
			return
		case Twice:
			copies = 2
		}
	}
	if n.chance(n.Loss) {
		return
	}
	if n.chance(n.Duplicate) {
		copies++
	}
	data := append([]byte(nil), b...)
	for range copies {
		n.deliver(from, to, data, n.delay())
	}
}

func (n *Network) chance(share float64) bool { return share > 0 && n.random.Float64() < share }

// delay draws how long a packet takes.
func (n *Network) delay() time.Duration {
	d := n.Delay
	if n.Jitter > 0 {
		d += time.Duration(n.random.Int64N(int64(n.Jitter)))
	}
	if n.chance(n.Reorder) {
		d += n.Delay + 5*time.Millisecond
	}
	return d
}

// deliver hands a packet over, at once or later. Packets that take the same time
// keep their order.
func (n *Network) deliver(from, to netip.AddrPort, b []byte, after time.Duration) {
	if after == 0 {
		n.hand(from, to, b)
		return
	}
	n.sequence++
	heap.Push(&n.flying, flyer{from, to, b, time.Now().Add(after), n.sequence})
	time.AfterFunc(after, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.land()
	})
}

// land delivers every packet whose time has come; n.mu is held.
func (n *Network) land() {
	now := time.Now()
	for len(n.flying) > 0 && !n.flying[0].at.After(now) {
		f := heap.Pop(&n.flying).(flyer)
		n.hand(f.from, f.to, f.data)
	}
}

func (n *Network) hand(from, to netip.AddrPort, b []byte) {
	if c := n.sockets[to]; c != nil {
		c.arrive(from, b)
	}
}

func (n *Network) forget(a netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.sockets, a)
}

// flyer is a packet that is under way.
type flyer struct {
	from, to netip.AddrPort
	data     []byte
	at       time.Time
	sequence uint64
}

// flight is a heap of packets, the next to arrive first.
type flight []flyer

// Len implements heap.Interface.
func (f flight) Len() int { return len(f) }

// Less implements heap.Interface: what arrives first comes first.
func (f flight) Less(i, j int) bool {
	if !f[i].at.Equal(f[j].at) {
		return f[i].at.Before(f[j].at)
	}
	return f[i].sequence < f[j].sequence
}

// Swap implements heap.Interface.
func (f flight) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push implements heap.Interface.
func (f *flight) Push(x any) { *f = append(*f, x.(flyer)) }

// Pop implements heap.Interface.
func (f *flight) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}
