package iossim

import (
	"encoding/binary"
	"net"
	"net/netip"
	"time"
)

// The opcodes that a link looks at (RFC 1350 section 5).
const (
	opData      = 3
	opACK       = 4
	tftpHeader  = 4
	largestSafe = 1472 // payload of the largest UDP datagram that Ethernet carries in one piece
)

// link is the UDP socket of one transfer. It counts and paces what passes, and
// it is where faults strike: a dead link swallows everything in silence, in
// both directions.
type link struct {
	net.PacketConn
	sw    *Switch
	job   *job
	hang  func() // hangs up the terminal
	half  int64  // bytes after which HangTerminal strikes
	began time.Time

	dead  bool
	large bool   // datagrams that would be cut in fragments are lost
	deaf  bool   // answers are lost
	last  uint32 // block counted last, with its opcode; 0: none
	first bool   // something was sent
}

// listenLink opens the socket of a transfer.
func (s *Switch) listenLink(j *job, hang func(), size int64) func(netip.AddrPort) (net.PacketConn, error) {
	return func(local netip.AddrPort) (net.PacketConn, error) {
		conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(local))
		if err != nil {
			return nil, err
		}
		return &link{
			PacketConn: conn, sw: s, job: j, hang: hang, half: size / 2, began: time.Now(),
			dead:  s.strikes(func(f *Faults) *Times { return &f.NoTFTP }),
			large: s.strikes(func(f *Faults) *Times { return &f.LoseLarge }),
			deaf:  s.strikes(func(f *Faults) *Times { return &f.LoseAnswers }),
		}, nil
	}
}

// WriteTo sends a packet, unless a fault loses it. A lost one counts as sent,
// as on any network.
func (l *link) WriteTo(p []byte, to net.Addr) (int, error) {
	l.count(p, l.first)
	l.first = true
	if l.dead || l.large && len(p) > largestSafe {
		return len(p), nil
	}
	l.pace()
	return l.PacketConn.WriteTo(p, to)
}

// ReadFrom gives the next packet that no fault loses.
func (l *link) ReadFrom(p []byte) (int, net.Addr, error) {
	for {
		n, from, err := l.PacketConn.ReadFrom(p)
		if err != nil {
			return n, from, err
		}
		l.count(p[:n], false)
		if l.dead || l.deaf || l.large && n > largestSafe {
			continue
		}
		return n, from, nil
	}
}

// count notes a block that passes for the first time and lets the faults of
// this moment strike. repeatable: a packet that brings nothing new was sent
// again after a timeout.
func (l *link) count(p []byte, repeatable bool) {
	if len(p) < tftpHeader {
		return
	}
	id := binary.BigEndian.Uint32(p)
	switch op := id >> 16; {
	case op == opData && id != l.last:
		l.last = id
		l.strike(int64(len(p) - tftpHeader))
	case op == opACK && id != l.last&0xFFFF|opACK<<16: // of a server: the next block
	case repeatable:
		l.job.progress(&l.job.repeats, 1)
	}
}

// strike counts a new block of n bytes, or kills the link before it.
func (l *link) strike(n int64) {
	if l.dead {
		return
	}
	moved := l.job.moved.Load()
	switch {
	case l.sw.strikesAfter(moved+n, func(f *Faults) *After { return &f.Hangup }):
		l.dead = true
		l.hang()
		return
	case l.sw.strikesAfter(moved+n, func(f *Faults) *After { return &f.Stall }):
		l.dead = true
		return
	case moved+n > l.half && l.half >= 0 && l.sw.strikes(func(f *Faults) *Times { return &f.HangTerminal }):
		l.hang()
	}
	if moved+n > l.half {
		l.half = -1 // once a transfer
	}
	l.job.progress(&l.job.moved, n)
}

// pace waits until as many bytes may have passed as have.
func (l *link) pace() {
	if l.sw.o.Pace <= 0 {
		return
	}
	took := time.Duration(float64(l.job.moved.Load()) / float64(l.sw.o.Pace) * float64(time.Second))
	timer := time.NewTimer(time.Until(l.began.Add(took)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-l.job.ctx.Done():
	}
}
