package spool

import (
	"net/netip"
	"path"
	"strings"
	"time"

	"flashwarden/tftp"
)

// Receive says what one device may put although nobody knows its size.
type Receive struct {
	Device   netip.Addr // the only address that may put it
	Name     string     // as the device calls it, leading slashes and case apart; empty: as it likes
	MaxSize  int64      // bytes
	Deadline time.Time  // the transfer must begin before

	// Keep takes the complete file away from the spool, to where it stays: it
	// is called before the final ACK, and its error is told to the device in
	// place of it. A *tftp.Error is told as it is.
	Keep func(*tftp.Request, *File) error
}

// Receive permits a device to put one file. What breaks off, is too large or
// is not kept uses nothing up: the device may try again. The caller must Close
// the ticket.
func (s *Spool) Receive(r Receive) *Ticket {
	t := s.newTicket(tftp.Write, r.Device, r.Name, r.Deadline)
	t.rule = &reception{r.MaxSize, r.Keep}
	s.register(t)
	return t
}

// reception is how a file of unknown size is taken.
type reception struct {
	MaxSize int64
	Keep    func(*tftp.Request, *File) error
}

// Rule permits devices to put files by themselves, at any time.
type Rule struct {
	From    netip.Prefix
	Name    string // a pattern of path.Match for the name without leading slashes
	MaxSize int64  // bytes
	Keep    func(*tftp.Request, *File) error
}

// Allow makes the rules valid for as long as the spool is. Of several that fit
// a request, the first counts.
func (s *Spool) Allow(rules []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
}

// ruled returns a ticket for the request if a rule permits it, else nil. Nobody
// else will ever find it: each request gets one of its own.
func (s *Spool) ruled(r *tftp.Request) *Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.TrimLeft(r.Filename, "/")
	if !ordinary(name) {
		return nil
	}
	for _, rule := range s.rules {
		fits, err := path.Match(rule.Name, name)
		if err == nil && fits && rule.From.Contains(r.Remote.Addr()) {
			t := s.newTicket(tftp.Write, r.Remote.Addr(), name, time.Time{})
			t.rule = &reception{rule.MaxSize, rule.Keep}
			return t
		}
	}
	return nil
}

// maxFileName is the longest name, in bytes, that is taken from a device.
const maxFileName = 200

// ordinary tells whether a name that a device chose is one that files have:
// printable ASCII, and no path that leads elsewhere. The name is only ever
// kept as a label; this keeps what is kept legible.
func ordinary(name string) bool {
	if name == "" || len(name) > maxFileName {
		return false
	}
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' || c == '\\' {
			return false
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return false
		}
	}
	return true
}
