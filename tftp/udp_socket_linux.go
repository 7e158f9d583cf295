package tftp

import (
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	batchSize   = 32     // datagrams per read or write call
	queuedSize  = 2048   // bytes of the largest packet that is queued for a batch
	maxSegments = 64     // packets of one GSO run (UDP_MAX_SEGMENTS)
	maxRun      = 65_000 // bytes of one GSO run
	sendWait    = 20     // longest wait for space in the send buffer, in ms
)

// rawAddress is a socket address in the form of the system, IPv4 or IPv6.
type rawAddress struct {
	sockaddr unix.RawSockaddrInet6 // large enough for both
	size     uint32
}

// addrPort converts the address. An IPv6 link-local address keeps its zone.
func (r *rawAddress) addrPort() netip.AddrPort {
	if r.sockaddr.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&r.sockaddr))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), networkOrder(&four.Port))
	}
	a := netip.AddrFrom16(r.sockaddr.Addr).Unmap()
	if r.sockaddr.Scope_id != 0 && a.IsLinkLocalUnicast() {
		a = a.WithZone(strconv.Itoa(int(r.sockaddr.Scope_id)))
	}
	return netip.AddrPortFrom(a, networkOrder(&r.sockaddr.Port))
}

func networkOrder(port *uint16) uint16 {
	return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(port))[:])
}

// message is struct mmsghdr of recvmmsg(2) and sendmmsg(2). The compiler pads its
// end as C does, on 32 and on 64 bits.
type message struct {
	header unix.Msghdr
	n      uint32
}

// port is a link on a UDP socket of the system. It bypasses the network poller of
// the Go runtime, which would take a fifth of the time of a block in lockstep.
type port struct {
	fd       int
	wildcard bool // bound to no address: answers must set their source address
	six      bool // an IPv6 socket, which may carry IPv4 as well
	arrivals bool // the kernel reports the destination address of each datagram

	held   bool // packets are queued until flush
	queue  *sendQueue
	header unix.Msghdr
	single unix.Iovec
	cmsg   [64]byte
}

// sendQueue holds the packets of one sendmmsg call. Only a port that is sending a
// batch has one: most ports of a server are idle.
type sendQueue struct {
	messages [batchSize]message
	iov      [batchSize]unix.Iovec
	n        int
	buf      []byte // memory for copies of queued packets
}

var sendQueues = sync.Pool{New: func() any {
	q := &sendQueue{buf: make([]byte, batchSize*queuedSize)}
	for i := range q.messages {
		q.messages[i].header.Iov = &q.iov[i]
		q.messages[i].header.SetIovlen(1)
	}
	return q
}}

// openPort opens a UDP socket on local.
func openPort(local netip.AddrPort, v6only bool) (*port, error) {
	family := unix.AF_INET6
	if local.Addr().Is4() {
		family = unix.AF_INET
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := bindPort(fd, local, v6only); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return newPort(fd, local.Addr()), nil
}

func bindPort(fd int, local netip.AddrPort, v6only bool) error {
	if local.Addr().Is4() {
		return unix.Bind(fd, &unix.SockaddrInet4{Port: int(local.Port()), Addr: local.Addr().As4()})
	}
	only := 0
	if v6only {
		only = 1
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, only); err != nil {
		return err
	}
	return unix.Bind(fd, &unix.SockaddrInet6{Port: int(local.Port()), Addr: local.Addr().As16(), ZoneId: zoneIndex(local.Addr())})
}

// zoneIndex returns the interface index of a link-local address, 0 for others.
func zoneIndex(a netip.Addr) uint32 {
	if i, err := strconv.ParseUint(a.Zone(), 10, 32); err == nil {
		return uint32(i)
	}
	if i, err := net.InterfaceByName(a.Zone()); err == nil {
		return uint32(i.Index)
	}
	return 0
}

// sharePort makes a port from a socket that belongs to the caller. It uses a
// duplicate of the descriptor.
func sharePort(c *net.UDPConn) (*port, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	if cerr := raw.Control(func(f uintptr) { fd, err = unix.FcntlInt(f, unix.F_DUPFD_CLOEXEC, 0) }); cerr != nil {
		return nil, cerr
	}
	if err != nil {
		return nil, err
	}
	p := newPort(fd, addrPortOf(c.LocalAddr()).Addr())
	p.wantArrivals() // of a bound socket, too: who sends to a broadcast address gets no answer
	return p, nil
}

func newPort(fd int, local netip.Addr) *port {
	enlarge(fd, socketBuffer)
	family, _ := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN)
	p := &port{fd: fd, wildcard: local.IsUnspecified(), six: family == unix.AF_INET6}
	wantUnreachable(fd)
	allowFragments(fd)
	if p.wildcard {
		p.wantArrivals()
	}
	return p
}

func (p *port) wantArrivals() {
	p.arrivals = true
	enableArrivals(p.fd)
}

// enlarge requests buffers of a socket of this size in bytes. The system may grant less,
// except to root (socket(7)).
func enlarge(fd, size int) {
	for force, plain := range map[int]int{unix.SO_RCVBUFFORCE: unix.SO_RCVBUF, unix.SO_SNDBUFFORCE: unix.SO_SNDBUF} {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, size) != nil {
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, plain, size)
		}
	}
}

func (p *port) receiveBuffer() int {
	n, _ := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
	return n
}

func (p *port) close() { unix.Close(p.fd) }

func (p *port) arrival(d *datagram) arrival { return parseArrival(d.info) }

func (p *port) destination(d *datagram) destination {
	to := destination{to: d.from, raw: d.raw}
	if p.wildcard {
		to.control = controlFor(d.to, p.six)
	}
	return to
}

// inbox holds the datagrams of one recvmmsg call.
type inbox struct {
	messages  [batchSize]message
	iov       [batchSize]unix.Iovec
	from      [batchSize]rawAddress
	control   [batchSize][128]byte
	datagrams [batchSize]datagram
	buf       []byte // large, but pages that are never touched use no memory
}

func newInbox() *inbox {
	in := &inbox{buf: make([]byte, batchSize*(maxDatagram+1))}
	for i := range in.messages {
		in.iov[i].Base = &in.buf[i*(maxDatagram+1)]
		in.iov[i].SetLen(maxDatagram + 1)
		h := &in.messages[i].header
		h.Iov = &in.iov[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&in.from[i].sockaddr))
		h.Namelen = unix.SizeofSockaddrInet6
	}
	return in
}

// wantControl makes room for ancillary data of the first n datagrams.
func (in *inbox) wantControl(n int) {
	for i := range n {
		in.messages[i].header.Control = &in.control[i][0]
		in.messages[i].header.SetControllen(len(in.control[i]))
	}
}

func (in *inbox) forgetControl(n int) {
	for i := range n {
		in.messages[i].header.Control = nil
		in.messages[i].header.SetControllen(0)
	}
}

// read returns the waiting datagrams, possibly none. It does not block.
func (p *port) read(in *inbox) ([]datagram, error) { return p.readUpTo(batchSize, in) }

func (p *port) readUpTo(most int, in *inbox) ([]datagram, error) {
	if p.arrivals {
		in.wantControl(most)
	}
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&in.messages[0])), uintptr(most), unix.MSG_DONTWAIT, 0, 0)
	if errno == unix.EAGAIN || errno == unix.EINTR {
		n, errno = 0, 0
	}
	if errno != 0 {
		return nil, errno // also an ICMP message about one peer
	}
	for i := range int(n) {
		h := &in.messages[i].header
		d := in.take(i, int(in.messages[i].n), h.Namelen)
		d.info = in.control[i][:h.Controllen]
		h.Namelen = unix.SizeofSockaddrInet6
	}
	if p.arrivals {
		in.forgetControl(most)
	}
	return in.datagrams[:n], nil
}

// readOne returns one datagram if there is one. It is cheaper than read if not
// more than one is expected.
func (p *port) readOne(in *inbox) []datagram {
	if p.arrivals {
		one, _ := p.readUpTo(1, in)
		return one
	}
	size := uint32(unix.SizeofSockaddrInet6)
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(p.fd), uintptr(unsafe.Pointer(&in.buf[0])), maxDatagram+1, unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&in.from[0].sockaddr)), uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return nil
	}
	in.take(0, int(n), size)
	return in.datagrams[:1]
}

// take makes a datagram from buffer i.
func (in *inbox) take(i, length int, addressSize uint32) *datagram {
	d, start := &in.datagrams[i], i*(maxDatagram+1)
	in.from[i].size = addressSize
	d.b = in.buf[start : start+length]
	d.raw = in.from[i]
	d.from = d.raw.addrPort()
	d.info, d.to = nil, arrival{}
	return d
}

// send sends a run. After hold, single small packets wait for flush.
func (p *port) send(r run, d *destination) {
	switch {
	case len(r.b) > r.size:
		p.drain()
		p.sendRun(r, d)
	case p.held && len(r.b) <= queuedSize:
		p.enqueue(r.b, d)
	case len(d.control) == 0:
		p.sendPlain(r.b, d)
	default:
		p.sendOne(r.b, d, 0)
	}
}

// sendPlain sends one packet without ancillary data.
func (p *port) sendPlain(b []byte, d *destination) {
	for attempt := 1; ; attempt++ {
		_, _, errno := syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(p.fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_DONTWAIT,
			uintptr(unsafe.Pointer(&d.raw.sockaddr)), uintptr(d.raw.size))
		if errno == 0 || !p.retry(errno, attempt) {
			return
		}
	}
}

func (p *port) enqueue(b []byte, d *destination) {
	if p.queue == nil {
		p.queue = sendQueues.Get().(*sendQueue)
	}
	q := p.queue
	if q.n == batchSize {
		p.drain()
	}
	own := q.buf[q.n*queuedSize:]
	copy(own, b)
	p.point(own[:len(b)], d)
}

// point queues a packet whose bytes stay valid until drain.
func (p *port) point(b []byte, d *destination) {
	q := p.queue
	q.iov[q.n].Base = &b[0]
	q.iov[q.n].SetLen(len(b))
	p.address(&q.messages[q.n].header, d)
	q.n++
}

func (p *port) address(h *unix.Msghdr, d *destination) {
	h.Control = nil
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&d.raw.sockaddr)), d.raw.size
	if len(d.control) > 0 {
		h.Control = &d.control[0]
	}
	h.SetControllen(len(d.control))
}

func (p *port) hold() { p.held = true }

func (p *port) flush() {
	p.drain()
	p.held = false
	if p.queue != nil {
		sendQueues.Put(p.queue)
		p.queue = nil
	}
}

// drain sends the queued packets.
func (p *port) drain() {
	q := p.queue
	if q == nil {
		return
	}
	for first, attempt := 0, 0; first < q.n; {
		n, _, errno := syscall.RawSyscall6(unix.SYS_SENDMMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&q.messages[first])), uintptr(q.n-first), unix.MSG_DONTWAIT, 0, 0)
		switch attempt++; {
		case errno == 0:
			first, attempt = first+int(n), 0
		case !p.retry(errno, attempt):
			first, attempt = first+1, 0
		}
	}
	q.n = 0
}

// retry reports whether a failed send should be tried again. If the send buffer is
// full, it waits for space first. Other errors may be about an earlier packet to
// another peer (IP_RECVERR, ip(7)), so the first attempt is repeated.
func (p *port) retry(errno syscall.Errno, attempt int) bool {
	switch errno {
	case unix.EINTR:
		return true
	case unix.EAGAIN, unix.ENOBUFS:
		fds := []unix.PollFd{{Fd: int32(p.fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(fds, sendWait)
		return err == nil && n > 0 && errno == unix.EAGAIN
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EPROTO, unix.ENOPROTOOPT, unix.EACCES:
		return attempt == 1
	}
	return false
}

// sendOne sends b as one packet. With a segment size, the kernel splits b into
// packets of that size (GSO, udp(7)).
func (p *port) sendOne(b []byte, d *destination, segment int) syscall.Errno {
	p.single.Base = &b[0]
	p.single.SetLen(len(b))
	p.header.Iov = &p.single
	p.header.SetIovlen(1)
	p.address(&p.header, d)
	if segment > 0 {
		control := appendSegmentSize(append(p.cmsg[:0], d.control[:p.header.Controllen]...), segment)
		p.header.Control = &control[0]
		p.header.SetControllen(len(control))
	}
	for attempt := 1; ; attempt++ {
		_, _, errno := syscall.RawSyscall(unix.SYS_SENDMSG, uintptr(p.fd), uintptr(unsafe.Pointer(&p.header)), unix.MSG_DONTWAIT)
		if errno == 0 || !p.retry(errno, attempt) {
			return errno
		}
	}
}

// appendSegmentSize appends the control message UDP_SEGMENT.
func appendSegmentSize(b []byte, size int) []byte {
	start := len(b)
	b = append(b, make([]byte, unix.CmsgSpace(2))...)
	h := (*unix.Cmsghdr)(unsafe.Pointer(&b[start]))
	h.Level, h.Type = unix.IPPROTO_UDP, unix.UDP_SEGMENT
	h.SetLen(unix.CmsgLen(2))
	binary.NativeEndian.PutUint16(b[start+unix.CmsgLen(0):], uint16(size))
	return b
}

// sendRun sends a run in as few calls as the path permits.
func (p *port) sendRun(r run, d *destination) {
	for len(r.b) > 0 {
		n := min(len(r.b), r.size*max(1, min(maxSegments, maxRun/r.size)))
		switch {
		case n <= r.size:
			p.sendOne(r.b[:n], d, 0)
		case d.separate:
			p.sendEach(run{r.b[:n], r.size}, d)
		default:
			if errno := p.sendOne(r.b[:n], d, r.size); errno == unix.EIO || errno == unix.EINVAL || errno == unix.EMSGSIZE {
				d.separate = true // no offload on this path, or a block does not fit into a frame
				continue
			}
		}
		r.b = r.b[n:]
	}
}

// sendEach sends the packets of a run with one call.
func (p *port) sendEach(r run, d *destination) {
	if p.queue == nil {
		p.queue = sendQueues.Get().(*sendQueue)
		if !p.held {
			defer p.flush()
		}
	}
	for b := r.b; len(b) > 0; {
		n := min(r.size, len(b))
		p.point(b[:n], d)
		if b = b[n:]; p.queue.n == batchSize || len(b) == 0 {
			p.drain()
		}
	}
}
