package iossim

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/scpd"
	"flashwarden/internal/spool"
)

// scpServer starts the SCP server that OpenSSH's scp has judged.
func scpServer(t *testing.T, legacy bool) (*spool.Spool, uint16) {
	t.Helper()
	s, err := spool.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	key, err := newHostKey("the server", 2048, []string{"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &scpd.Server{Store: s, Legacy: legacy, Log: slog.New(slog.DiscardHandler)}
	server.Keys = append(server.Keys, key)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- server.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return s, l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// TestCopyToSCP has switches send their image to an SCP server, in the dialogue of public
// sessions.
func TestCopyToSCP(t *testing.T) {
	t.Parallel()
	s, port := scpServer(t, true)
	for _, profile := range []string{"c3750", "c9300-secure"} {
		sw := launch(t, profile, Options{SCPPort: port, LargestImage: 100_000, SCPClient: SCPClient{AsksTwice: profile == "c3750"}, Timeout: time.Hour})
		l := atPrompt(t, sw)
		path := systemImage(sw)
		want, _ := sw.File(path)
		ticket := s.ExpectPut(netip.MustParseAddr("127.0.0.1"), int64(len(want)), time.Now().Add(time.Hour))
		defer ticket.Close()
		l.send("copy " + path + " scp:\r")
		l.expect("Address or name of remote host []? ")
		l.send("127.0.0.1\r")
		l.expect("Destination username [admin]? ")
		l.send(ticket.Name + "\r")
		l.expect("]? ")
		l.send(ticket.Name + "\r")
		l.expect("Writing " + ticket.Name + " \r\nPassword: ")
		l.send(ticket.Password + "\r")
		if profile == "c3750" {
			l.expect("\r\n\r\nPassword: ")
			l.send(ticket.Password + "\r")
		}
		out := l.expect(sw.Hostname() + "#")
		if !strings.Contains(out, " bytes copied in ") || !strings.Contains(out, fmt.Sprintf(" Sink: C0644 %d %s\r\n", len(want), ticket.Name)) || strings.Contains(out, ticket.Password) {
			t.Errorf("%s: the terminal said\n%s", profile, out)
		}
		f, err := ticket.Wait(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := os.ReadFile(f.Path); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: another file arrived (%v)", profile, err)
		}
		if moved := sw.Transfers(); len(moved) != 1 || !moved[0].SCP || moved[0].Server != "127.0.0.1" || moved[0].Bytes != int64(len(want)) || moved[0].Err != nil {
			t.Errorf("%s: recorded %+v", profile, moved)
		}
		if strings.Contains(strings.Join(sw.Commands(), "\n"), ticket.Password) {
			t.Errorf("%s: the password is in the journal", profile)
		}
	}
}

// TestCopyToSCPFails prints the errors of IOS.
func TestCopyToSCPFails(t *testing.T) {
	t.Parallel()
	s, port := scpServer(t, true)
	for name, c := range map[string]struct {
		o        Options
		password string
		says     string
	}{
		"wrong password": {Options{}, "wrong", "%Error opening scp://*:*@127.0.0.1/NAME (Permission denied)"},
		"wrong size":     {Options{Faults: Faults{ShortBlock: Always}}, "", "(Unknown error -1)"},
		"no client":      {Options{SCPClient: SCPClient{Missing: true}}, "", "% Invalid input detected"},
		"no answer":      {Options{Faults: Faults{NoTFTP: Always}, Timeout: time.Millisecond}, "", "%Error opening scp://*:*@127.0.0.1/NAME (Timed out)"},
	} {
		c.o.SCPPort, c.o.LargestImage = port, 100_000
		sw := launch(t, "c9300", c.o)
		l := atPrompt(t, sw)
		ticket := s.ExpectPut(netip.MustParseAddr("127.0.0.1"), 100_000, time.Now().Add(time.Hour))
		defer ticket.Close()
		if c.password == "" {
			c.password = ticket.Password
		}
		l.send("copy " + systemImage(sw) + " scp://" + ticket.Name + "@127.0.0.1/" + ticket.Name + "\r")
		if !c.o.SCPClient.Missing {
			for range 3 {
				l.expect("]? ")
				l.send("\r")
			}
		}
		if c.o.Faults.NoTFTP == 0 && !c.o.SCPClient.Missing {
			l.expect("Password: ")
			l.send(c.password + "\r")
		}
		says := strings.ReplaceAll(c.says, "NAME", ticket.Name)
		if out := l.expect(sw.Hostname() + "#"); !strings.Contains(out, says) {
			t.Errorf("%s: the terminal said\n%s\nwant %s", name, out, says)
		}
	}
}
