package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/scp"
	"flashwarden/internal/spool"
)

// SCPPull is the transport that fetches files from the SCP server of the device, over a second
// SSH session. It moves no file to a device.
type SCPPull struct {
	// Exec runs a command of the device in a session of its own, and returns its input
	// and output. The end of ctx ends it at once.
	Exec func(ctx context.Context, command string) (io.ReadWriteCloser, error)
	User string // of the login, for fixes
}

// Check implements Transport. The server of IOS knows no quotes, so a name is as limited as
// on the terminal.
func (v SCPPull) Check(f File) error { return ios.Typeable("file", f.Path) }

// Line implements Transport.
func (v SCPPull) Line(f File) string { return scp.Command(f.Path) }

// Expect implements Transport.
func (v SCPPull) Expect(s *spool.Spool, device netip.Addr, size int64, deadline time.Time) *spool.Ticket {
	return s.ExpectPull(device, size, deadline)
}

var errToDevice = errors.New("scp-pull moves no file to a device")

// Move implements Transport.
func (v SCPPull) Move(ctx context.Context, _ Session, f File, ticket *spool.Ticket) (ios.CopyResult, error) {
	if f.ToDevice {
		return ios.CopyResult{}, errToDevice
	}
	stream, err := v.Exec(ctx, scp.Command(f.Path))
	if err != nil {
		return ios.CopyResult{}, err
	}
	defer stream.Close() // all that matters was read; the connection is of no further use
	size := int64(-1)
	err = scp.Receive(stream, func(announced int64) (scp.Sink, error) {
		size = announced
		return ticket.Pull(announced)
	})
	return v.said(err, size)
}

// said puts the outcome into the words of a copy command.
func (v SCPPull) said(err error, size int64) (ios.CopyResult, error) {
	var refused *scp.Refused
	var noFile *scp.NoFile
	switch {
	case err == nil:
		return ios.CopyResult{OK: true, Bytes: size}, nil
	case errors.As(err, &refused):
		return ios.CopyResult{Bytes: -1, Error: refused.Error(), Cause: causeOfSCP(refused.Text)}, nil
	case errors.As(err, &noFile):
		return ios.CopyResult{Bytes: -1, Error: noFile.Error(), Cause: cause.TransportRestricted}, nil
	case errors.Is(err, scp.ErrCut):
		return ios.CopyResult{}, cause.Wrap(cause.SessionLost, err, "SCP", nil)
	case errors.Is(err, scp.ErrLong):
		return ios.CopyResult{Bytes: -1, Error: err.Error(), Cause: cause.SizeMismatch}, nil
	}
	return ios.CopyResult{Bytes: -1, Error: err.Error()}, nil // the ticket has the reason
}

// The answers of SCP servers, in the order of their certainty.
var (
	scpOff     = lazyregexp.New(`(?i)administratively disabled|not enabled|insecure`)
	scpDenied  = lazyregexp.New(`(?i)privilege|authoriz|permission denied|access denied`)
	scpMissing = lazyregexp.New(`(?i)no such (?:file|device)|not found|is a directory|not a regular file`)
)

// causeOfSCP is the cause that an error of the device's server shows.
func causeOfSCP(text string) cause.Cause {
	switch {
	case scpOff.MatchString(text):
		return cause.TransportRestricted
	case scpDenied.MatchString(text):
		return cause.NotPermittedOnDevice
	case scpMissing.MatchString(text):
		return cause.SourceMissing
	}
	return cause.CommandRejected
}

// Diagnose implements Transport. Our own knowledge comes first: how the ticket ended.
// Then come the errors of the login, and the words of the device.
func (v SCPPull) Diagnose(w Witness) *cause.Error {
	if e := ofTicket(w); e != nil {
		return e
	}
	if e := ofDialogue(w); e != nil {
		return e
	}
	switch {
	case w.Stalled:
		return stalled(w)
	case w.Said.Cause != "":
		return cause.New(w.Said.Cause, "SCP: "+w.said(), v.fix(w))
	case cause.Of(w.Err) == cause.SessionLost:
		return cause.Wrap(cause.SessionLost, w.Err, fmt.Sprintf("the SCP session ended after %d of %d bytes", w.Seen.Bytes, w.Size),
			api.Say("check that the device is up and has a free line (").Type(api.OnDevice, "show users").Say("), then try again: ").Then(w.again(false)))
	}
	return cause.New(cause.Internal, "SCP: "+w.said(), api.Say("look at the log of ").Then(w.again(true)))
}

// fix is the next step after an answer of the SCP server.
func (v SCPPull) fix(w Witness) api.Fix {
	switch w.Said.Cause {
	case cause.TransportRestricted:
		return api.Say("switch on the SCP server of the device, in configuration mode: ").Type(api.OnDevice, "ip scp server enable")
	case cause.NotPermittedOnDevice:
		user := v.User
		if user == "" {
			user = "USER"
		}
		return api.Say("the account needs privilege level 15 at its login, without enable. On the device, in configuration mode: ").
			Type(api.OnDevice, "username "+user+" privilege 15").Say("; for local accounts also ").Type(api.OnDevice, "aaa authorization exec default local")
	case cause.SizeMismatch:
		return api.Say("the copy was deleted; back up the device again: ").Then(w.again(false))
	case cause.SourceMissing:
		return api.Say("the file was deleted or renamed since it was listed: back up the device again")
	}
	return api.Say("fetch the file by hand: ").Type(api.OnHost, fmt.Sprintf("scp -O -T %s@%s:FILE .", v.User, w.Device))
}
