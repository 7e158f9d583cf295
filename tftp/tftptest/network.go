// Package tftptest is a packet network in memory for tests of TFTP, and of other
// protocols over net.PacketConn. It loses, duplicates, reorders and delays
// packets; a seed makes this repeatable. It uses only channels and timers, so it
// runs in a bubble of testing/synctest.
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

// Network is a network of any number of sockets. Set its fields before use. The
// zero value delivers all packets at once, in order.
type Network struct {
	Seed      uint64        // of the random numbers
	Loss      float64       // share of lost packets, 0..1
	Duplicate float64       // share of packets that arrive twice, 0..1
	Reorder   float64       // share of packets that later packets overtake, 0..1
	Delay     time.Duration // of each packet
	Jitter    time.Duration // random additional delay, below this

	// Rate and Queue describe a slow link before each socket. Packets wait for it in
	// a queue; those that do not fit are lost.
	Rate  int // bytes of payload a second; 0: unlimited
	Queue int // packets that wait at the same time

	// Filter decides about each packet first. Packets that pass can still be lost
	// by chance. It is called by one goroutine at a time. Nil passes all.
	Filter func(Packet) Verdict

	mu        sync.Mutex
	random    *rand.Rand
	sockets   map[netip.AddrPort]*Conn
	nextPort  uint16
	inTransit transitHeap
	sequence  uint64
	links     map[netip.AddrPort][]time.Time // when the waiting packets will have left
}

// Packet is one packet in transit. Do not change or keep Data.
type Packet struct {
	From, To netip.AddrPort
	Data     []byte
}

// Verdict is the decision of Filter about a packet.
type Verdict int

// The verdicts.
const (
	Pass  Verdict = iota // deliver it, subject to chance
	Drop                 // lose it
	Twice                // deliver it twice
)

const (
	queueLength = 4096  // packets in the queue of a socket; more are lost
	firstPort   = 49152 // first port that Listen chooses
)

// Listen opens a socket. For port 0 it chooses a free port. An unspecified
// address means 127.0.0.1. It returns an error if the address is in use.
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

// send sends a packet.
func (n *Network) send(from, to netip.AddrPort, b []byte) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.land() // earlier packets that are due now come first
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
		if wait, ok := n.enqueue(to, len(b)); ok {
			n.deliver(from, to, data, wait+n.delay())
		}
	}
}

// enqueue puts a packet into the queue of the slow link and returns how long it
// takes to leave. ok is false if the queue is full.
func (n *Network) enqueue(to netip.AddrPort, size int) (wait time.Duration, ok bool) {
	if n.Rate == 0 {
		return 0, true
	}
	if n.links == nil {
		n.links = map[netip.AddrPort][]time.Time{}
	}
	now, queue := time.Now(), n.links[to]
	for len(queue) > 0 && !queue[0].After(now) {
		queue = queue[1:]
	}
	free := now
	if len(queue) > 0 {
		free = queue[len(queue)-1]
	}
	if ok = len(queue) <= n.Queue; ok {
		free = free.Add(time.Duration(size) * time.Second / time.Duration(n.Rate))
		queue = append(queue, free)
	}
	n.links[to] = queue
	return free.Sub(now), ok
}

func (n *Network) chance(share float64) bool { return share > 0 && n.random.Float64() < share }

// delay returns the random delay of a packet.
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

// deliver delivers a packet after a delay. Packets with the same delay keep their
// order.
func (n *Network) deliver(from, to netip.AddrPort, b []byte, after time.Duration) {
	if after == 0 {
		n.hand(from, to, b)
		return
	}
	n.sequence++
	heap.Push(&n.inTransit, transit{from, to, b, time.Now().Add(after), n.sequence})
	time.AfterFunc(after, func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.land()
	})
}

// land delivers every packet whose time has come; n.mu is held.
func (n *Network) land() {
	now := time.Now()
	for len(n.inTransit) > 0 && !n.inTransit[0].at.After(now) {
		f := heap.Pop(&n.inTransit).(transit)
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

// transit is a packet in transit.
type transit struct {
	from, to netip.AddrPort
	data     []byte
	at       time.Time
	sequence uint64
}

// transitHeap is a heap of packets, ordered by their arrival.
type transitHeap []transit

// Len implements heap.Interface.
func (f transitHeap) Len() int { return len(f) }

// Less implements heap.Interface: the packet that arrives first comes first.
func (f transitHeap) Less(i, j int) bool {
	if !f[i].at.Equal(f[j].at) {
		return f[i].at.Before(f[j].at)
	}
	return f[i].sequence < f[j].sequence
}

// Swap implements heap.Interface.
func (f transitHeap) Swap(i, j int) { f[i], f[j] = f[j], f[i] }

// Push implements heap.Interface.
func (f *transitHeap) Push(x any) { *f = append(*f, x.(transit)) }

// Pop implements heap.Interface.
func (f *transitHeap) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}
