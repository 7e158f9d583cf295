package iossim

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// What a link looks at in packets (RFC 1350 section 5).
const (
	opData      = 3
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
	data  uint32 // the first four bytes of the last DATA, either way
	sent  uint32 // of the last packet sent
}

// listenLink opens the socket of a transfer.
func (s *Switch) listenLink(j *job, hang func(), size int64) func(netip.AddrPort) (net.PacketConn, error) {
	return func(local netip.AddrPort) (net.PacketConn, error) {
		conn, err := s.listen(local)
		if err != nil {
			return nil, err
		}
		return &link{
			PacketConn: conn, sw: s, job: j, hang: hang, half: size / 2, began: time.Now(),
			dead:  s.strikes(func(f *Faults) *Times { return &f.NoTFTP }) || s.o.VRF != "" && s.o.VRF != j.vrf,
			large: s.strikes(func(f *Faults) *Times { return &f.LoseLarge }),
			deaf:  s.strikes(func(f *Faults) *Times { return &f.LoseAnswers }),
		}, nil
	}
}

// listen opens a UDP socket. It never has the port of the TFTP server: servers
// take no requests from their own port, and a device, which asks port 69, has
// no such port by chance.
func (s *Switch) listen(local netip.AddrPort) (conn *net.UDPConn, err error) {
	for range 2 {
		s.o.Inside(func() { conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)) })
		if err != nil || conn.LocalAddr().(*net.UDPAddr).Port != int(s.o.TFTPPort) {
			return conn, err
		}
		defer conn.Close() // after the other one is open, which so has another port
	}
	return nil, fmt.Errorf("no port but %d on %s", s.o.TFTPPort, local.Addr())
}

// WriteTo sends a packet, unless a fault loses it. A lost one counts as sent,
// as on any network.
func (l *link) WriteTo(p []byte, to net.Addr) (int, error) {
	l.count(p)
	if id := binary.BigEndian.Uint32(p); id != l.sent {
		l.sent = id
	} else {
		l.job.progress(&l.job.repeats, 1)
	}
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
		l.count(p[:n])
		if l.dead || l.deaf || l.large && n > largestSafe {
			continue
		}
		return n, from, nil
	}
}

// count notes a DATA that passes for the first time: one block follows the
// other here, so that a repetition has the number of the last one.
func (l *link) count(p []byte) {
	if len(p) < tftpHeader {
		return
	}
	if id := binary.BigEndian.Uint32(p); id>>16 == opData && id != l.data {
		l.data = id
		l.strike(int64(len(p) - tftpHeader))
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
