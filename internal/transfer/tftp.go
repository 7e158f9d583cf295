package transfer

import (
	"context"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// TFTP is the transport of RFC 1350 to and from our own server.
type TFTP struct {
	Server netip.Addr // ours, as the device reaches it
	VRF    string     // of the device, to reach the server in; empty: none
	Listen uint16     // UDP port of the server, for fixes; 0: 69, to which devices send
	Ports  string     // transfer-ID range of the server, for fixes: "1056:1059"
}

// Check implements Transport.
func (v TFTP) Check(f File) error { return v.Copy(f, anyName).Validate() }

// Line implements Transport.
func (v TFTP) Line(f File) string { return v.Copy(f, "TICKET").Command() }

// Expect implements Transport.
func (v TFTP) Expect(s *spool.Spool, device netip.Addr, size int64, deadline time.Time) *spool.Ticket {
	return s.Expect(device, size, deadline)
}

// Move implements Transport: the device copies on our command, and our server does the rest.
func (v TFTP) Move(ctx context.Context, s Session, f File, ticket *spool.Ticket) (ios.CopyResult, error) {
	return s.Copy(ctx, v.Copy(f, ticket.Name))
}

// Copy returns the copy command that moves f to or from the ticket of this name: copy flash:x tftp://SERVER/TICKET, or the other
// way round.
func (v TFTP) Copy(f File, ticket string) ios.Copy {
	return f.in(ios.Copy{Server: v.Server.String(), Name: ticket, VRF: v.VRF})
}

// Diagnose implements Transport.
func (v TFTP) Diagnose(w Witness) *cause.Error {
	w.Server, w.Listen, w.Ports = v.Server, v.Listen, v.Ports
	return Diagnose(w)
}

// Server chooses the address of ours that d copies to or from: the device's own
// setting, where it is an address; else advertise, if it is valid; else local,
// our address in the session to the device.
func Server(d api.Device, advertise, local netip.Addr) netip.Addr {
	if a, err := netip.ParseAddr(d.TFTPAddress); err == nil {
		return a
	}
	if advertise.IsValid() {
		return advertise
	}
	return local
}
