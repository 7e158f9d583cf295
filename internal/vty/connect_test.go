package vty

import (
	"context"
	"errors"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

// TestRefusedHint: a device that refuses the connection has no key, no free line, another transport
// or an access list on its lines. The next step names each of them.
func TestRefusedHint(t *testing.T) {
	refuse := func(context.Context, string, string) (net.Conn, error) {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	const begin = "on the console of the device, check in this order:\n"
	for transport, want := range map[string]string{
		SSH: "1. `show ip ssh`: if SSH is disabled, make a key in configuration mode: `crypto key generate rsa modulus 2048`, then `ip ssh version 2`\n" +
			"2. `show users`: if all lines are in use, `clear line vty N`\n" +
			"3. `show running-config | begin line vty`: the lines need `transport input ssh`; their access-class, if they have one, must permit this host\n" +
			"4. if the device uses another port: `flashwarden device edit sw1 --address 192.0.2.1:PORT`",
		Telnet: "1. `show users`: if all lines are in use, `clear line vty N`\n" +
			"2. `show running-config | begin line vty`: the lines need `transport input telnet`; their access-class, if they have one, must permit this host\n" +
			"3. if the device uses another port: `flashwarden device edit sw1 --address 192.0.2.1:PORT`",
	} {
		_, err := Dial(t.Context(), Config{Name: "sw1", Address: "192.0.2.1", Transport: transport, Dialer: refuse})
		want = begin + want
		if hint := cause.Hint(err); cause.Of(err) != cause.ConnectRefused || hint != want {
			t.Errorf("%v, hint %q, want %q", err, hint, want)
		}
	}
}

func TestDialUnreachable(t *testing.T) {
	refusing, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refusing.Close()
	tests := []struct {
		name string
		cfg  Config
		want cause.Cause
		says string
		hint string
	}{
		{"refused", Config{Address: refusing.Addr().String()}, cause.ConnectRefused, "sw1 refused the connection to " + refusing.Addr().String() + ": connection refused", "--address 127.0.0.1:PORT"},
		{"no such name", Config{Address: "sw1.invalid"}, cause.ConnectTimeout, "sw1.invalid of sw1 does not resolve", "flashwarden device edit sw1 --address IP"},
		{"silence", Config{Address: "192.0.2.1", ConnectTimeout: 10 * time.Millisecond, Dialer: func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}, cause.ConnectTimeout, "did not answer within 10ms", "ping 192.0.2.1"},
		{"unreachable", Config{Address: "192.0.2.1", Dialer: func(context.Context, string, string) (net.Conn, error) {
			return nil, &net.OpError{Op: "dial", Err: &net.AddrError{Err: "no route to host"}}
		}}, cause.ConnectTimeout, "cannot be reached", "ping 192.0.2.1"},
	}
	for _, test := range tests {
		test.cfg.Name = "sw1"
		for _, transport := range []string{SSH, Telnet} {
			test.cfg.Transport = transport
			_, err := Dial(t.Context(), test.cfg)
			if cause.Of(err) != test.want || !strings.Contains(err.Error(), test.says) || !strings.Contains(cause.Hint(err), test.hint) {
				t.Errorf("%s over %s: %v (%s), hint %q", test.name, transport, err, cause.Of(err), cause.Hint(err))
			}
		}
	}
	if _, err := Dial(t.Context(), Config{Address: "x", Transport: "rsh"}); err == nil || !strings.Contains(err.Error(), `"rsh"`) {
		t.Errorf("unknown transport: %v", err)
	}
}

// TestDialSilent has a peer that accepts the connection and sends nothing: the
// attempt ends within 30 s, and the error says so.
func TestDialSilent(t *testing.T) {
	for _, transport := range []string{SSH, Telnet} {
		t.Run(transport, func(t *testing.T) {
			bubble(t, 1, func(f *fake) { <-time.After(time.Hour) }, func(t *testing.T, f *fake, cfg Config) {
				cfg.Transport, cfg.HostKeys = transport, &HostKeys{Store: &memoryKeys{}}
				start := time.Now()
				_, err := Dial(t.Context(), cfg)
				if took := time.Since(start); took > 30*time.Second {
					t.Errorf("took %s", took)
				}
				if cause.Of(err) != cause.ConnectTimeout || !errors.Is(err, ErrSilent) || !strings.Contains(cause.Hint(err), "--address 192.0.2.1:PORT") {
					t.Errorf("error %v (%s), hint %q", err, cause.Of(err), cause.Hint(err))
				}
				if strings.Contains(f.got(), cfg.Password) {
					t.Error("the password was sent")
				}
			})
		})
	}
}

// TestDialSlowGreeting has a device that needs most of the time for its first
// line. It has all the usual time after that.
func TestDialSlowGreeting(t *testing.T) {
	bubble(t, 1, func(f *fake) {
		time.Sleep(greetTime - time.Second)
		f.login()
		time.Sleep(40 * time.Second)
		f.shell("SW1#", nil)
	}, func(t *testing.T, _ *fake, cfg Config) { dial(t, cfg).Close() })
}

func TestHostPort(t *testing.T) {
	tests := []struct{ address, transport, want string }{
		{"sw1", SSH, "sw1:22"}, {"sw1", Telnet, "sw1:23"}, {"sw1:2222", SSH, "sw1:2222"},
		{"192.0.2.1:8", Telnet, "192.0.2.1:8"}, {"2001:db8::1", SSH, "[2001:db8::1]:22"},
		{"[2001:db8::1]", SSH, "[2001:db8::1]:22"}, {"[2001:db8::1]:8", Telnet, "[2001:db8::1]:8"},
	}
	for _, test := range tests {
		if got := (Config{Address: test.address, Transport: test.transport}).hostPort(); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}
