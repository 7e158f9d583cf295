// Package spool is the exposed edge: the only directory that TFTP can touch.
// It takes only a file that it was told to expect, from the device it was
// told, once, and holds nothing for longer than a transfer.
//
// A Ticket is the permission for one transfer. The Spool is the tftp.Handler
// that honours tickets and refuses everything else with ERROR 2 (RFC 1350
// appendix: access violation), and it notes what it saw as Evidence, so that
// a failure can be told from what both sides witnessed.
package spool

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/tftp"
)

// nameLength of a ticket name: 20 base-32 digits carry 100 bits, which nobody
// guesses within a ticket's life.
const nameLength = 20

// Spool is a directory of transfers that are under way or just complete.
type Spool struct {
	dir string

	mu      sync.Mutex
	tickets map[key][]*Ticket
	rules   []Rule

	// fault stands in for the file system's failures in tests: it is asked
	// before each step that brings a file to stable storage. nil lets every
	// step happen.
	fault func(op string) error
}

// Open makes dir the spool, creating it with mode 0700, and removes what an
// earlier process left in it. The caller must hold the lock of the data
// directory: whatever is in dir belongs to nobody else.
func Open(dir string) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	for _, e := range left {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return nil, fmt.Errorf("sweep spool: %w", err)
		}
	}
	return &Spool{dir: dir, tickets: make(map[key][]*Ticket)}, nil
}

// Free returns the bytes that are left for transfers.
func (s *Spool) Free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, fmt.Errorf("space of spool %s: %w", s.dir, err)
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// key is what tickets are found by. Case and leading slashes do not count:
// devices add and change them.
type key struct {
	op   tftp.Op
	name string
}

func keyFor(op tftp.Op, name string) key {
	return key{op, strings.ToLower(strings.TrimLeft(name, "/"))}
}

// Expect permits one upload: the device at address device may, until the
// deadline, begin to send one file of size bytes (-1: any size) under the
// ticket's name. The caller must Close the ticket.
func (s *Spool) Expect(device netip.Addr, size int64, deadline time.Time) *Ticket {
	t := s.newTicket(tftp.Write, device, unguessable(), deadline)
	t.stem = t.Name
	t.Size = size
	s.register(t)
	return t
}

func unguessable() string { return strings.ToLower(rand.Text()[:nameLength]) }

// newTicket returns a ticket that the spool does not know yet.
func (s *Spool) newTicket(op tftp.Op, device netip.Addr, name string, deadline time.Time) *Ticket {
	return &Ticket{
		Name: name, Device: device.Unmap(), Size: -1, Deadline: deadline,
		op: op, spool: s, stem: unguessable(), ended: make(chan struct{}),
	}
}

// register makes t valid until its end, or its deadline.
func (s *Spool) register(t *Ticket) {
	t.mu.Lock()
	t.lapse = time.AfterFunc(time.Until(t.Deadline), t.late)
	t.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyFor(t.op, t.Name)
	s.tickets[k] = append(s.tickets[k], t)
}

func (s *Spool) forget(t *Ticket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyFor(t.op, t.Name)
	left := slices.DeleteFunc(s.tickets[k], func(other *Ticket) bool { return other == t })
	if len(left) == 0 {
		delete(s.tickets, k)
		return
	}
	s.tickets[k] = left
}

// OpenRead gives what was offered and refuses everything else.
func (s *Spool) OpenRead(_ context.Context, r *tftp.Request) (tftp.Reader, error) {
	t := s.ticket(r)
	if t == nil {
		s.noteStray(r)
		return nil, refusal("not offered")
	}
	return t.openRead(r)
}

// OpenWrite accepts the upload that a ticket expects or a rule permits, and
// refuses every other.
func (s *Spool) OpenWrite(_ context.Context, r *tftp.Request) (tftp.Writer, error) {
	t := s.ticket(r)
	if t == nil {
		t = s.ruled(r)
	}
	if t == nil {
		s.noteStray(r)
		return nil, refusal("not expected")
	}
	return t.open(r)
}

// Observe takes the TFTP server's events into the evidence of the ticket that
// they belong to.
func (s *Spool) Observe(e tftp.Event) {
	if t := s.ticket(e.Request); t != nil {
		t.observe(e)
	}
}

// ticket finds the ticket that a request asks for: its own device's, else
// another's of this name, which notes the wrong address.
func (s *Spool) ticket(r *tftp.Request) *Ticket {
	s.mu.Lock()
	defer s.mu.Unlock()
	named := s.tickets[keyFor(r.Op, r.Filename)]
	for _, t := range slices.Concat(named, s.tickets[key{op: r.Op}]) {
		if t.Device == r.Remote.Addr() {
			return t
		}
	}
	if len(named) > 0 {
		return named[0]
	}
	return nil
}

// noteStray records a request without a ticket with every ticket of the same
// device: it may be the answer to a prompt that went wrong.
func (s *Spool) noteStray(r *tftp.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, named := range s.tickets {
		for _, t := range named {
			if t.Device == r.Remote.Addr() {
				t.noteStray(r.Filename)
			}
		}
	}
}

func refusal(why string) error {
	return &tftp.Error{Code: tftp.CodeAccess, Message: why}
}

// The steps that bring a file to stable storage.

func (s *Spool) step(op string) error {
	if s.fault == nil {
		return nil
	}
	return s.fault(op)
}

// syncFile makes the content of f durable, and closes it.
func (s *Spool) syncFile(f *os.File) error {
	if err := s.step("sync"); err != nil {
		return errors.Join(err, f.Close())
	}
	return errors.Join(f.Sync(), f.Close())
}

func (s *Spool) rename(from, to string) error {
	if err := s.step("rename"); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// syncDir makes a rename in the spool durable.
func (s *Spool) syncDir() error {
	if err := s.step("syncdir"); err != nil {
		return err
	}
	d, err := os.Open(s.dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// removeIfThere removes a file that may be gone already.
func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
