package transfer

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// HTTPS is the transport to and from our HTTPS server: the device sends or fetches a file with the
// name and the password of its ticket.
type HTTPS struct {
	Server      netip.Addr // ours, as the device reaches it
	VRF         string     // of the device, to reach the server in; empty: none
	Port        uint16     // TCP port of the server; 0: it does not listen
	Certificate string     // file with the certificate that devices must trust, for fixes
}

// httpsListen is the setting with the address of the server.
const httpsListen = "transports.https.listen"

// Check implements Transport.
func (v HTTPS) Check(f File) error {
	if v.Port == 0 {
		return cause.New(cause.Internal, "the HTTPS server is off", api.Say("give it an address: ").Set(httpsListen, `":8443"`))
	}
	return v.copy(f, anyName, anyName).Validate()
}

// Line implements Transport.
func (v HTTPS) Line(f File) string { return v.copy(f, "TICKET", "PASSWORD").Command() }

// Expect implements Transport.
func (v HTTPS) Expect(s *spool.Spool, device netip.Addr, size int64, deadline time.Time) *spool.Ticket {
	return s.ExpectPut(device, size, deadline)
}

// Move implements Transport: the device copies on our command, and our server does the rest.
func (v HTTPS) Move(ctx context.Context, s Session, f File, ticket *spool.Ticket) (ios.CopyResult, error) {
	if err := v.Check(f); err != nil {
		return ios.CopyResult{}, err
	}
	return s.Copy(ctx, v.copy(f, ticket.Name, ticket.Password))
}

// copy returns the copy command that moves f to or from a ticket.
func (v HTTPS) copy(f File, name, password string) ios.Copy {
	c := ios.Copy{Scheme: ios.HTTPS, Server: v.Server.String(), Port: v.Port, Name: name, Password: password, VRF: v.VRF}
	return f.in(c)
}

// Diagnose implements Transport. The order is that of Diagnose: danger, our own knowledge,
// the device's words, conclusions from silence.
func (v HTTPS) Diagnose(w Witness) *cause.Error {
	w.Server = v.Server
	for _, judge := range []func(Witness) *cause.Error{ofDanger, v.ofSource, ofTicket, ofDialogue, v.ofHandshake, v.ofWords} {
		if e := judge(w); e != nil {
			return e
		}
	}
	switch {
	case cause.Of(w.Err) == cause.SessionLost:
		return sessionLost(w)
	case !w.Seen.Requested && w.Seen.Refused != nil:
		return refused(w)
	case !w.Seen.Requested:
		return v.noRequest(w)
	}
	return stalled(w)
}

// ofSource judges by the address from which the device sent.
func (v HTTPS) ofSource(w Witness) *cause.Error {
	return secretSource(w, "ip http client source-interface")
}

// ofHandshake judges by a TLS handshake that failed. Another transport may do, unless the
// connection was lost or slow: that does not mean that the device refuses this one.
func (v HTTPS) ofHandshake(w Witness) *cause.Error {
	err := w.Seen.Handshake
	switch {
	case w.Seen.Requested || err == nil:
		return nil
	case brokeOff(err):
		return cause.Wrap(cause.Stalled, err, "the encrypted connection with the device broke off at its beginning",
			api.Say("back up the device again. If this does not help: on the device ").Type(api.OnDevice, "show processes cpu sorted").Say(" (is it busy?) and ").
				Type(api.OnDevice, "show ip http client history").Say("; or ").Then(v.trustpoint()))
	}
	text := err.Error()
	fix := v.trustpoint()
	if strings.Contains(text, "version") || strings.Contains(text, "cipher") {
		fix = api.Say("its software has no TLS 1.2, or none of the ciphers that are safe. Permit the old ones for all devices: ").Set("transports.https.tls-min", `"1.0"`)
	}
	return cause.New(cause.TransportRestricted, "no encrypted connection with the device came about: "+text, fix)
}

// trustpoint are the lines for a device that does not trust our certificate. Nobody but the
// administrator types them.
func (v HTTPS) trustpoint() api.Fix {
	return api.Say("let the device trust the certificate of this server. On the device, in configuration mode: ").
		Type(api.OnDevice, "crypto pki trustpoint flashwarden").Say(", ").Type(api.OnDevice, "enrollment terminal").Say(", ").
		Type(api.OnDevice, "revocation-check none").Say(", ").Type(api.OnDevice, "exit").Say(", ").
		Type(api.OnDevice, "crypto pki authenticate flashwarden").Say(" (paste the text of %s, then ", v.Certificate).Type(api.OnDevice, "quit").Say("), ").
		Type(api.OnDevice, "ip http client secure-trustpoint flashwarden")
}

// ofWords judges by what the device printed. A software without an HTTPS client rejects the
// command.
func (v HTTPS) ofWords(w Witness) *cause.Error { return otherWay(w, "HTTPS", "https") }

// noRequest is for a device that sent nothing, or whose packets were lost.
func (v HTTPS) noRequest(w Witness) *cause.Error {
	return cause.New(cause.NoRequest, fmt.Sprintf("%s sent no HTTPS request to %s, TCP %d: %s", w.Device, w.Server, v.Port, w.said()),
		permitTCP(w, v.Port, v.Port, "show ip http client history", "ip http client source-interface"))
}
