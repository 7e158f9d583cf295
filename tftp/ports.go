package tftp

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
)

// ports are the sockets of an engine: the listening one, those that all peers share,
// and those with one transfer each.
type ports struct {
	engine   *engine
	listener *loop
	local    netip.AddrPort // of the listener
	loops    []*loop        // shared
	reader   reader
	last     int // index of the shared port that was chosen last; only for the goroutine that reads the listener

	maxOwn int
	mu     sync.Mutex
	own    map[*loop]struct{} // ports with one transfer
}

// newPorts takes the listening socket of the engine.
func newPorts(e *engine) *ports {
	return &ports{
		engine:   e,
		listener: newLoop(e, listenerLink(e.conn, e.Listen != nil)),
		local:    addrPortOf(e.conn.LocalAddr()),
		maxOwn:   min(mostOwnPorts, openFiles()/2),
		own:      map[*loop]struct{}{},
	}
}

// bind opens the sockets that all peers share.
func (p *ports) bind() (err error) {
	defer func() {
		if err != nil {
			p.close()
		}
	}()
	r := p.engine.Ports
	if r.First == p.local.Port() && r.Last == p.local.Port() {
		p.loops = []*loop{p.listener}
	} else if err := p.bindRange(); err != nil {
		return err
	}
	p.measureBuffer()
	p.reader, err = newReader(p.all())
	return err
}

// measureBuffer limits the windows of uploads to the receive buffer of a port.
func (p *ports) measureBuffer() {
	e, n := p.engine, p.loops[0].link.receiveBuffer()
	e.limits.offer.socketBytes = n
	if n > 0 && n < socketBuffer {
		e.Log.Warn("small receive buffer: upload windows are limited", "bytes", n, "wanted", socketBuffer, "hint", "raise net.core.rmem_max")
	}
}

func (p *ports) bindRange() error {
	for _, port := range choosePorts(p.engine.Ports) {
		k, err := p.open(port)
		if err != nil && !p.spare() {
			return fmt.Errorf("bind transfer port %d: %w", port, err)
		}
		if err == nil {
			p.loops = append(p.loops, newLoop(p.engine, k))
		}
	}
	if len(p.loops) == 0 {
		return fmt.Errorf("bind transfer ports: none of %s is free", p.engine.Ports)
	}
	return nil
}

// open opens a port on the address of the listener; 0: the system chooses it.
func (p *ports) open(port uint16) (link, error) {
	local := netip.AddrPortFrom(p.local.Addr(), port)
	if p.engine.Listen == nil {
		return transferLink(p.listener.link, local)
	}
	c, err := p.engine.Listen(local)
	if err != nil {
		return nil, err
	}
	return newSocket(c, false), nil
}

// all returns the listener and every shared port, each once.
func (p *ports) all() []*loop {
	if p.isSingle() {
		return p.loops
	}
	return append([]*loop{p.listener}, p.loops...)
}

// isSingle reports whether all transfers run on the listening port.
func (p *ports) isSingle() bool { return len(p.loops) == 1 && p.loops[0] == p.listener }

// spare reports whether the range has so many ports that a busy one may be skipped.
func (p *ports) spare() bool { return p.engine.Ports.size() > maxPorts }

// choosePorts returns the ports to bind.
func choosePorts(r PortRange) []uint16 {
	if r == (PortRange{}) {
		return make([]uint16, ephemeralPorts)
	}
	n := r.size()
	var ports []uint16
	for _, i := range rand.Perm(n)[:min(n, maxPorts)] {
		ports = append(ports, r.First+uint16(i))
	}
	return ports
}

// pick chooses a shared port at random, and returns its index. With several ports it
// never chooses the same one twice in a row (RFC 1350 section 4).
func (p *ports) pick() int {
	n := len(p.loops)
	if n == 1 {
		return 0
	}
	p.last = (p.last + 1 + rand.IntN(n-1)) % n
	return p.last
}

// close closes the listener and the shared ports.
func (p *ports) close() {
	for _, l := range p.all() {
		l.link.close()
	}
}
