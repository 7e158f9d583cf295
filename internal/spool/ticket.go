package spool

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/tftp"
)

// Errors that end a ticket.
var (
	// ErrSize says that the bytes that came are not the bytes expected.
	ErrSize = errors.New("size differs from the device's listing")
	// ErrTooLarge says that a file is larger than its permission.
	ErrTooLarge = errors.New("larger than permitted")
	// ErrFull says that the spool's file system has no space left.
	ErrFull = errors.New("no space left in the spool")
	// ErrClosed says that the ticket was closed before its file was complete.
	ErrClosed = errors.New("ticket closed")
	// ErrLate says that the deadline passed and no transfer was under way.
	ErrLate = errors.New("nobody came before the deadline")
)

// Ticket is a one-time permission for one transfer.
type Ticket struct {
	Name     string     // the file name on our TFTP server; where nobody chose one: unguessable, never used twice
	Device   netip.Addr // the only address that may use it
	Size     int64      // bytes expected; -1: not known
	Deadline time.Time  // the request must arrive before; a ticket that nobody uses ends then

	op    tftp.Op
	spool *Spool
	stem  string        // of the file in the spool: nothing that a device chose
	offer *offer        // what may be fetched; nil: the ticket is for an upload
	rule  *reception    // how an upload whose size nobody knows is taken; nil: it is expected
	ended chan struct{} // closed when file or err is set

	mu       sync.Mutex
	lapse    *time.Timer
	upload   *upload // the transfer under way; nil before and after
	file     *File
	err      error
	evidence Evidence
}

// File is a complete transfer. One that was received is written, of the size
// expected, fsynced.
type File struct {
	Path   string    // in the spool; the receiver moves it away before it closes the ticket. Empty: it was fetched
	Size   int64     // bytes
	MD5    string    // lower-case hex
	SHA256 string    // lower-case hex
	Began  time.Time // when its transfer began; zero of a file that was fetched
}

// Evidence is what the TFTP server saw of a ticket.
type Evidence struct {
	Requested   bool         // the ticket's request arrived from its device
	Repeats     int          // times that the device repeated its request
	Confirmed   bool         // the device answered our answer
	BlockSize   int          // bytes a block, in force
	Bytes       int64        // payload received; of an offer: confirmed by the device, in the try that moved last
	Running     int          // transfers under way
	Complete    int          // transfers that are complete
	Retransmits int          // packets that we sent again
	WrongSource []netip.Addr // other addresses that asked for this ticket
	Strays      []string     // other names that its device asked for
	Refused     *tftp.Error  // the ERROR that we sent, if any
	Err         error        // how the transfer ended, if badly
}

// maxNoted bounds each list of an Evidence: a hostile peer must not fill the
// memory.
const maxNoted = 8

// Wait returns the file when it is complete, else why it never will be: the
// error of the transfer, ErrClosed, or the context's cause. A transfer that
// ended before any byte arrived does not end the ticket.
func (t *Ticket) Wait(ctx context.Context) (*File, error) {
	select {
	case <-t.ended:
	default:
		select {
		case <-t.ended:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.file, t.err
}

// Ended is closed when Wait would return at once.
func (t *Ticket) Ended() <-chan struct{} { return t.ended }

// Evidence returns what the server has seen so far.
func (t *Ticket) Evidence() Evidence {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.evidence
	e.WrongSource = slices.Clone(e.WrongSource)
	e.Strays = slices.Clone(e.Strays)
	return e
}

// Close ends the ticket: nothing more is accepted for it, and the file is
// removed unless it was moved away.
func (t *Ticket) Close() error {
	t.spool.forget(t)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end(nil, ErrClosed)
	if t.offer != nil {
		return t.offer.file.Close()
	}
	return t.remove()
}

// late ends a ticket whose deadline has passed, unless a transfer is under
// way: that one may come to its end.
func (t *Ticket) late() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endIfLate()
}

// remove deletes the ticket's file. The partial name goes first: a rename
// that comes between the two is caught by the second.
func (t *Ticket) remove() error {
	return errors.Join(removeIfThere(t.partial()), removeIfThere(t.path()))
}

func (t *Ticket) path() string    { return filepath.Join(t.spool.dir, t.stem) }
func (t *Ticket) partial() string { return t.path() + ".part" }

// end settles the ticket once. The caller holds t.mu.
func (t *Ticket) end(f *File, err error) {
	if t.over() {
		return
	}
	t.file, t.err = f, err
	if t.lapse != nil {
		t.lapse.Stop()
	}
	close(t.ended)
}

// open starts the transfer that the ticket permits.
func (t *Ticket) open(r *tftp.Request) (tftp.Writer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if why := t.objection(r); why != "" {
		return nil, refusal(why)
	}
	t.evidence.Requested, t.evidence.Bytes = true, 0
	t.evidence.Err, t.evidence.Refused = nil, nil
	size, err := t.sizeOf(r)
	if err != nil {
		t.fail(err)
		return nil, t.wire(err)
	}
	u, err := newUpload(t, r, size)
	if err != nil {
		t.fail(err)
		return nil, t.wire(err)
	}
	t.upload, t.evidence.Running = u, 1
	return u, nil
}

// sizeOf is the size in bytes that an upload must have, -1 where nobody knows
// it: what the ticket expects, else what the device announces.
func (t *Ticket) sizeOf(r *tftp.Request) (int64, error) {
	switch {
	case t.rule != nil && r.Netascii: // it grows on the wire
		return -1, nil
	case t.rule != nil && r.Size > t.rule.MaxSize:
		return 0, fmt.Errorf("%w: the device announces %d bytes", ErrTooLarge, r.Size)
	case t.rule != nil:
		return r.Size, nil
	case t.Size >= 0 && r.Size >= 0 && r.Size != t.Size:
		return 0, fmt.Errorf("%w: the device announces %d bytes, its listing says %d", ErrSize, r.Size, t.Size)
	}
	return t.Size, nil
}

// objection says why a request for this ticket is refused; "" when it is not.
// The caller holds t.mu.
func (t *Ticket) objection(r *tftp.Request) string {
	if from := r.Remote.Addr(); from != t.Device {
		if len(t.evidence.WrongSource) < maxNoted && !slices.Contains(t.evidence.WrongSource, from) {
			t.evidence.WrongSource = append(t.evidence.WrongSource, from)
		}
		return "not expected from this address"
	}
	switch {
	case t.upload != nil:
		return "in use"
	case t.Name == "" && !ordinary(strings.TrimLeft(r.Filename, "/")):
		return "not a name for a file"
	case !t.over() && (t.Deadline.IsZero() || time.Now().Before(t.Deadline)):
		return ""
	case t.file != nil:
		return "used up"
	}
	return "no longer expected"
}

func (t *Ticket) over() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

// fail notes that a transfer ended with err, and ends the ticket, unless the
// device may try again. The caller holds t.mu.
func (t *Ticket) fail(err error) {
	t.evidence.Err = err
	if t.rule == nil {
		t.end(nil, err)
		return
	}
	t.endIfLate()
}

// endIfLate ends a ticket on which nothing more may begin. The caller holds
// t.mu.
func (t *Ticket) endIfLate() {
	if t.evidence.Running == 0 && !t.Deadline.IsZero() && !time.Now().Before(t.Deadline) {
		t.end(nil, ErrLate)
	}
}

// wire turns err into the ERROR that the device gets.
func (t *Ticket) wire(err error) error {
	e := &tftp.Error{Code: tftp.CodeUndefined, Message: "internal error"}
	switch {
	case errors.As(err, &e):
	case errors.Is(err, ErrTooLarge):
		e = &tftp.Error{Code: tftp.CodeDiskFull, Message: "larger than permitted"}
	case errors.Is(err, ErrFull), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		e = &tftp.Error{Code: tftp.CodeDiskFull, Message: "no space left"}
	case errors.Is(err, ErrSize):
		e = &tftp.Error{Code: tftp.CodeUndefined, Message: "size differs"}
	case errors.Is(err, ErrClosed):
		e = &tftp.Error{Code: tftp.CodeUndefined, Message: "no longer wanted"}
	}
	t.evidence.Refused = e
	return e
}

func (t *Ticket) noteStray(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.evidence.Strays) < maxNoted && !slices.Contains(t.evidence.Strays, name) {
		t.evidence.Strays = append(t.evidence.Strays, name)
	}
}

// progress takes how far a transfer is. An upload may have written more than
// the event says. The caller holds t.mu.
func (t *Ticket) progress(e tftp.Event) {
	if t.offer != nil {
		t.evidence.Bytes = e.Bytes
		return
	}
	t.evidence.Bytes = max(t.evidence.Bytes, e.Bytes)
}

func (t *Ticket) observe(e tftp.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Request.Remote.Addr() != t.Device {
		return
	}
	switch e.Kind {
	case tftp.EventRequest:
		t.evidence.BlockSize = e.BlockSize
	case tftp.EventRepeated:
		t.evidence.Repeats++
	case tftp.EventConfirmed:
		t.evidence.Confirmed = true
		t.evidence.BlockSize = e.BlockSize
	case tftp.EventRetransmit:
		t.evidence.Retransmits++
	case tftp.EventProgress:
		t.progress(e)
	case tftp.EventDone:
		t.progress(e)
		t.fetched(e)
	case tftp.EventRefused:
		errors.As(e.Err, &t.evidence.Refused)
	}
}
