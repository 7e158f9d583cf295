package backup

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// largestUnfragmented is the block size whose datagram just fits an Ethernet
// frame: 1500 less 20 (IPv4), 8 (UDP) and 4 (TFTP) bytes.
const largestUnfragmented = 1468

// Witness is what is known of a copy that failed: what the device said and
// what the spool saw.
type Witness struct {
	Err       error          // of the terminal; nil when the dialogue came to its end
	Said      ios.CopyResult // of the device, when Err is nil
	Seen      spool.Evidence // of the TFTP server
	TicketErr error          // how the ticket ended; nil while it has not
	Stalled   bool           // given up because no byte moved for Stall
	Stall     time.Duration

	Name   string // of the device in the inventory, for hints
	Device netip.Addr
	Server netip.Addr // written into the copy command
	Ports  string     // transfer-ID range: "1056:1059"
	Size   int64      // bytes expected; -1: not known
}

// Diagnose names the cause of a failed copy and the next step. What our own
// server knows for certain comes first, then what the device said in plain
// words, then what can be told from silence.
func Diagnose(w Witness) *cause.Error {
	for _, judge := range []func(Witness) *cause.Error{ofTicket, ofDialogue, ofWords, ofSilence} {
		if e := judge(w); e != nil {
			return e
		}
	}
	return cause.New(cause.Internal, "the copy failed and neither the device nor the TFTP server says why: "+w.said(), "look at the log of `flashwarden backup "+w.Name+" -v`")
}

// ofTicket judges by how the transfer ended at our server.
func ofTicket(w Witness) *cause.Error {
	switch {
	case errors.Is(w.TicketErr, spool.ErrFull), errors.Is(w.Seen.Err, spool.ErrFull):
		return cause.New(cause.SpoolFull, fmt.Sprintf("no space left in the spool for %d bytes", w.Size),
			"make room on the file system of the data directory (`df -h`), then back up again")
	case errors.Is(w.TicketErr, spool.ErrSize), errors.Is(w.Seen.Err, spool.ErrSize):
		return cause.New(cause.SizeMismatch, cmp.Or(w.TicketErr, w.Seen.Err).Error(),
			"the copy was thrown away; back the device up again, and if it stays so compare with `dir` on the device")
	}
	return nil
}

// ofDialogue judges by an error of the terminal that says more than that it
// is gone.
func ofDialogue(w Witness) *cause.Error {
	var e *cause.Error
	if !w.Stalled && errors.As(w.Err, &e) && e.Cause != cause.SessionLost {
		return e
	}
	return nil
}

// ofWords judges by what the device printed, where that leaves no doubt.
func ofWords(w Witness) *cause.Error {
	if w.Said.Cause == "" {
		return nil
	}
	hint := ""
	switch w.Said.Cause {
	case cause.RefusedByServer:
		return refused(w)
	case cause.SourceMissing:
		hint = "the file went away since it was listed: back the device up again"
	case cause.NotPermittedOnDevice:
		hint = "give the account the right to `copy`, or use one with privilege level 15"
	}
	return cause.New(w.Said.Cause, w.said(), hint)
}

// refused says what our server answered with an ERROR, where it knows.
func refused(w Witness) *cause.Error {
	seen := w.said()
	if len(w.Seen.Strays) > 0 {
		seen += fmt.Sprintf("; it asked for %q, and not for the file that it was told", w.Seen.Strays)
	}
	if w.Seen.Refused != nil {
		seen += fmt.Sprintf("; our server had said %q", w.Seen.Refused.Message)
	}
	return cause.New(cause.RefusedByServer, seen, "our server takes one file under one name from "+w.Device.String()+
		", once; see what else it refused with `flashwarden backup "+w.Name+" -v`")
}

// ofSilence judges by how far the TFTP server saw the transfer come.
func ofSilence(w Witness) *cause.Error {
	switch {
	case !w.Seen.Requested && len(w.Seen.WrongSource) > 0:
		return wrongSource(w)
	case !w.Seen.Requested && w.Err != nil && !w.Stalled:
		return sessionLost(w)
	case !w.Seen.Requested:
		return noRequest(w)
	case !w.Seen.Confirmed && w.Seen.BlockSize > largestUnfragmented:
		return cause.New(cause.FragmentsDropped,
			fmt.Sprintf("%s asked and took our answer, but no block of %d bytes arrived", w.Device, w.Seen.BlockSize),
			fmt.Sprintf("set tftp.max-block-size: %d, or `ip tftp blocksize %d` on the device", largestUnfragmented, largestUnfragmented))
	case !w.Seen.Confirmed:
		return tidBlocked(w)
	case w.Err != nil && !w.Stalled:
		return sessionLost(w)
	}
	return stalled(w)
}

func wrongSource(w Witness) *cause.Error {
	from := w.Seen.WrongSource[0]
	return cause.New(cause.WrongSource,
		fmt.Sprintf("the request came from %s, the device is known as %s", from, w.Device),
		fmt.Sprintf("on the device `ip tftp source-interface` with the interface that has %s, or change its address: `flashwarden device edit %s --address %s`", w.Device, w.Name, from))
}

func noRequest(w Witness) *cause.Error {
	return cause.New(cause.NoRequest,
		fmt.Sprintf("%s never asked our TFTP server %s for the ticket: %s", w.Device, w.Server, w.said()),
		fmt.Sprintf("permit UDP 69 from %s to %s: on the device `ping %s`, `show ip route %s`, `show access-lists`; on this host the firewall", w.Device, w.Server, w.Server, w.Server))
}

func tidBlocked(w Witness) *cause.Error {
	return cause.New(cause.TIDBlocked,
		fmt.Sprintf("%s asked (%d times again), and our answers stayed unanswered", w.Device, w.Seen.Repeats),
		fmt.Sprintf("permit UDP %s between %s and %s, both ways", w.Ports, w.Server, w.Device))
}

func sessionLost(w Witness) *cause.Error {
	return cause.Wrap(cause.SessionLost, w.Err,
		fmt.Sprintf("the terminal session ended after %d of %d bytes", w.Seen.Bytes, w.Size),
		"see that the device is up, then back it up again")
}

func stalled(w Witness) *cause.Error {
	return cause.New(cause.Stalled,
		fmt.Sprintf("the transfer stopped after %d of %d bytes (%d packets sent again): %s", w.Seen.Bytes, w.Size, w.Seen.Retransmits, w.said()),
		"look for loss on the path and for control-plane policing (`show interfaces`, `show policy-map control-plane`)")
}

// said is what the device said, or that it said nothing.
func (w Witness) said() string {
	switch {
	case w.Said.Error != "":
		return strings.TrimSpace(w.Said.Error)
	case w.Stalled:
		return fmt.Sprintf("no byte moved for %s", w.Stall)
	case w.Err != nil:
		return w.Err.Error()
	}
	return "the device says that the copy was done"
}
