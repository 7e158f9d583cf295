package spool

import (
	"net/netip"
	"path"
	"strings"
	"time"

	"flashwarden/tftp"
)

// Receive is the permission for one device to upload a file of unknown size.
type Receive struct {
	Device   netip.Addr // the only address that may send it
	Name     string     // the file name; case and leading slashes are ignored. Empty: any name
	MaxSize  int64      // bytes
	Deadline time.Time  // the transfer must begin before

	// Keep moves the complete file from the spool to its final place. It is
	// called before the final ACK. If it fails, the device gets an ERROR instead:
	// a *tftp.Error as it is, other errors with a generic text.
	Keep func(*tftp.Request, *File) error
}

// Receive permits a device to upload one file. An upload that is incomplete, too
// large or not kept does not count: the device may try again. The caller must
// Close the ticket.
func (s *Spool) Receive(r Receive) *Ticket {
	t := s.newTicket(tftp.Write, r.Device, r.Name, r.Deadline)
	t.rule = &reception{r.MaxSize, r.Keep}
	s.register(t)
	return t
}

// reception has the limit and the destination of a file of unknown size.
type reception struct {
	MaxSize int64
	Keep    func(*tftp.Request, *File) error
}

// Rule permits devices to upload files at any time, without a ticket.
type Rule struct {
	From    netip.Prefix                     // of the devices
	Name    string                           // a pattern of path.Match for the name without leading slashes
	MaxSize int64                            // bytes
	Keep    func(*tftp.Request, *File) error // as in Receive
}

// Allow sets the rules of the spool. The first rule that matches a request
// applies.
func (s *Spool) Allow(rules []Rule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = rules
}

// ruled returns a ticket for the request if a rule permits it, else nil. The
// ticket is not registered: each request gets its own.
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

// maxFileName is the longest accepted file name from a device, in bytes.
const maxFileName = 200

// ordinary reports whether a device's file name is printable ASCII, without empty
// parts, "." and "..". The name is only kept as a label, never used as a path; this
// check keeps it readable.
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
