package firewall

import "net/netip"

// state has the known properties of a datagram at one point of its path. A nil
// field is unknown.
type state struct {
	v6         bool
	outgoing   bool
	device     string // the interface; empty: unknown
	src, dst   any    // netip.Addr
	srcPort    any    // uint16: of the device
	hostPort   any    // uint16: of this host, after redirection
	sport      any    // uint16: source port
	early      bool   // before connection tracking
	tracked    string // state in connection tracking; empty: unknown
	mark       any    // int64
	ctMark     any    // int64
	translated bool   // a nat chain has redirected it
	back       bool   // the route to the device uses the same interface
}

// absent is the value of a field that the datagram does not have. A rule that
// compares it never matches.
type absent struct{}

// names are the names of one value in rules.
type names []string

func newState(p Packet) *state {
	s := &state{
		v6: p.V6, outgoing: p.Outgoing, device: p.Interface, tracked: p.State,
		mark: int64(0), ctMark: int64(0), back: p.Reachable,
	}
	s.src, s.dst = address(p.Device), address(p.Host)
	s.srcPort, s.hostPort = port(p.Port), port(p.HostPort)
	s.sport = s.srcPort
	if p.Outgoing {
		s.src, s.dst = s.dst, s.src
		s.sport = s.hostPort
	}
	return s
}

func address(a netip.Addr) any {
	if !a.IsValid() {
		return nil
	}
	return a.Unmap().WithZone("")
}

func port(n uint16) any {
	if n == 0 {
		return nil
	}
	return n
}

// dport returns the destination port.
func (s *state) dport() any {
	if s.outgoing {
		return s.srcPort
	}
	return s.hostPort
}

// in and out return the names of the incoming and the outgoing interface. The
// kernel uses an empty name for the direction that does not apply.
func (s *state) in() any  { return s.passes(!s.outgoing) }
func (s *state) out() any { return s.passes(s.outgoing) }

func (s *state) passes(this bool) any {
	switch {
	case !this:
		return names{""}
	case s.device == "":
		return nil
	}
	return names{s.device}
}

// ctState returns the state in connection tracking as rules see it.
func (s *state) ctState() any {
	switch {
	case s.early && s.tracked != "untracked":
		return names{"invalid"} // the kernel reports this before connection tracking
	case s.tracked == "":
		return nil
	}
	return names{s.tracked}
}

// direction returns the direction in connection tracking. This host sends first
// from a port of its range, so an established datagram to that port is a reply.
func (s *state) direction() any {
	switch {
	case s.early, s.tracked == "untracked":
		return absent{}
	case s.tracked == "":
		return nil
	case s.tracked == Established && !s.outgoing:
		return names{"reply"}
	}
	return names{"original"}
}
