package firewall

import "net/netip"

// state is what is known of a datagram at one place of its way. A nil field is
// not known.
type state struct {
	v6         bool
	outgoing   bool
	device     string // the interface; empty: not known
	src, dst   any    // netip.Addr
	srcPort    any    // uint16
	hostPort   any    // uint16: where it arrives, when it comes in
	sport      any
	early      bool   // before connection tracking
	tracked    string // state of connection tracking; empty: not known
	mark       any    // int64
	ctMark     any
	translated bool // a nat chain has redirected it
	back       bool // the route back leaves by the interface
}

// absent is the value of a field that the datagram does not have: no rule that
// asks for it matches.
type absent struct{}

// names are the words by which rules can call one value.
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

// dport is the destination port.
func (s *state) dport() any {
	if s.outgoing {
		return s.srcPort
	}
	return s.hostPort
}

// in and out are the names of the interfaces; the kernel has an empty name for
// the one that a datagram does not pass.
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

// ctState is the state of connection tracking as rules see it.
func (s *state) ctState() any {
	switch {
	case s.early && s.tracked != "untracked":
		return names{"invalid"} // there is none yet
	case s.tracked == "":
		return nil
	}
	return names{s.tracked}
}

// direction is which side began: this host sends from a port of its range
// first, so that what comes back there is a reply.
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
