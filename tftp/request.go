package tftp

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// request handles a datagram of the listening port. Only requests are answered
// there: two servers that answer everything would answer each other for ever
// (CVE-2024-2169).
func (e *engine) request(now time.Time, d *datagram) {
	if e.stopping.Load() || len(d.b) < 2 {
		return
	}
	switch Op(binary.BigEndian.Uint16(d.b)) {
	case Read, Write:
	default:
		e.other(now, d)
		return
	}
	d.to = e.listener.link.arrival(d)
	if !e.welcome(now, d) {
		return
	}
	wire, err := parseRequest(d.b)
	req := newRequest(wire, d, e.Refuse)
	if err == nil {
		req.Netascii, err = parseMode(wire.mode)
	}
	if err != nil {
		e.refuse(d, req, err)
		return
	}
	if s := e.find(req); s != nil {
		s.loop.repeat(now, s)
		return
	}
	if e.draining.Load() {
		return
	}
	s := &session{peer: d.from, req: req, limits: e.limits}
	s.limits.offer.maxBlockSize = e.blockLimit(now, d.from.Addr())
	if err := e.admit(now, s); err != nil {
		e.refuse(d, req, err)
		return
	}
	e.begin(now, d, s)
}

// other handles a datagram that is not a request. It is ignored unless transfers
// run on the listening port.
func (e *engine) other(now time.Time, d *datagram) {
	if !e.singlePort() {
		return
	}
	l := e.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	l.receive(now, d)
}

// newRequest makes the Request for the Handler. The size counts only if the server
// knows the option tsize.
func newRequest(w wireRequest, d *datagram, refuse []string) *Request {
	r := &Request{Op: w.op, Filename: w.filename, Remote: d.from, Local: d.to.local, Size: -1, Options: w.options}
	if r.Op == Write && !slices.Contains(refuse, optTSize) {
		r.Size = announcedSize(w.options)
	}
	return r
}

// parseMode reads the mode (RFC 1350 section 5). Mode mail is obsolete (RFC 1123
// section 4.2.2.1).
func parseMode(mode string) (netascii bool, err error) {
	switch strings.ToLower(mode) {
	case "octet":
		return false, nil
	case "netascii":
		return true, nil
	case "mail":
		return false, illegal("mode mail is not supported")
	}
	return false, illegal("unknown mode")
}

// find returns the running session of the same request.
func (e *engine) find(r *Request) *session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.requests[keyOf(r)]
}

// begin starts a session on a port of its own, or on a shared port where the peer
// has no other session.
func (e *engine) begin(now time.Time, d *datagram, s *session) {
	if e.ownPort(s) {
		if l := e.openOwn(); l != nil {
			s.dest = l.link.destination(d)
			if !l.begin(now, s) {
				e.abandon(l, s)
			}
			return
		}
	}
	start := e.pick()
	for i := range e.loops {
		l := e.loops[(start+i)%len(e.loops)]
		s.loop, s.dest = l, l.link.destination(d)
		if l.begin(now, s) {
			return
		}
	}
	e.forget(s)
	e.refuse(d, s.req, &Error{CodeUndefined, "too many transfers from this port"})
}

// pick chooses a transfer port at random. With several ports it never chooses
// the same one twice in a row (RFC 1350 section 4).
func (e *engine) pick() int {
	n := len(e.loops)
	if n == 1 {
		return 0
	}
	e.lastPort = (e.lastPort + 1 + rand.IntN(n-1)) % n
	return e.lastPort
}

// refuse answers a request with an ERROR.
func (e *engine) refuse(d *datagram, r *Request, err error) {
	if r.Filename != "" {
		e.observe(Event{Kind: EventRefused, Request: r, Err: err})
	}
	l := e.loops[e.pick()]
	b := appendError(nil, errorFor(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	to := l.link.destination(d)
	l.link.send(run{b, len(b)}, &to)
	l.link.flush()
}
