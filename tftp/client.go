package tftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Client puts and gets files. The zero value uses plain RFC 1350: blocks of 512
// bytes, one at a time, no options. Each transfer uses its own socket; one
// Client can run any number of transfers at the same time.
type Client struct {
	Local     netip.AddrPort // source address; the zero value lets the system choose
	BlockSize int            // bytes, 8 to 65464 (RFC 2348). 0 or 512: the option is not sent
	Window    int            // blocks, 1 to 16384 (RFC 7440). 0 or 1: the option is not sent
	TSize     bool           // announce the size of a put, ask for the size of a get (RFC 2349)
	Netascii  bool           // use mode netascii, which converts line ends; default: octet

	// Timeout is the constant time before a packet is repeated, as in old
	// devices. Default: measured (RFC 6298), starting at 1 s and growing.
	Timeout time.Duration
	Retries int // repetitions of one packet before the transfer fails. 0: 8

	// ServerTimeout asks the server to repeat its packets after this time (RFC
	// 2349): whole seconds, 1 s to 255 s. 0: the option is not sent.
	ServerTimeout time.Duration

	// Dally is how long Get waits after its last ACK, to send it again if the
	// server has not received it (RFC 1350 section 6). 0: Get returns at once.
	Dally time.Duration

	// Progress is called when further bytes were acknowledged or received. size is
	// that of the file in bytes; -1: unknown. For a Get it is known if TSize is set
	// and the server supports it. It must return quickly. May be nil.
	Progress func(done, size int64)

	// Silent sends no ERROR when a transfer is cancelled or fails, like a
	// device that lost power. Default: the server gets an ERROR.
	Silent bool

	// Listen opens the socket of a transfer. Nil: a UDP socket of the system.
	Listen func(netip.AddrPort) (net.PacketConn, error)
}

// Put sends the content of r to the server, which stores it under name. If TSize
// is set, Put announces size, in bytes; -1 means unknown. It returns the number
// of bytes that the server acknowledged. The error wraps a *PeerError if the server
// sent an ERROR, ErrTimeout if it stopped answering, and the error of r if r
// failed. An invalid field or name is an error before anything is sent.
func (c *Client) Put(ctx context.Context, server netip.AddrPort, name string, r io.Reader, size int64) (int64, error) {
	x, err := c.dial(ctx, server, name)
	if err != nil {
		return 0, fmt.Errorf("put %s: %w", name, err)
	}
	defer x.close()
	x.tsize = size
	snd, err := x.startPut(name, size)
	if err == nil {
		err = x.send(snd, &source{r: r, netascii: c.Netascii})
	}
	n := int64(0)
	if snd != nil {
		n = snd.bytes()
		snd.releaseAll(&x.chunks)
	}
	return n, x.ended("put", name, err)
}

// Get fetches name and writes it to w. It returns the number of bytes received.
// The error wraps a *PeerError if the server sent an ERROR, ErrTimeout if it
// stopped answering, and the error of w if w failed. An invalid field or name is an
// error before anything is sent.
func (c *Client) Get(ctx context.Context, server netip.AddrPort, name string, w io.Writer) (int64, error) {
	x, err := c.dial(ctx, server, name)
	if err != nil {
		return 0, fmt.Errorf("get %s: %w", name, err)
	}
	defer x.close()
	rcv, first, err := x.startGet(name)
	if err == nil {
		err = x.receive(rcv, first, &sink{w: w, netascii: c.Netascii})
	}
	n := int64(0)
	if rcv != nil {
		n = rcv.bytes
	}
	return n, x.ended("get", name, err)
}

// exchange is one transfer of a Client.
type exchange struct {
	*Client
	ctx    context.Context
	server netip.AddrPort // the first answer sets its port to the server's TID
	fixed  bool           // the TID is known
	socket *socket
	dest   destination
	rt     retransmit
	terms  terms
	tsize  int64     // of the file in bytes; -1: unknown
	armed  time.Time // read deadline of the socket
	disarm func() bool
	chunks chunkPool
	out    outbox
}

// check returns an error for what a request cannot express (RFC 1350 section 5, RFC 2348,
// 2349 and 7440).
func (c *Client) check(name string) error {
	switch {
	case name == "" || strings.Contains(name, "\x00"):
		return fmt.Errorf("tftp client: the name %q is empty or has a zero byte", name)
	case c.BlockSize != 0 && (c.BlockSize < minBlockSize || c.BlockSize > maxBlockSize):
		return fmt.Errorf("tftp client: BlockSize %d is not in %d..%d", c.BlockSize, minBlockSize, maxBlockSize)
	case c.Window < 0 || c.Window > maxWindow:
		return fmt.Errorf("tftp client: Window %d is not in 1..%d", c.Window, maxWindow)
	case c.ServerTimeout%time.Second != 0 || c.ServerTimeout < 0 || c.ServerTimeout > 255*time.Second:
		return fmt.Errorf("tftp client: ServerTimeout %v is not a number of seconds from 1 to 255", c.ServerTimeout)
	}
	return nil
}

func (c *Client) dial(ctx context.Context, server netip.AddrPort, name string) (*exchange, error) {
	if err := c.check(name); err != nil {
		return nil, err
	}
	listen := c.Listen
	if listen == nil {
		listen = listenUDP
	}
	local := c.Local
	if !local.IsValid() {
		local = netip.AddrPortFrom(anyAddress(server.Addr()), 0)
	}
	conn, err := listen(local)
	if err != nil {
		return nil, err
	}
	x := &exchange{Client: c, ctx: ctx, server: server, socket: newSocket(conn, false), tsize: -1}
	x.setServer(named(server))
	x.rt = newRetransmit(defaultTimeout, 0)
	if c.Timeout > 0 {
		x.rt = newRetransmit(0, c.Timeout)
		x.rt.constant = true
	}
	x.disarm = context.AfterFunc(ctx, func() { conn.SetReadDeadline(time.Unix(1, 0)) })
	return x, nil
}

func listenUDP(a netip.AddrPort) (net.PacketConn, error) {
	return net.ListenUDP("udp", net.UDPAddrFromAddrPort(a))
}

func anyAddress(peer netip.Addr) netip.Addr {
	if peer.Unmap().Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// named gives the zone of a link-local address by the name of the interface, not by its
// number: received packets have the name.
func named(a netip.AddrPort) netip.AddrPort {
	index, err := strconv.Atoi(a.Addr().Zone())
	if err != nil {
		return a
	}
	i, err := net.InterfaceByIndex(index)
	if err != nil {
		return a
	}
	return netip.AddrPortFrom(a.Addr().WithZone(i.Name), a.Port())
}

func (x *exchange) setServer(a netip.AddrPort) {
	x.server = unmapped(a)
	x.dest = destination{to: x.server}
}

func (x *exchange) close() {
	x.disarm()
	x.socket.conn.Close()
}

// ended adds the name to an error and sends it to the server, unless the server
// already knows.
func (x *exchange) ended(what, name string, err error) error {
	if err == nil {
		return nil
	}
	var remote *PeerError
	if !errors.As(err, &remote) && !errors.Is(err, ErrTimeout) && !x.Silent && x.fixed {
		x.sendOne(appendError(nil, clientError(err)))
	}
	return fmt.Errorf("%s %s: %w", what, name, err)
}

func clientError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{CodeUndefined, "transfer cancelled"}
}

func (x *exchange) sendOne(b []byte) { x.socket.send(run{b, len(b)}, &x.dest) }

// request sends a request until the server answers it.
func (x *exchange) request(op Op, name string, size int64) (packet, error) {
	w := wireRequest{op: op, filename: name, mode: "octet", options: x.ask(op, size)}
	if x.Netascii {
		w.mode = "netascii"
	}
	b := appendRequest(nil, w)
	x.sendOne(b)
	x.rt.sent(time.Now())
	p, err := x.await(func() { x.sendOne(b) })
	if err != nil {
		return packet{}, err
	}
	x.rt.answered(time.Now())
	return p, x.agree(p, w.options)
}

// ask returns the options to send.
func (x *exchange) ask(op Op, size int64) []Option {
	var list []Option
	if x.BlockSize != 0 && x.BlockSize != defaultBlockSize {
		list = append(list, Option{optBlockSize, fmt.Sprint(x.BlockSize)})
	}
	switch {
	case x.TSize && op == Read:
		list = append(list, Option{optTSize, "0"})
	case x.TSize && size >= 0:
		list = append(list, Option{optTSize, fmt.Sprint(size)})
	}
	if x.Window > 1 {
		list = append(list, Option{optWindowSize, fmt.Sprint(x.Window)})
	}
	if x.ServerTimeout > 0 {
		list = append(list, Option{optTimeout, fmt.Sprint(int(x.ServerTimeout / time.Second))})
	}
	return list
}

// agree adopts the terms of an OACK. It accepts only options that we sent
// (RFC 2347), with values that are not larger than ours.
func (x *exchange) agree(p packet, asked []Option) error {
	x.terms = terms{blockSize: defaultBlockSize, window: 1}
	if p.op != opOACK {
		return nil
	}
	granted, err := p.options()
	if err != nil {
		return &Error{CodeOptionDenied, err.Error()}
	}
	t, left := negotiate(Write, granted, offer{maxBlockSize: maxBlockSize, windowBytes: maxWindow * maxBlockSize})
	for _, g := range left {
		if !allowed(g, asked) {
			return &Error{CodeOptionDenied, fmt.Sprintf("%s=%s was not requested", g.Name, g.Value)}
		}
		if g.Name == optTSize {
			x.tsize, _ = parseNumber(g.Value)
		}
	}
	if len(left) != len(granted) {
		return &Error{CodeOptionDenied, "the OACK has an option that was not requested"}
	}
	x.terms = t
	return nil
}

func allowed(g Option, asked []Option) bool {
	for _, a := range asked {
		if a.Name != g.Name {
			continue
		}
		most, _ := parseNumber(a.Value)
		got, _ := parseNumber(g.Value)
		return a.Name == optTSize || got <= most && (a.Name != optTimeout || got == most)
	}
	return false
}

// await waits for a packet from the server. After each timeout it calls again,
// which repeats the unanswered packets.
func (x *exchange) await(again func()) (packet, error) {
	retries := or(x.Retries, defaultRetries)
	for {
		p, err := x.read(x.rt.due())
		switch {
		case err == nil && p.op == opError:
			return packet{}, &PeerError{p.err()}
		case err == nil:
			return p, nil
		case !errors.Is(err, errDue):
			return packet{}, err
		case x.rt.slow >= retries:
			return packet{}, ErrTimeout
		}
		x.rt.repeated(time.Now())
		again()
	}
}

var errDue = errors.New("no packet arrived in time")

// read returns the next packet from the server.
func (x *exchange) read(due time.Time) (packet, error) {
	for {
		if x.armed.IsZero() || x.armed.After(due) {
			x.armed = due
			x.socket.conn.SetReadDeadline(due)
		}
		if err := x.ctx.Err(); err != nil {
			return packet{}, err
		}
		_, err := x.socket.read()
		var timeout net.Error
		switch {
		case err == nil:
		case errors.As(err, &timeout) && timeout.Timeout():
			x.armed = time.Time{}
			if !time.Now().Before(due) {
				return packet{}, errDue
			}
			continue
		case errors.Is(err, net.ErrClosed):
			return packet{}, err
		default:
			continue // an ICMP message: the timers decide whether the server is gone
		}
		if p, ok := x.accept(&x.socket.in[0]); ok {
			return p, nil
		}
	}
}

// accept drops packets from other senders. The server's first answer fixes its
// TID; packets from another port get ERROR 5 and change nothing (RFC 1350
// section 4).
func (x *exchange) accept(d *datagram) (packet, bool) {
	p, err := parsePacket(d.b)
	if err != nil || d.from.Addr() != x.server.Addr() {
		return packet{}, false
	}
	if !x.fixed && p.op == opError && Code(p.block) == CodeUnknownTID {
		return packet{}, false // we have not named a TID yet: it is for somebody who had our port before
	}
	if !x.fixed {
		x.fixed = true
		x.setServer(d.from)
	}
	if d.from != x.server {
		if p.op != opError {
			b := appendError(nil, &Error{CodeUnknownTID, "unknown transfer ID"})
			x.socket.send(run{b, len(b)}, &destination{to: d.from})
		}
		return packet{}, false
	}
	return p, true
}
