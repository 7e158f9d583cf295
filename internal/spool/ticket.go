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
	// ErrSize reports that the size of the upload differs from the expected size.
	ErrSize = errors.New("size differs from the device's listing")
	// ErrTooLarge reports that an upload is larger than its permission.
	ErrTooLarge = errors.New("larger than permitted")
	// ErrFull reports that the spool's file system has no space left.
	ErrFull = errors.New("no space left in the spool")
	// ErrClosed reports that the ticket was closed before its file was complete.
	ErrClosed = errors.New("ticket closed")
	// ErrLate reports that no transfer was running at the deadline.
	ErrLate = errors.New("no transfer began before the deadline")
)

// Ticket is a one-time permission for one transfer.
type Ticket struct {
	Name     string     // the file name on our TFTP server; by default unguessable and never used twice
	Device   netip.Addr // the only address that may use it
	Password string     // of a ticket of ExpectPut, or of an Offer with Secret; used once like its name; empty: none
	Size     int64      // expected bytes; -1: unknown
	Deadline time.Time  // the request must arrive before; an unused ticket ends then

	op    tftp.Op
	spool *Spool
	stem  string        // the file name in the spool; never chosen by a device
	offer *offer        // the file to download; nil: the ticket is for an upload
	rule  *reception    // limits for an upload of unknown size; nil: from Expect
	ended chan struct{} // closed when file or err is set

	mu       sync.Mutex
	lapse    *time.Timer
	upload   *upload // the running transfer; nil before and after
	file     *File
	err      error
	evidence Evidence
}

// File is the file of a complete transfer. An uploaded file has the expected size
// and is synced to disk.
type File struct {
	Path   string    // in the spool; the caller moves it away before it closes the ticket. Empty: a download
	Size   int64     // bytes
	MD5    string    // lower-case hex
	SHA256 string    // lower-case hex
	Began  time.Time // when its transfer began; zero for a download
}

// Evidence has the observations of the server about a ticket.
type Evidence struct {
	Requested   bool         // the ticket's request arrived from its device
	Repeats     int          // how often the device repeated its request
	Confirmed   bool         // the device answered our first packet
	BlockSize   int          // bytes of a block
	Bytes       int64        // payload received; for an offer: acknowledged by the device, in the most recently active try
	Running     int          // running transfers
	Complete    int          // complete transfers
	Retransmits int          // packets that we repeated
	WrongSource []netip.Addr // other addresses that requested this ticket
	Strays      []string     // other names that its device requested
	Refused     *tftp.Error  // the ERROR that we sent, if any
	Handshake   error        // why an encrypted connection of its device failed, if one did
	Err         error        // why the transfer failed, if it did
}

// maxNoted limits each list of an Evidence, so that a hostile peer cannot fill the
// memory.
const maxNoted = 8

// Wait waits for the file and returns it. Its errors are the error of the
// transfer, ErrLate after the deadline, ErrClosed after Close, and the cause of
// ctx. An Expect ticket whose transfer ended before the first byte stays open.
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

// Ended returns a channel that is closed when Wait would return at once.
func (t *Ticket) Ended() <-chan struct{} { return t.ended }

// Evidence returns the server's observations so far.
func (t *Ticket) Evidence() Evidence {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := t.evidence
	e.WrongSource = slices.Clone(e.WrongSource)
	e.Strays = slices.Clone(e.Strays)
	return e
}

// Close ends the ticket: it accepts no more requests. Close removes the file
// unless it was moved away, and closes the file of an Offer.
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

// late ends a ticket whose deadline has passed. A running transfer may finish.
func (t *Ticket) late() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.endIfLate()
}

// remove deletes the ticket's file. It deletes the partial name first. If the file
// is renamed in between, the second deletion finds it.
func (t *Ticket) remove() error {
	return errors.Join(t.spool.removeIfThere(t.partial()), t.spool.removeIfThere(t.path()))
}

func (t *Ticket) path() string    { return filepath.Join(t.spool.dir, "transfer-"+t.stem) }
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

// Pull starts the transfer of a ticket of ExpectPull, once. size is what the device
// announces, in bytes; -1: nothing. The caller writes the file, and ends with Commit or
// Abort. Errors, also those of the writer, are in the words for the device; the
// ticket has the reason.
func (t *Ticket) Pull(size int64) (tftp.Writer, error) {
	return t.open(&tftp.Request{Op: tftp.Write, Filename: t.Name, Remote: netip.AddrPortFrom(t.Device, 0), Size: size})
}

// open starts the transfer that the ticket permits.
func (t *Ticket) open(r *tftp.Request) (tftp.Writer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.admit(r); err != nil {
		return nil, err
	}
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

// sizeOf returns the size in bytes that an upload must have: the expected size of
// the ticket, else the announced size; -1: unknown.
func (t *Ticket) sizeOf(r *tftp.Request) (int64, error) {
	switch {
	case t.rule != nil && r.Netascii: // netascii changes the size
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

// objection returns the reason to refuse a request for this ticket; "" if there is
// none. The caller holds t.mu.
func (t *Ticket) objection(r *tftp.Request) string {
	if from := r.Remote.Addr(); from != t.Device {
		if len(t.evidence.WrongSource) < maxNoted && !slices.Contains(t.evidence.WrongSource, from) {
			t.evidence.WrongSource = append(t.evidence.WrongSource, from)
		}
		return "not expected from this address"
	}
	switch {
	case t.upload != nil, t.Password != "" && t.evidence.Running > 0:
		return "in use"
	case t.Name == "" && !ordinary(strings.TrimLeft(r.Filename, "/")):
		return "not a valid file name"
	case !t.over() && (t.Deadline.IsZero() || time.Now().Before(t.Deadline)):
		return ""
	case t.file != nil:
		return "used up"
	}
	return "no longer expected"
}

// admit checks a request and begins its evidence. The caller holds t.mu.
func (t *Ticket) admit(r *tftp.Request) error {
	if why := t.objection(r); why != "" {
		return refusal(why)
	}
	t.evidence.Requested, t.evidence.Bytes = true, 0
	t.evidence.Err, t.evidence.Refused = nil, nil
	return nil
}

func (t *Ticket) over() bool {
	select {
	case <-t.ended:
		return true
	default:
		return false
	}
}

// fail records that a transfer ended with err. It ends the ticket unless the
// device may try again. The caller holds t.mu.
func (t *Ticket) fail(err error) {
	t.evidence.Err = err
	if t.rule == nil {
		t.end(nil, err)
		return
	}
	t.endIfLate()
}

// endIfLate ends the ticket if its deadline has passed and no transfer is running.
// The caller holds t.mu.
func (t *Ticket) endIfLate() {
	if t.evidence.Running == 0 && !t.Deadline.IsZero() && !time.Now().Before(t.Deadline) {
		t.end(nil, ErrLate)
	}
}

// wire returns the ERROR packet that the device gets for err.
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

// progress records the progress of a transfer. An upload may already have written
// more bytes than the event reports. The caller holds t.mu.
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
		t.fetched(e.Request, e.Err)
	case tftp.EventRefused:
		errors.As(e.Err, &t.evidence.Refused)
	}
}
