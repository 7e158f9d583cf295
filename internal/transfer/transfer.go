// Package transfer moves one file between a device and a ticket of the spool:
// it types the device's copy command or fetches the file itself, watches the
// ticket, waits for the outcome, and says why a copy failed.
//
// Two conversations meet here, the terminal and the transfer; the ticket is
// their only rendezvous. For a file that the device sends, the ticket decides
// whether it arrived, never the terminal.
package transfer

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// Session is what a transfer needs of a terminal line that is logged in. Its
// errors carry causes.
type Session interface {
	Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error)
	// Interfaces are those of the device, with their addresses.
	Interfaces(ctx context.Context) ([]ios.Interface, error)
	RemoteAddr() netip.Addr // the device's address in the session
}

// Transport is a protocol that moves files: TFTP is one.
type Transport interface {
	// Check returns an error if f has a name that cannot be moved.
	Check(f File) error
	// Line is the command that moves f, for people: TICKET stands for the ticket.
	Line(f File) string
	// Expect makes the ticket for a file that the device has.
	Expect(s *spool.Spool, device netip.Addr, size int64, deadline time.Time) *spool.Ticket
	// Move moves f to or from the ticket, and returns what the device said of it.
	Move(ctx context.Context, s Session, f File, ticket *spool.Ticket) (ios.CopyResult, error)
	// Diagnose says why a copy failed, and the next step. It fills the fields
	// of the witness that only the transport knows.
	Diagnose(w Witness) *cause.Error
}

// anyName is as long as the name and the password of a ticket, so that a check before the
// ticket is made sees the length of the command.
var anyName = strings.Repeat("x", spool.NameLength)

// File is the device's side of a copy.
type File struct {
	Path      string // flash:/dir/x.bin
	Size      int64  // bytes; -1: not known
	ToDevice  bool   // the device fetches the file; otherwise it sends it
	Overwrite bool   // the file on the device is overwritten, as the user asked
}

// in returns the command c with the file on the device.
func (f File) in(c ios.Copy) ios.Copy {
	c.Empty = f.Size == 0
	if f.ToDevice {
		c.ToDevice, c.Destination, c.Overwrite = true, f.Path, f.Overwrite
	} else {
		c.Source = f.Path
	}
	return c
}

// Transfer is one copy. Its fields are set before Run.
type Transfer struct {
	Session   Session
	Via       Transport
	Path      string // of the file on the device
	ToDevice  bool   // the device fetches the file; otherwise it sends it
	Overwrite bool   // the file on the device is overwritten, as the user asked
	Ticket    *spool.Ticket
	Name      string            // of the device in the inventory, for fixes
	Stall     time.Duration     // a transfer that moves no byte for so long has stalled; 0: 60 s
	Moved     func(bytes int64) // called when more bytes have moved; may be nil
	Log       *slog.Logger      // nil: discard
}

// Outcome is how a copy ended.
type Outcome struct {
	File        *spool.File // received from the device; nil for a copy to the device, and after an error
	SessionLost bool        // the terminal is gone: the next command needs a new session
}

// Run makes the copy, and returns when it has ended. The error of
// a copy that failed is a *cause.Error.
//
// A session that is lost while a transfer is under way does not end the copy,
// in either direction: Run waits until the ticket is complete or the transfer
// has stalled. A copy that completed then is a success whose Outcome says that
// the session is lost.
//
// A copy to the device succeeds when the device says so, or when it has
// acknowledged every byte. The caller must still prove it with a digest: we do
// not see the written bytes.
func (t Transfer) Run(ctx context.Context) (Outcome, error) {
	watched, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t.watch(watched, stop)
	}()
	d := dialogue{}
	d.said, d.err = t.Via.Move(watched, t.Session, File{Path: t.Path, Size: t.Ticket.Size, ToDevice: t.ToDevice, Overwrite: t.Overwrite}, t.Ticket)
	if d.lost() || d.err == nil && d.said.OK && !t.ToDevice {
		t.settle(watched)
	}
	d.stop = context.Cause(watched)
	stop(nil)
	<-ended
	return t.judge(ctx, d)
}

// dialogue is how the conversation on the terminal ended.
type dialogue struct {
	said ios.CopyResult
	err  error // of the terminal
	stop error // ErrStalled, or why the caller gave up; nil while neither has happened
}

func (d dialogue) lost() bool { return cause.Of(d.err) == cause.SessionLost }

// judge decides whether the copy succeeded, and names the cause otherwise.
func (t Transfer) judge(ctx context.Context, d dialogue) (Outcome, error) {
	outcome := Outcome{SessionLost: d.lost() || d.stop != nil} // who stops a command closes the line
	file, ticketErr := t.result()
	switch {
	case t.succeeded(d, file):
		if !t.ToDevice {
			outcome.File = file
		}
		return outcome, nil
	case d.stop != nil && !errors.Is(d.stop, ErrStalled):
		return outcome, cause.Ended(ctx)
	}
	w := Witness{
		Err: d.err, Said: d.said, Seen: t.Ticket.Evidence(), TicketErr: ticketErr, Stalled: d.stop != nil, Stall: t.stall(),
		Download: t.ToDevice, Name: t.Name, Device: t.Session.RemoteAddr(), Size: t.Ticket.Size,
	}
	if d.stop != nil && d.stop != ErrStalled {
		w.Crawled = d.stop.Error()
	}
	if d.err == nil { // the terminal can be asked
		w.Interface = t.interfaceOf(ctx, w.Device)
	}
	return outcome, t.Via.Diagnose(w)
}

// succeeded reports whether the copy is done. file is the ticket's; nil when the
// ticket is not complete.
func (t Transfer) succeeded(d dialogue, file *spool.File) bool {
	switch {
	case cause.Of(d.err) == cause.UnsafePrompt:
		return false // always reported, even if the bytes have arrived
	case t.ToDevice && !d.lost(): // its flash may have failed after the last byte
		return d.err == nil && d.said.OK && (d.said.Bytes < 0 || d.said.Bytes == t.Ticket.Size)
	}
	return file != nil
}

// result is the ticket's file or error; neither while the ticket is open.
func (t Transfer) result() (*spool.File, error) {
	select {
	case <-t.Ticket.Ended():
		return t.Ticket.Wait(context.Background())
	default:
		return nil, nil
	}
}

// interfaceOf is the device's name for the interface with an address; empty
// where the device does not show it. The fix is less exact without it, and
// nothing more.
func (t Transfer) interfaceOf(ctx context.Context, a netip.Addr) string {
	all, err := t.Session.Interfaces(ctx)
	if err != nil && t.Log != nil {
		t.Log.Debug("no interfaces", "device", t.Name, "err", err)
	}
	for _, i := range all {
		if i.Address == a.String() {
			return i.Name
		}
	}
	return ""
}
