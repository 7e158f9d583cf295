package spool

import (
	"crypto/subtle"
	"errors"
	"net/netip"
	"slices"
	"time"

	"flashwarden/tftp"
)

// opPut and opGet are the operations of tickets for uploads and downloads over another protocol
// than TFTP. No TFTP request has them, so none reaches these tickets.
const (
	opPut tftp.Op = 0xff00
	opGet tftp.Op = 0xff01
)

// ErrUnauthorised is the error for a request without the name and password of a ticket.
var ErrUnauthorised = errors.New("no ticket has this name and password")

// Put is a request to store or to fetch a file, over another protocol than TFTP.
type Put struct {
	Name, Password string     // of the ticket; both empty: the request has none yet
	From           netip.Addr // who sends it
	Size           int64      // announced bytes; -1: none
}

// ExpectPut is Expect for an upload that proves itself with the ticket's Password too. No
// request over TFTP reaches the ticket.
func (s *Spool) ExpectPut(device netip.Addr, size int64, deadline time.Time) *Ticket {
	t := s.newTicket(opPut, device, unguessable(), deadline)
	t.Password, t.Size = unguessable(), size
	s.register(t)
	return t
}

// Put starts the upload that p asks for. The caller writes the file, and ends with Commit or
// Abort. The error is ErrUnauthorised, or in the words for the device; the ticket has the
// reason.
func (s *Spool) Put(p Put) (tftp.Writer, error) {
	p.From = p.From.Unmap()
	t := s.secretTicket(p, opPut)
	if t == nil {
		s.noteUnauthorised(p)
		return nil, ErrUnauthorised
	}
	w, err := t.open(&tftp.Request{Op: tftp.Write, Filename: p.Name, Remote: netip.AddrPortFrom(p.From, 0), Size: p.Size})
	if err != nil {
		t.noteRefused(err, p.From)
	}
	return w, err
}

// Admits is for protocols in which a device proves itself before it announces its file. It
// returns the error that Put or Get would return for this name, password and address; nil: a
// transfer may begin. p.Size does not count.
func (s *Spool) Admits(p Put) error {
	p.From = p.From.Unmap()
	t := s.secretTicket(p, opPut, opGet)
	if t == nil {
		s.noteUnauthorised(p)
		return ErrUnauthorised
	}
	t.mu.Lock()
	why := t.objection(&tftp.Request{Filename: p.Name, Remote: netip.AddrPortFrom(p.From, 0)})
	t.mu.Unlock()
	if why == "" {
		return nil
	}
	err := refusal(why)
	t.noteRefused(err, p.From)
	return err
}

// secretTicket returns the ticket for one of these operations whose name and password p has; nil if
// there is none.
func (s *Spool) secretTicket(p Put, ops ...tftp.Op) *Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, op := range ops {
		for _, t := range s.tickets[keyFor(op, p.Name)] {
			if subtle.ConstantTimeCompare([]byte(t.Password), []byte(p.Password)) == 1 {
				return t
			}
		}
	}
	return nil
}

// Expects reports whether any ticket with a password is open, and whether one is of the device
// at this address. A server for them need not talk to anybody otherwise.
func (s *Spool) Expects(from netip.Addr) (device, any bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, named := range s.tickets {
		if !k.secret() {
			continue
		}
		any = true
		if slices.ContainsFunc(named, func(t *Ticket) bool { return t.Device == from.Unmap() }) {
			return true, true
		}
	}
	return false, any
}

// NoteHandshake records that an encrypted connection from a device did not come about.
func (s *Spool) NoteHandshake(from netip.Addr, err error) {
	s.eachSecret(from, func(t *Ticket) { t.evidence.Handshake = err })
}

// NoteStray records what a device wanted after its login, in place of its file.
func (s *Spool) NoteStray(from netip.Addr, what string) {
	s.eachSecret(from, func(t *Ticket) {
		if len(t.evidence.Strays) < maxNoted && !slices.Contains(t.evidence.Strays, what) {
			t.evidence.Strays = append(t.evidence.Strays, what)
		}
	})
}

// noteUnauthorised records a wrong name or password in the tickets of the device.
func (s *Spool) noteUnauthorised(p Put) {
	if p.Name == "" && p.Password == "" {
		return // a client that waits for our question first
	}
	s.eachSecret(p.From, func(t *Ticket) {
		t.evidence.Refused = &tftp.Error{Code: tftp.CodeAccess, Message: "wrong name or password"}
	})
}

// secret reports whether the tickets of k have passwords.
func (k key) secret() bool { return k.op == opPut || k.op == opGet }

// eachSecret calls do for the tickets with passwords of one device, with their locks held.
func (s *Spool) eachSecret(device netip.Addr, do func(*Ticket)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, named := range s.tickets {
		for _, t := range named {
			if k.secret() && t.Device == device.Unmap() {
				t.mu.Lock()
				do(t)
				t.mu.Unlock()
			}
		}
	}
}

// noteRefused records the answer to a request from the ticket's device.
func (t *Ticket) noteRefused(err error, from netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if from == t.Device {
		errors.As(err, &t.evidence.Refused)
	}
}
