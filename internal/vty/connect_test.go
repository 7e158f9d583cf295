package vty

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
)

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
		{"refused", Config{Address: refusing.Addr().String()}, cause.ConnectRefused, "refused the connection to port", "--address 127.0.0.1:PORT"},
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
