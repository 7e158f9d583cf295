// Package spool is the only directory that the network can reach. It accepts only an
// expected file, from the expected device, once. It holds a file only during its
// transfer.
//
// A Ticket is the permission for one transfer. The Spool is a tftp.Handler that
// accepts the requests of tickets and refuses all others with ERROR 2 (RFC 1350
// appendix: access violation). It records its observations of each ticket as
// Evidence. A failure is diagnosed from the Evidence and the device's messages.
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
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/disk"
	"flashwarden/tftp"
)

// NameLength is the length of the name, and of the password, of a ticket. 20 base-32 digits have 100 bits,
// which cannot be guessed during the life of a ticket.
const NameLength = 20

// Spool is a directory with the files of running and just completed transfers.
type Spool struct {
	dir string

	mu      sync.Mutex
	tickets map[key][]*Ticket
	rules   []Rule

	disk disk.FS // makes every change of the directory
}

// Open makes dir the spool. It creates dir with mode 0700 if necessary, and
// removes the transfers of an earlier process: regular files of this user with the
// names that the spool gives. Everything else in dir stays. The caller must hold
// the lock of the data directory, so that no other process uses dir.
func Open(dir string) (*Spool, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create spool: %w", err)
	}
	left, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	s := &Spool{dir: dir, tickets: make(map[key][]*Ticket), disk: disk.OS{}}
	for _, e := range left {
		s.sweep(e)
	}
	return s, nil
}

// isFileName reports whether a file in the spool has the name.
func isFileName(name string) bool {
	random, ok := strings.CutPrefix(strings.TrimSuffix(name, ".part"), "transfer-")
	return ok && len(random) == 20 && strings.Trim(random, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// sweep removes a file of an earlier process. A file that cannot be removed takes
// space, but nobody reads it: each transfer has a new name.
func (s *Spool) sweep(e fs.DirEntry) {
	if !e.Type().IsRegular() || !isFileName(e.Name()) {
		return
	}
	info, err := e.Info()
	if err != nil {
		return
	}
	if owner, ok := info.Sys().(*syscall.Stat_t); ok && int(owner.Uid) == os.Geteuid() {
		_ = s.disk.Remove(filepath.Join(s.dir, e.Name())) // see above
	}
}

// Free returns the free space for transfers in bytes.
func (s *Spool) Free() (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(s.dir, &st); err != nil {
		return 0, fmt.Errorf("space of spool %s: %w", s.dir, err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil
}

// key identifies tickets. It ignores case and leading slashes, because devices
// change them.
type key struct {
	op   tftp.Op
	name string
}

func keyFor(op tftp.Op, name string) key {
	return key{op, strings.ToLower(strings.TrimLeft(name, "/"))}
}

// Expect permits one upload: the device at address device may send one file of
// size bytes (-1: any size) under the ticket's name. The transfer must begin
// before the deadline. The caller must Close the ticket.
func (s *Spool) Expect(device netip.Addr, size int64, deadline time.Time) *Ticket {
	t := s.newTicket(tftp.Write, device, unguessable(), deadline)
	t.stem = t.Name
	t.Size = size
	s.register(t)
	return t
}

// ExpectPull is Expect for a file that we fetch ourselves, with Pull. No request over TFTP
// reaches the ticket.
func (s *Spool) ExpectPull(device netip.Addr, size int64, deadline time.Time) *Ticket {
	t := s.newTicket(tftp.Write, device, unguessable(), deadline)
	t.Size = size
	t.arm()
	return t
}

func unguessable() string { return strings.ToLower(rand.Text()[:NameLength]) }

// newTicket returns a ticket that is not registered yet.
func (s *Spool) newTicket(op tftp.Op, device netip.Addr, name string, deadline time.Time) *Ticket {
	return &Ticket{
		Name: name, Device: device.Unmap(), Size: -1, Deadline: deadline,
		op: op, spool: s, stem: unguessable(), ended: make(chan struct{}),
	}
}

// register makes t valid until its end, or its deadline.
func (s *Spool) register(t *Ticket) {
	t.arm()
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyFor(t.op, t.Name)
	s.tickets[k] = append(s.tickets[k], t)
}

// arm ends t at its deadline.
func (t *Ticket) arm() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lapse = time.AfterFunc(time.Until(t.Deadline), t.late)
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

// OpenRead implements tftp.Handler. It opens the file of an Offer and refuses
// everything else with a *tftp.Error.
func (s *Spool) OpenRead(_ context.Context, r *tftp.Request) (tftp.Reader, error) {
	t := s.ticket(r)
	if t == nil {
		s.noteStray(r)
		return nil, refusal("not offered")
	}
	return t.openRead(r)
}

// OpenWrite implements tftp.Handler. It accepts an upload that a ticket expects
// or a rule permits, and refuses everything else with a *tftp.Error.
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

// Observe adds an event of the TFTP server to the Evidence of its ticket.
func (s *Spool) Observe(e tftp.Event) {
	if t := s.ticket(e.Request); t != nil {
		t.observe(e)
	}
}

// ticket finds the ticket for a request: one of the same device, else one of the
// same name, which records the wrong address. It returns nil if there is none.
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

// noteStray records a request without a ticket in every ticket of the same device.
// The device may have misread a file name that was typed at a prompt.
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

// removeIfThere removes a file. A missing file is no error.
func (s *Spool) removeIfThere(path string) error {
	if err := s.disk.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
