package iossim

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// The parts of a packet that a link reads (RFC 1350 section 5).
const (
	opData      = 3
	opACK       = 4
	tftpHeader  = 4
	largestSafe = 1472 // payload of the largest UDP datagram that needs no fragments on Ethernet
)

// link is the UDP socket of one transfer. It counts and paces packets, and
// faults strike here. A dead link drops everything in both directions.
type link struct {
	net.PacketConn
	sw    *Switch
	job   *job
	hang  func() // hangs up the terminal
	half  int64  // bytes after which HangTerminal strikes
	began time.Time

	dead  bool
	large bool   // datagrams that need fragments are lost
	deaf  bool   // answers are lost
	data  uint32 // first four bytes of the last DATA, in either direction
	sent  uint32 // of the last packet sent
	heard bool   // a packet has arrived since then
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

// listen opens a UDP socket. It avoids the port of the TFTP server, because
// servers refuse requests from their own port. A real device asks port 69 and
// never sends from it.
func (s *Switch) listen(local netip.AddrPort) (conn *net.UDPConn, err error) {
	for range 2 {
		s.o.Inside(func() { conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(local)) })
		if err != nil || conn.LocalAddr().(*net.UDPAddr).Port != int(s.o.TFTPPort) {
			return conn, err
		}
		defer conn.Close() // after the second one is open, which must have another port
	}
	return nil, fmt.Errorf("no port but %d on %s", s.o.TFTPPort, local.Addr())
}

// WriteTo sends a packet, unless a fault loses it. A lost packet counts as
// sent. The terminal shows a dot for a repeated packet, but not for a second ACK
// that answers a block which the server repeated.
func (l *link) WriteTo(p []byte, to net.Addr) (int, error) {
	l.count(p)
	id := binary.BigEndian.Uint32(p)
	if answer := id>>16 == opACK && l.heard; id == l.sent && !answer {
		l.job.progress(&l.job.repeats, 1)
	}
	l.sent, l.heard = id, false
	if l.dead || l.large && len(p) > largestSafe {
		return len(p), nil
	}
	l.sw.pace(l.job, l.began)
	return l.PacketConn.WriteTo(p, to)
}

// ReadFrom returns the next packet that no fault loses.
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
		l.heard = true
		return n, from, nil
	}
}

// count counts each DATA once. Blocks pass in order here, so a repeated one has
// the number of the last one.
func (l *link) count(p []byte) {
	if len(p) < tftpHeader {
		return
	}
	if id := binary.BigEndian.Uint32(p); id>>16 == opData && id != l.data {
		l.data = id
		l.strike(int64(len(p) - tftpHeader))
	}
}

// strike counts a new block of n bytes, or a fault kills the link before it.
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

// pace waits until a transfer that began then may have moved its bytes.
func (s *Switch) pace(j *job, began time.Time) {
	if s.o.Pace <= 0 {
		return
	}
	took := time.Duration(float64(j.moved.Load()) / float64(s.o.Pace) * float64(time.Second))
	timer := time.NewTimer(time.Until(began.Add(took)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-j.ctx.Done():
	}
}
