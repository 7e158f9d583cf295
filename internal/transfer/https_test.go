package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

var overHTTPS = HTTPS{Server: here, Port: 8443, Certificate: "/data/https.crt"}

// TestHTTPSCopy has a device send a file with the name and the password in its command.
func TestHTTPSCopy(t *testing.T) {
	s, err := spool.Open(t.TempDir())
	must(t, err)
	ticket := overHTTPS.Expect(s, there, int64(len(content)), time.Now().Add(time.Hour))
	defer ticket.Close()
	d := &device{t: t, spool: s, copying: func(_ context.Context, d *device) (ios.CopyResult, error) {
		w, err := s.Put(spool.Put{Name: d.typed.Name, Password: d.typed.Password, From: there, Size: -1})
		if err != nil {
			return ios.CopyResult{}, err
		}
		if _, err := w.Write(content); err != nil {
			return ios.CopyResult{}, err
		}
		return ios.CopyResult{OK: true, Bytes: int64(len(content))}, w.Commit()
	}}
	out, err := Transfer{Session: d, Via: overHTTPS, Path: "flash:/x.bin", Ticket: ticket, Name: "sw1"}.Run(t.Context())
	must(t, err)
	if got, err := os.ReadFile(out.File.Path); err != nil || string(got) != string(content) {
		t.Errorf("the spool has %q (%v)", got, err)
	}
	if want := fmt.Sprintf("https://%s:%s@192.0.2.100:8443/%s", ticket.Name, ticket.Password, ticket.Name); !strings.HasSuffix(d.typed.Command(), want) {
		t.Errorf("typed %q, want %q", d.typed.Command(), want)
	}
	if got := overHTTPS.Line(File{Path: "flash:/x.bin", ToDevice: true}); got != "copy https://TICKET:PASSWORD@192.0.2.100:8443/TICKET flash:/x.bin" {
		t.Errorf("for people, to the device: %q", got)
	}
	if got := overHTTPS.Line(File{Path: "flash:/x.bin"}); got != "copy flash:/x.bin https://TICKET:PASSWORD@192.0.2.100:8443/TICKET" {
		t.Errorf("for people: %q", got)
	}
}

// TestHTTPSRefuses goes through copies that never begin.
func TestHTTPSRefuses(t *testing.T) {
	if err := overHTTPS.Check(File{Path: "flash:/a b"}); cause.Of(err) != cause.CommandRejected {
		t.Errorf("a name with a blank: %v", err)
	}
	off := HTTPS{Server: here}
	if err := off.Check(File{Path: "flash:/x"}); !strings.Contains(cause.Hint(err), "transports.https.listen") {
		t.Errorf("without a server: %v, hint %s", err, cause.Hint(err))
	}
}

// TestHTTPSDiagnose goes through what the device said and what our server saw.
func TestHTTPSDiagnose(t *testing.T) {
	failed := ios.CopyResult{Bytes: -1, Error: "%Error opening https://*:*@192.0.2.100:8443/x (I/O error)"}
	other := netip.MustParseAddr("198.51.100.7")
	lost := cause.New(cause.SessionLost, "line closed", nil)
	for name, c := range map[string]struct {
		w    Witness
		want cause.Cause
		hint string
	}{
		"no request":         {Witness{Said: failed}, cause.NoRequest, "`nft 'insert rule inet filter input ip saddr 192.0.2.1 tcp dport 8443 accept'`"},
		"no request, path":   {Witness{Said: failed}, cause.NoRequest, "`permit tcp host 192.0.2.1 host 192.0.2.100 eq 8443`"},
		"another source":     {Witness{Said: failed, Interface: "Vlan1", Seen: spool.Evidence{WrongSource: []netip.Addr{other}}}, cause.WrongSource, "`ip http client source-interface Vlan1`"},
		"no trust":           {Witness{Said: failed, Seen: spool.Evidence{Handshake: errors.New("remote error: tls: unknown certificate authority")}}, cause.TransportRestricted, "(paste the text of /data/https.crt, then `quit`), `ip http client secure-trustpoint flashwarden`"},
		"slow handshake":     {Witness{Said: failed, Seen: spool.Evidence{Handshake: context.DeadlineExceeded}}, cause.Stalled, "flashwarden"},
		"lost in handshake":  {Witness{Said: failed, Seen: spool.Evidence{Handshake: &net.OpError{Op: "read", Err: syscall.ECONNRESET}}}, cause.Stalled, "`show processes cpu sorted`"},
		"old TLS":            {Witness{Said: failed, Seen: spool.Evidence{Handshake: errors.New("tls: client offered only unsupported versions: [301]")}}, cause.TransportRestricted, "tls-min"},
		"old ciphers":        {Witness{Said: failed, Seen: spool.Evidence{Handshake: errors.New("tls: no cipher suite supported by both client and server")}}, cause.TransportRestricted, "tls-min"},
		"no client":          {Witness{Said: ios.CopyResult{Error: "% Invalid input detected", Cause: cause.CommandRejected}}, cause.TransportRestricted, "flashwarden device edit sw1 --copy-by auto"},
		"not permitted":      {Witness{Said: ios.CopyResult{Error: "% Authorization failed.", Cause: cause.NotPermittedOnDevice}}, cause.NotPermittedOnDevice, "privilege level 15"},
		"insecure":           {Witness{Said: ios.CopyResult{Error: "% insecure", Cause: cause.TransportRestricted}}, cause.TransportRestricted, "flashwarden device edit sw1 --copy-by auto"},
		"a wrong password":   {Witness{Said: failed, Seen: spool.Evidence{Refused: &tftp.Error{Code: tftp.CodeAccess, Message: "wrong name or password"}}}, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"in use":             {Witness{Said: ios.CopyResult{Error: "(Permission denied)", Cause: cause.RefusedByServer}, Seen: spool.Evidence{Requested: true, Refused: &tftp.Error{Message: "in use"}}}, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"stopped midway":     {Witness{Said: failed, Seen: spool.Evidence{Requested: true, Bytes: 512}}, cause.Stalled, "loss"},
		"stalled":            {Witness{Err: ErrStalled, Stalled: true, Stall: time.Minute, Seen: spool.Evidence{Requested: true, Bytes: 512}}, cause.Stalled, "loss"},
		"silent":             {Witness{Err: ErrStalled, Stalled: true, Stall: time.Minute}, cause.NoRequest, "TCP 8443"},
		"device gone":        {Witness{Err: lost, Seen: spool.Evidence{Requested: true, Bytes: 512}}, cause.SessionLost, "up"},
		"wrong size":         {Witness{Said: failed, TicketErr: fmt.Errorf("%w: 10", spool.ErrSize)}, cause.SizeMismatch, "dir"},
		"disk full":          {Witness{Said: failed, Seen: spool.Evidence{Requested: true, Err: spool.ErrFull}}, cause.SpoolFull, "room"},
		"a dangerous prompt": {Witness{Err: cause.New(cause.UnsafePrompt, "erase?", api.Say("no"))}, cause.UnsafePrompt, "no"},
		"a missing file":     {Witness{Said: ios.CopyResult{Error: "(No such file)", Cause: cause.SourceMissing}}, cause.SourceMissing, "again"},
	} {
		c.w.Name, c.w.Device, c.w.Size = "sw1", there, 1000
		e := overHTTPS.Diagnose(c.w)
		if e.Cause != c.want || !strings.Contains(cause.Hint(e), c.hint) {
			t.Errorf("%s: %s: %v; hint %s; want %s with %s", name, e.Cause, e, cause.Hint(e), c.want, c.hint)
		}
	}
}
