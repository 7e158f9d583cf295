package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/scp"
	"flashwarden/internal/spool"
)

// scpServer answers each command with what it sends, and keeps the session until the
// client ends it, if it stays.
type scpServer struct {
	sends   string
	stays   bool
	err     error // of the login
	command string
}

func (s *scpServer) exec(ctx context.Context, command string) (io.ReadWriteCloser, error) {
	s.command = command
	if s.err != nil {
		return nil, s.err
	}
	near, far := net.Pipe()
	context.AfterFunc(ctx, func() { near.Close() })
	go io.Copy(io.Discard, far)
	go func() {
		io.WriteString(far, s.sends)
		if !s.stays {
			far.Close()
		}
	}()
	return near, nil
}

// pull makes one copy over SCP in a bubble of synctest.
func pull(ctx context.Context, t *testing.T, server *scpServer) (out Outcome, e spool.Evidence, err error) {
	t.Helper()
	s, openErr := spool.Open(t.TempDir())
	must(t, openErr)
	via := SCPPull{Exec: server.exec, User: "backup"}
	ticket := via.Expect(s, there, int64(len(content)), time.Now().Add(time.Hour))
	out, err = Transfer{Session: &device{t: t, spool: s}, Via: via, Path: "flash:/x.bin", Ticket: ticket, Name: "sw1"}.Run(ctx)
	if out.File != nil {
		got, readErr := os.ReadFile(out.File.Path)
		if readErr != nil || string(got) != string(content) {
			t.Errorf("received %q, %v", got, readErr)
		}
	}
	must(t, ticket.Close())
	return out, ticket.Evidence(), err
}

// TestPull goes through the ways in which a copy over SCP can end.
func TestPull(t *testing.T) {
	whole := "C0644 10 x.bin\n0123456789\x00"
	for name, c := range map[string]struct {
		server scpServer
		want   cause.Cause
		hint   string
		took   time.Duration
	}{
		"as it should":      {scpServer{sends: whole}, "", "", 0},
		"text before":       {scpServer{sends: "\r\nsw1 line 2\r\n" + whole}, "", "", 0},
		"larger":            {scpServer{sends: "C0644 11 x.bin\n0123456789a\x00", stays: true}, cause.SizeMismatch, "deleted", 0},
		"smaller":           {scpServer{sends: "C0644 9 x.bin\n012345678\x00", stays: true}, cause.SizeMismatch, "deleted", 0},
		"longer than said":  {scpServer{sends: whole[:len(whole)-1] + "abc", stays: true}, cause.SizeMismatch, "flashwarden backup sw1", 0},
		"cut off":           {scpServer{sends: "C0644 10 x.bin\n01234"}, cause.SessionLost, "flashwarden backup sw1", 0},
		"stalls":            {scpServer{sends: "C0644 10 x.bin\n01234", stays: true}, cause.Stalled, "show policy-map control-plane", time.Minute},
		"says nothing":      {scpServer{stays: true}, cause.Stalled, "", 5 * time.Minute},
		"server off":        {scpServer{sends: "\x01Administratively disabled.\n"}, cause.TransportRestricted, "`ip scp server enable`", 0},
		"no server at all":  {scpServer{sends: "\r\nLine has invalid autocommand \"scp -f flash:/x.bin\""}, cause.TransportRestricted, "`ip scp server enable`", 0},
		"without a word":    {scpServer{}, cause.TransportRestricted, "`ip scp server enable`", 0},
		"level 1":           {scpServer{sends: "\x01Privilege denied.\n"}, cause.NotPermittedOnDevice, "`username backup privilege 15`", 0},
		"missing":           {scpServer{sends: "\x01flash:/x.bin: No such file or directory\n"}, cause.SourceMissing, "deleted", 0},
		"another answer":    {scpServer{sends: "\x01out of buffers\n"}, cause.CommandRejected, "`scp -O -T backup@192.0.2.1:FILE .`", 0},
		"flash unreadable":  {scpServer{sends: "C0644 10 x.bin\n0123456789\x01I/O error\n"}, cause.CommandRejected, "scp -O", 0},
		"login refused":     {scpServer{err: cause.New(cause.AuthFailed, "no", api.Say("a password"))}, cause.AuthFailed, "a password", 0},
		"no line left":      {scpServer{err: cause.New(cause.SessionLost, "no", nil)}, cause.SessionLost, "show users", 0},
		"telnet":            {scpServer{err: cause.New(cause.TransportRestricted, "no SSH", api.Say("use SSH"))}, cause.TransportRestricted, "use SSH", 0},
		"an unknown reason": {scpServer{err: errors.New("disk on fire")}, cause.Internal, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				out, _, err := pull(t.Context(), t, &c.server)
				if cause.Of(err) != c.want || (out.File != nil) != (c.want == "") {
					t.Fatalf("cause %q (%v), file %v; want %q", cause.Of(err), err, out.File, c.want)
				}
				if took := time.Since(began); took < c.took || took > c.took+time.Second {
					t.Errorf("took %s, want %s", took, c.took)
				}
				if hint := cause.Hint(err); !strings.Contains(hint, c.hint) || err != nil && hint == "" {
					t.Errorf("the next step is %q, want %q", hint, c.hint)
				}
				if want := scp.Command("flash:/x.bin"); c.server.command != want {
					t.Errorf("the command was %q, want %q", c.server.command, want)
				}
			})
		})
	}
}

// TestPullCancelled ends at once, and keeps nothing.
func TestPullCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		began := time.Now()
		out, seen, err := pull(ctx, t, &scpServer{sends: "C0644 10 x.bin\n01234", stays: true})
		if cause.Of(err) != cause.Cancelled || time.Since(began) != 10*time.Second || out.File != nil || seen.Bytes != 5 {
			t.Errorf("%v after %s, %+v", err, time.Since(began), seen)
		}
	})
}

// TestPullCrawls: a device that sends a byte now and then, for ever, loses its place. A slow line does not.
func TestPullCrawls(t *testing.T) {
	for name, c := range map[string]struct {
		piece int // bytes in 50 s
		size  int
		want  string
	}{
		"crawls": {1, 5000, "the transfer stopped after 12 of 5000 bytes (0 packets sent again): no byte moved but 12 in 10m0s"},
		"slow":   {1000, 60_000, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := spool.Open(t.TempDir())
				must(t, err)
				near, far := net.Pipe()
				go io.Copy(io.Discard, far)
				var sends sync.WaitGroup
				sends.Go(func() {
					defer far.Close()
					fmt.Fprintf(far, "C0644 %d x.bin\n", c.size)
					for left := c.size; left > 0; left -= c.piece {
						time.Sleep(50 * time.Second)
						if _, err := far.Write(make([]byte, c.piece)); err != nil {
							return
						}
					}
				})
				via := SCPPull{Exec: func(ctx context.Context, _ string) (io.ReadWriteCloser, error) {
					context.AfterFunc(ctx, func() { near.Close() })
					return near, nil
				}}
				ticket := via.Expect(s, there, int64(c.size), time.Now().Add(time.Hour))
				_, err = Transfer{Session: &device{t: t, spool: s}, Via: via, Path: "flash:/x.bin", Ticket: ticket, Name: "sw1"}.Run(t.Context())
				if text := cause.Text(err); text != c.want || err != nil && cause.Of(err) != cause.Stalled {
					t.Errorf("got %q, want %q", text, c.want)
				}
				must(t, ticket.Close())
				sends.Wait()
			})
		})
	}
}
