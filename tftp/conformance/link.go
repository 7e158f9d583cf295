package conformance

import (
	"bytes"
	"net"
	"os"
	"sync"
	"time"
)

// link is a socket behind a slow line: in each direction, packets wait in a queue
// for their turn, and travel for a while. A packet that finds the queue full is lost.
type link struct {
	net.PacketConn
	up, down *line
	arrived  chan carried
	closed   chan struct{}
	once     sync.Once

	mu    sync.Mutex
	until time.Time // read deadline
}

// carried is a packet on its way. For up, addr is the target, for down the sender.
type carried struct {
	b    []byte
	addr net.Addr
	at   time.Time // of its arrival
}

func newLink(c net.PacketConn, rate int, delay time.Duration, queue int) *link {
	l := &link{PacketConn: c, arrived: make(chan carried), closed: make(chan struct{})}
	l.up, l.down = newLine(rate, delay, queue), newLine(rate, delay, queue)
	go l.up.deliver(l.closed, func(p carried) { c.WriteTo(p.b, p.addr) })
	go l.down.deliver(l.closed, func(p carried) {
		select {
		case l.arrived <- p:
		case <-l.closed:
		}
	})
	go l.listen()
	return l
}

// listen passes what arrives at the socket to the line, until the socket is closed.
func (l *link) listen() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := l.PacketConn.ReadFrom(buf)
		if err != nil {
			return
		}
		l.down.send(bytes.Clone(buf[:n]), from)
	}
}

// WriteTo implements net.PacketConn.
func (l *link) WriteTo(b []byte, to net.Addr) (int, error) {
	l.up.send(bytes.Clone(b), to)
	return len(b), nil
}

// ReadFrom implements net.PacketConn.
func (l *link) ReadFrom(b []byte) (int, net.Addr, error) {
	l.mu.Lock()
	timeout := time.NewTimer(time.Until(l.until))
	l.mu.Unlock()
	defer timeout.Stop()
	select {
	case p := <-l.arrived:
		return copy(b, p.b), p.addr, nil
	case <-timeout.C:
		return 0, nil, os.ErrDeadlineExceeded
	case <-l.closed:
		return 0, nil, net.ErrClosed
	}
}

// SetReadDeadline implements net.PacketConn.
func (l *link) SetReadDeadline(t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.until = t
	return nil
}

// Close implements net.PacketConn.
func (l *link) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.PacketConn.Close()
}

// line is one direction of a link.
type line struct {
	rate  int // bytes a second
	delay time.Duration
	queue chan carried

	mu   sync.Mutex
	free time.Time // when the last packet in the queue has left
	room int       // packets that may wait
}

func newLine(rate int, delay time.Duration, room int) *line {
	return &line{rate: rate, delay: delay, room: room, queue: make(chan carried, 1<<12)}
}

// send computes when a packet leaves the queue and when it arrives. The arithmetic
// is exact, whatever the precision of timers.
func (l *line) send(b []byte, addr net.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	took := time.Duration(len(b)+28) * time.Second / time.Duration(l.rate) // 28: the headers of IP and UDP
	if l.free.Sub(now) > time.Duration(l.room)*took {
		return
	}
	l.free = l.free.Add(took)
	select {
	case l.queue <- carried{b, addr, l.free.Add(l.delay)}:
	default: // more under way than any link has
	}
}

// deliver passes each packet on when it arrives.
func (l *line) deliver(closed chan struct{}, pass func(carried)) {
	for {
		select {
		case p := <-l.queue:
			time.Sleep(time.Until(p.at))
			pass(p)
		case <-closed:
			return
		}
	}
}
