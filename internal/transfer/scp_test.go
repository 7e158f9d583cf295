package transfer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

var overSCP = SCP{Server: here, Port: 2022}

// TestSCPCopy has a device send a file with the name in its command and the password where it asks.
func TestSCPCopy(t *testing.T) {
	s, err := spool.Open(t.TempDir())
	must(t, err)
	ticket := overSCP.Expect(s, there, int64(len(content)), time.Now().Add(time.Hour))
	defer ticket.Close()
	d := &device{t: t, spool: s, copying: func(_ context.Context, d *device) (ios.CopyResult, error) {
		password, err := d.typed.Answer("Password:")
		if err != nil {
			return ios.CopyResult{}, err
		}
		w, err := s.Put(spool.Put{Name: d.typed.Name, Password: password, From: there, Size: int64(len(content))})
		if err != nil {
			return ios.CopyResult{}, err
		}
		if _, err := w.Write(content); err != nil {
			return ios.CopyResult{}, err
		}
		return ios.CopyResult{OK: true, Bytes: int64(len(content))}, w.Commit()
	}}
	out, err := Transfer{Session: d, Via: overSCP, Path: "flash:/x.bin", Ticket: ticket, Name: "sw1"}.Run(t.Context())
	must(t, err)
	if got, err := os.ReadFile(out.File.Path); err != nil || string(got) != string(content) {
		t.Errorf("the spool has %q (%v)", got, err)
	}
	if want := fmt.Sprintf("copy flash:/x.bin scp://%[1]s@192.0.2.100/%[1]s", ticket.Name); d.typed.Command() != want {
		t.Errorf("typed %q, want %q", d.typed.Command(), want)
	}
	if got := overSCP.Line(File{Path: "flash:/x.bin", ToDevice: true}); got != "copy scp://TICKET@192.0.2.100/TICKET flash:/x.bin" {
		t.Errorf("for people, to the device: %q", got)
	}
	if got := overSCP.Line(File{Path: "flash:/x.bin"}); got != "copy flash:/x.bin scp://TICKET@192.0.2.100/TICKET" {
		t.Errorf("for people: %q", got)
	}
}

// TestSCPRefuses goes through copies that never begin.
func TestSCPRefuses(t *testing.T) {
	if err := overSCP.Check(File{Path: "flash:/a b"}); cause.Of(err) != cause.CommandRejected {
		t.Errorf("a name with a blank: %v", err)
	}
	off := SCP{Server: here}
	if err := off.Check(File{Path: "flash:/x"}); !strings.Contains(cause.Hint(err), "transports.scp.listen") {
		t.Errorf("without a server: %v, hint %s", err, cause.Hint(err))
	}
}

// TestSCPDiagnose goes through what the device said and what our server saw.
func TestSCPDiagnose(t *testing.T) {
	failed := ios.CopyResult{Bytes: -1, Error: "%Error opening scp://*:*@192.0.2.100/x (Unknown error -1)"}
	other := netip.MustParseAddr("198.51.100.7")
	lost := cause.New(cause.SessionLost, "line closed", nil)
	direct := SCP{Server: here, Port: 22}
	for name, c := range map[string]struct {
		w    Witness
		via  SCP
		want cause.Cause
		hint string
	}{
		"no request":           {Witness{Said: failed}, direct, cause.NoRequest, "permit TCP 22 from 192.0.2.1 to 192.0.2.100. Look"},
		"no request, port":     {Witness{Said: failed}, direct, cause.NoRequest, "`nft 'insert rule inet filter input ip saddr 192.0.2.1 tcp dport 22 accept'`"},
		"no request, path":     {Witness{Said: failed}, overSCP, cause.NoRequest, "`permit tcp host 192.0.2.1 host 192.0.2.100 eq 22`"},
		"no request, redirect": {Witness{Said: failed}, overSCP, cause.NoRequest, "ip saddr 192.0.2.1 tcp dport 22 redirect to :2022; }; }'`. Then permit"},
		"no request, host":     {Witness{Said: failed}, overSCP, cause.NoRequest, "ip saddr 192.0.2.1 tcp dport 2022 accept'`"},
		"another source":       {Witness{Said: failed, Interface: "Vlan1", Seen: spool.Evidence{WrongSource: []netip.Addr{other}}}, overSCP, cause.WrongSource, "`ip ssh source-interface Vlan1`"},
		"old algorithms":       {Witness{Said: failed, Seen: spool.Evidence{Handshake: errors.New("ssh: no common algorithm for host key")}}, overSCP, cause.TransportRestricted, "transports.scp.legacy-crypto"},
		"slow login":           {Witness{Said: failed, Seen: spool.Evidence{Handshake: &net.OpError{Op: "read", Err: net.ErrClosed}}}, overSCP, cause.Stalled, "`show processes cpu sorted`"},
		"no client":            {Witness{Said: ios.CopyResult{Error: "% Invalid input detected", Cause: cause.CommandRejected}}, overSCP, cause.TransportRestricted, "lists scp: if its software has it"},
		"not permitted":        {Witness{Said: ios.CopyResult{Error: "% Authorization failed.", Cause: cause.NotPermittedOnDevice}}, overSCP, cause.NotPermittedOnDevice, "privilege level 15"},
		"a wrong password":     {Witness{Said: failed, Seen: spool.Evidence{Refused: &tftp.Error{Code: tftp.CodeAccess, Message: "wrong name or password"}}}, overSCP, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"another command":      {Witness{Said: failed, Seen: spool.Evidence{Strays: []string{"exec scp -x -t y"}}}, overSCP, cause.RefusedByServer, "flashwarden backup sw1 --verbose"},
		"stopped midway":       {Witness{Said: failed, Seen: spool.Evidence{Requested: true, Bytes: 512}}, overSCP, cause.Stalled, "loss"},
		"stalled":              {Witness{Err: ErrStalled, Stalled: true, Stall: time.Minute, Seen: spool.Evidence{Requested: true, Bytes: 512}}, overSCP, cause.Stalled, "loss"},
		"silent":               {Witness{Err: ErrStalled, Stalled: true, Stall: time.Minute}, overSCP, cause.NoRequest, "TCP 22"},
		"device gone":          {Witness{Err: lost, Seen: spool.Evidence{Requested: true, Bytes: 512}}, overSCP, cause.SessionLost, "up"},
		"wrong size":           {Witness{Said: failed, TicketErr: fmt.Errorf("%w: 10", spool.ErrSize)}, overSCP, cause.SizeMismatch, "dir"},
		"disk full":            {Witness{Said: failed, Seen: spool.Evidence{Requested: true, Err: spool.ErrFull}}, overSCP, cause.SpoolFull, "room"},
		"a dangerous prompt":   {Witness{Err: cause.New(cause.UnsafePrompt, "erase?", api.Say("no"))}, overSCP, cause.UnsafePrompt, "no"},
		"a missing file":       {Witness{Said: ios.CopyResult{Error: "(No such file)", Cause: cause.SourceMissing}}, overSCP, cause.SourceMissing, "again"},
	} {
		c.w.Name, c.w.Device, c.w.Size = "sw1", there, 1000
		e := c.via.Diagnose(c.w)
		if e.Cause != c.want || !strings.Contains(cause.Hint(e), c.hint) {
			t.Errorf("%s: %s: %v; hint %s; want %s with %s", name, e.Cause, e, cause.Hint(e), c.want, c.hint)
		}
		if hint := cause.Hint(e); c.via.Port == 22 && strings.Contains(hint, "redirect") {
			t.Errorf("%s: a redirect to the same port: %s", name, hint)
		}
	}
}
