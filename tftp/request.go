package tftp

import (
	"encoding/binary"
	"slices"
	"strings"
	"time"
)

// request handles a datagram of the listening port. Only requests are answered
// there: two servers that answer everything would answer each other forever
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
	d.to = e.ports.listener.link.arrival(d)
	if !e.gate.welcome(now, d) {
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
	if s := e.running.find(req); s != nil {
		s.loop.repeat(now, s)
		return
	}
	if e.running.draining.Load() {
		return
	}
	s := &session{peer: d.from, req: req, limits: e.limits}
	s.limits.offer.maxBlockSize = e.blockLimits.of(now, d.from.Addr())
	if err := e.running.admit(now, s); err != nil {
		e.refuse(d, req, err)
		return
	}
	e.begin(now, d, s)
}

// other handles a datagram that is not a request. It is ignored unless transfers
// run on the listening port.
func (e *engine) other(now time.Time, d *datagram) {
	if !e.ports.isSingle() {
		return
	}
	l := e.ports.listener
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

// begin starts a session on a port of its own, or on a shared port where the peer
// has no other session.
func (e *engine) begin(now time.Time, d *datagram, s *session) {
	if e.ports.wantsOwn(s) {
		if l := e.ports.openOwn(); l != nil {
			s.dest = l.link.destination(d)
			if !l.begin(now, s) {
				e.running.forget(s)
				e.ports.abandon(l)
			}
			return
		}
	}
	loops, start := e.ports.loops, e.ports.pick()
	for i := range loops {
		l := loops[(start+i)%len(loops)]
		s.loop, s.dest = l, l.link.destination(d)
		if l.begin(now, s) {
			return
		}
	}
	e.running.forget(s)
	e.refuse(d, s.req, &Error{CodeUndefined, "too many transfers from this port"})
}

// refuse answers a request with an ERROR.
func (e *engine) refuse(d *datagram, r *Request, err error) {
	if r.Filename != "" {
		e.observe(Event{Kind: EventRefused, Request: r, Err: err})
	}
	l := e.ports.loops[e.ports.pick()]
	b := appendError(nil, errorFor(err))
	l.mu.Lock()
	defer l.mu.Unlock()
	to := l.link.destination(d)
	l.link.send(run{b, len(b)}, &to)
	l.link.flush()
}
