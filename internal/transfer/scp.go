package transfer

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// SCP is the transport to and from our SCP server: the device sends or fetches a file with the name
// of its ticket, and gets the password of the ticket where it asks for one.
type SCP struct {
	Server netip.Addr // ours, as the device reaches it
	VRF    string     // of the device, to reach the server in; empty: none
	Port   uint16     // TCP port of the server, to which a rule may redirect port 22; 0: it does not listen
}

// scpAsk is the TCP port to which devices send: their URL for SCP has none.
const scpAsk = 22

// Check implements Transport.
func (v SCP) Check(f File) error {
	if v.Port == 0 {
		return cause.New(cause.Internal, "the SCP server is off", api.Say("give it an address: ").Set("transports.scp.listen", `":2022"`))
	}
	return v.copy(f, anyName, anyName).Validate()
}

// Line implements Transport.
func (v SCP) Line(f File) string { return v.copy(f, "TICKET", "PASSWORD").Command() }

// Expect implements Transport.
func (v SCP) Expect(s *spool.Spool, device netip.Addr, size int64, deadline time.Time) *spool.Ticket {
	return s.ExpectPut(device, size, deadline)
}

// Move implements Transport: the device copies on our command, and our server does the rest.
func (v SCP) Move(ctx context.Context, s Session, f File, ticket *spool.Ticket) (ios.CopyResult, error) {
	if err := v.Check(f); err != nil {
		return ios.CopyResult{}, err
	}
	return s.Copy(ctx, v.copy(f, ticket.Name, ticket.Password))
}

// copy returns the copy command that moves f to or from a ticket.
func (v SCP) copy(f File, name, password string) ios.Copy {
	return f.in(ios.Copy{Scheme: ios.SCP, Server: v.Server.String(), Name: name, Password: password, VRF: v.VRF})
}

// Diagnose implements Transport. The order is that of Diagnose: danger, our own knowledge,
// the device's words, conclusions from silence.
func (v SCP) Diagnose(w Witness) *cause.Error {
	w.Server = v.Server
	for _, judge := range []func(Witness) *cause.Error{ofDanger, v.ofSource, ofTicket, ofDialogue, v.ofHandshake, v.ofWords} {
		if e := judge(w); e != nil {
			return e
		}
	}
	switch {
	case cause.Of(w.Err) == cause.SessionLost:
		return sessionLost(w)
	case !w.Seen.Requested && (w.Seen.Refused != nil || len(w.Seen.Strays) > 0):
		return refused(w)
	case !w.Seen.Requested:
		return v.noRequest(w)
	}
	return stalled(w)
}

// ofSource judges by the address from which the device sent.
func (v SCP) ofSource(w Witness) *cause.Error { return secretSource(w, "ip ssh source-interface") }

// ofHandshake judges by an SSH connection that did not come about. Another transport may do.
func (v SCP) ofHandshake(w Witness) *cause.Error {
	err := w.Seen.Handshake
	switch {
	case w.Seen.Requested || err == nil:
		return nil
	case brokeOff(err):
		return cause.Wrap(cause.Stalled, err, "the SSH connection from the device broke off at its beginning",
			api.Say("back up the device again. If this does not help: on the device ").Type(api.OnDevice, "show processes cpu sorted").Say(" (is it busy?)"))
	}
	return cause.New(cause.TransportRestricted, "no SSH connection from the device came about: "+err.Error(),
		api.Say("if its software has only old algorithms, permit them for all devices: ").Set("transports.scp.legacy-crypto", "true").
			Say("; or on the device, in configuration mode, ").Type(api.OnDevice, "ip ssh client algorithm").Say(" (IOS 15.5 and later)"))
}

// ofWords judges by what the device printed. A software without an SCP client rejects the
// command.
func (v SCP) ofWords(w Witness) *cause.Error { return otherWay(w, "SCP", "scp") }

// noRequest is for a device that sent nothing, or whose packets were lost.
func (v SCP) noRequest(w Witness) *cause.Error {
	var fix api.Fix
	if v.Port != scpAsk {
		fix = api.Say("the SCP server listens on TCP %d, but devices send to TCP %d. If no rule redirects this yet: ", v.Port, scpAsk).
			Type(api.OnHost, v.redirect(w)).Say(". Then ")
	}
	return cause.New(cause.NoRequest, fmt.Sprintf("%s opened no SSH connection to %s, TCP %d: %s", w.Device, w.Server, scpAsk, w.said()),
		fix.Then(permitTCP(w, v.Port, scpAsk, "show ip ssh", "ip ssh source-interface")))
}

// redirect is the command that brings the connections of the device to our port.
func (v SCP) redirect(w Witness) string {
	return fmt.Sprintf("nft 'table inet flashwarden { chain to_scp { type nat hook prerouting priority dstnat; policy accept; %s saddr %s tcp dport %d redirect to :%d; }; }'",
		w.family(), w.Device, scpAsk, v.Port)
}
