package transfer

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// Witness holds the facts about a failed copy: the device's words and
// what the spool saw.
type Witness struct {
	Err       error          // of the terminal; session_lost when the line is gone, nil when the dialogue came to its end
	Said      ios.CopyResult // of the device, when Err is nil
	Seen      spool.Evidence // of the TFTP server
	TicketErr error          // how the ticket ended; nil while it has not
	Stalled   bool           // given up because no byte moved for Stall
	Stall     time.Duration
	Crawled   string // how few bytes moved, if the transfer was given up because of that
	Download  bool   // the device was to fetch the file, and not to send it

	Name      string // of the device in the inventory, for hints
	Device    netip.Addr
	Interface string     // of the device, which has that address; empty: not known
	Server    netip.Addr // written into the copy command
	Listen    uint16     // UDP port of the server; 0: 69, to which devices send
	Ports     string     // transfer-ID range: "1056:1059"
	Size      int64      // bytes expected; -1: not known
}

// Diagnose names the cause of a failed copy and the next step. A dangerous
// question comes first, then the certain knowledge of our own server, then the
// plain words of the device, then conclusions from silence.
func Diagnose(w Witness) *cause.Error {
	for _, judge := range []func(Witness) *cause.Error{ofDanger, ofTicket, ofDialogue, ofWords, ofSilence} {
		if e := judge(w); e != nil {
			return e
		}
	}
	return cause.New(cause.Internal, "the copy failed and neither the device nor the TFTP server says why: "+w.said(), api.Say("look at the log of ").Then(w.again(true)))
}

// ofDanger judges by a question about erasing, formatting or overwriting.
func ofDanger(w Witness) *cause.Error {
	if cause.Of(w.Err) != cause.UnsafePrompt {
		return nil
	}
	return ofDialogue(w)
}

// ofTicket judges by how the transfer ended at our server.
func ofTicket(w Witness) *cause.Error {
	switch {
	case errors.Is(w.TicketErr, spool.ErrFull), errors.Is(w.Seen.Err, spool.ErrFull):
		return cause.New(cause.SpoolFull, fmt.Sprintf("no space left in the spool for %d bytes", w.Size),
			api.Say("make room on the file system of the data directory (").Type(api.OnHost, "df -h").Say("), then back up again"))
	case errors.Is(w.TicketErr, spool.ErrSize), errors.Is(w.Seen.Err, spool.ErrSize):
		return cause.New(cause.SizeMismatch, cmp.Or(w.TicketErr, w.Seen.Err).Error(),
			api.Say("the copy was deleted; back up the device again. If the sizes still differ, compare with ").Type(api.OnDevice, "dir").Say(" on the device"))
	case !w.Seen.Requested && len(w.Seen.WrongSource) > 0:
		return wrongSource(w)
	case !w.Seen.Requested && len(w.Seen.Strays) > 0 && w.Err == nil && w.Said.Error == "":
		return refused(w) // the device names another file than the one in its copy command
	}
	return nil
}

// ofDialogue judges by an error of the terminal that says more than that it
// is gone.
func ofDialogue(w Witness) *cause.Error {
	var e *cause.Error
	if errors.As(w.Err, &e) && e.Cause != cause.SessionLost {
		return e
	}
	return nil
}

// ofWords judges by what the device printed, where that leaves no doubt.
func ofWords(w Witness) *cause.Error {
	if w.Said.Cause == "" {
		return nil
	}
	var fix api.Fix
	switch w.Said.Cause {
	case cause.RefusedByServer:
		if w.Seen.Requested && w.Seen.Refused == nil {
			return nil // ERROR 5 for a transfer that our server had given up: it never got further
		}
		return refused(w)
	case cause.CommandRejected:
		fix = api.Say("on the device: ").Type(api.OnDevice, "show privilege").Say(" (15 is needed) and ").Type(api.OnDevice, "copy ?").
			Say(" (which sources and targets does this software take?); then type the command by hand")
	case cause.DeviceNoSpace:
		fix = api.Say("make room on the device (").Type(api.OnDevice, "dir").Say(", ").Type(api.OnDevice, "delete").Say("), then try again")
	case cause.TransportRestricted:
		fix = api.Say("the device's software refuses TFTP as insecure. Copy over SSH instead: ").Do("device edit", w.Name).With("copy_by", api.CopySCPPull).
			Say(", with ").Type(api.OnDevice, "ip scp server enable").Say(" in configuration mode. Or, if the person responsible for its security agrees, permit insecure protocols in configuration mode: ").
			Type(api.OnDevice, "system mode insecure")
	case cause.SourceMissing:
		fix = api.Say("the file was deleted or renamed since it was listed: back up the device again")
	case cause.NotPermittedOnDevice:
		fix = api.Say("give the account the right to ").Type(api.OnDevice, "copy").Say(", or use an account with privilege level 15")
	}
	return cause.New(w.Said.Cause, w.said(), fix)
}

// refused says what our server answered with an ERROR, where it knows.
func refused(w Witness) *cause.Error {
	seen := w.said()
	if len(w.Seen.Strays) > 0 {
		seen += fmt.Sprintf("; it requested %q instead of the file in the copy command", w.Seen.Strays)
	}
	if w.Seen.Refused != nil {
		seen += fmt.Sprintf("; the server had answered %q", w.Seen.Refused.Message)
	}
	return cause.New(cause.RefusedByServer, seen, api.Say("the server accepts one file under one name from %s, once; try again. If it fails again, look at all requests and answers with ", w.Device).
		Then(w.again(true)))
}

// ofSilence judges by how far the TFTP server saw the transfer come.
func ofSilence(w Witness) *cause.Error {
	switch {
	case cause.Of(w.Err) == cause.SessionLost:
		return sessionLost(w)
	case !w.Seen.Requested:
		return noRequest(w)
	case fragmented(w):
		return fragmentsDropped(w)
	case !w.Seen.Confirmed:
		return tidBlocked(w)
	}
	return stalled(w)
}

// fragmented reports whether the small packets of the beginning passed, and
// the first large block did not. A device that sends a file has then received the OACK,
// and does not repeat its request; a device that fetches one has confirmed the OACK.
func fragmented(w Witness) bool {
	if w.Seen.BlockSize <= unfragmented(w.Device) || w.Seen.Bytes > 0 {
		return false
	}
	if w.Download {
		return w.Seen.Confirmed
	}
	return !w.Seen.Confirmed && !asksOn(w)
}

// asksOn reports whether the device repeated its request, because it did not receive
// the answer. A single repetition may have crossed the answer.
func asksOn(w Witness) bool { return w.Seen.Repeats > 1 }

// unfragmented is the block size whose datagram just fits an Ethernet frame:
// 1500 less the headers of IP, UDP (8 bytes) and TFTP (4 bytes).
func unfragmented(device netip.Addr) int {
	if device.Is4() {
		return 1500 - 20 - 8 - 4
	}
	return 1500 - 40 - 8 - 4
}

func wrongSource(w Witness) *cause.Error {
	return cause.New(cause.WrongSource,
		fmt.Sprintf("the request came from %s, but the inventory has %s for the device", w.Seen.WrongSource[0], w.Device), fixSource(w))
}

func noRequest(w Witness) *cause.Error {
	return cause.New(cause.NoRequest,
		fmt.Sprintf("%s sent no TFTP request to %s: %s", w.Device, w.Server, w.said()), fixRequest(w))
}

// tidBlocked distinguishes the two directions: a device that received the answer does
// not repeat its request.
func tidBlocked(w Witness) *cause.Error {
	if asksOn(w) {
		return cause.New(cause.TIDBlocked,
			fmt.Sprintf("%s sent its request and repeated it %d times: the server's answers do not reach it", w.Device, w.Seen.Repeats), fixAnswers(w))
	}
	return cause.New(cause.TIDBlocked,
		fmt.Sprintf("%s sent a request and received the server's answer, but its packets never reached the ports %s: %s", w.Device, w.Ports, w.said()), fixTransfer(w))
}

func fragmentsDropped(w Witness) *cause.Error {
	return cause.New(cause.FragmentsDropped,
		fmt.Sprintf("%s sent a request and received the server's answer, but no block of %d bytes passed", w.Device, w.Seen.BlockSize), fixFragments(w))
}

func sessionLost(w Witness) *cause.Error {
	return cause.Wrap(cause.SessionLost, w.Err,
		fmt.Sprintf("the terminal session ended after %d of %d bytes", w.Seen.Bytes, w.Size),
		api.Say("check that the device is up, then try again: ").Then(w.again(false)))
}

func stalled(w Witness) *cause.Error {
	return cause.New(cause.Stalled,
		fmt.Sprintf("the transfer stopped after %d of %d bytes (%d packets sent again): %s", w.Seen.Bytes, w.Size, w.Seen.Retransmits, w.said()),
		api.Say("look for packet loss and control-plane policing: on the device ").
			Type(api.OnDevice, strings.TrimSpace("show interfaces "+w.Interface)).Say(", ").Type(api.OnDevice, "show policy-map control-plane"))
}

// again is the operation that the copy was part of, to run once more, with the
// log of what happens where verbose is true.
func (w Witness) again(verbose bool) api.Fix {
	operation := "backup"
	if w.Download {
		operation = "restore"
	}
	fix := api.Do(operation, w.Name)
	if verbose {
		fix = fix.With("verbose", "")
	}
	return fix
}

// said is what the device said, or that it said nothing.
func (w Witness) said() string {
	switch {
	case w.Said.Error != "":
		return strings.TrimSpace(w.Said.Error)
	case w.Crawled != "":
		return w.Crawled
	case w.Stalled:
		return fmt.Sprintf("no data for %s", w.Stall)
	case w.Err != nil:
		return w.Err.Error()
	}
	if w.Said.OK {
		return "the device reports success"
	}
	return "the device reports neither success nor an error"
}
