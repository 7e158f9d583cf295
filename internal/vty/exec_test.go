package vty

import (
	"context"
	"errors"
	"io"
	"testing"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
)

// execLine is a line whose login does not matter.
func execLine(cfg Config) *Line { return &Line{cfg: cfg.withDefaults()} }

// echoes answers a command with its own words, and then with the input.
func echoes(command string, ch ssh.Channel) {
	io.WriteString(ch, command+"\n")
	io.Copy(ch, ch)
	ch.Close()
}

// TestExec runs a command directly and through a jump host.
func TestExec(t *testing.T) {
	t.Parallel()
	d := &sshDevice{exec: echoes}
	direct := d.serve(t, ed25519Key(t))
	j := &jumpServer{}
	jumping := direct
	jumping.Via = j.serveJump(t, "jump-s3cret")
	for name, cfg := range map[string]Config{"direct": direct, "jump host": jumping} {
		t.Run(name, func(t *testing.T) {
			c, err := execLine(cfg).Exec(t.Context(), "scp -f x")
			if err != nil {
				t.Fatal(err)
			}
			want := "scp -f x\n\x00"
			got := make([]byte, len(want))
			if _, err := io.WriteString(c, "\x00"); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
				t.Errorf("got %q, %v", got, err)
			}
			if err := c.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
			if _, err := c.Read(got); err == nil {
				t.Error("the command goes on after Close")
			}
		})
	}
}

// TestExecRefused goes through devices that run no command.
func TestExecRefused(t *testing.T) {
	t.Parallel()
	refuses := &sshDevice{plays: showX}
	silent := refuses.serve(t, ed25519Key(t))
	telnet := silent
	telnet.Transport = Telnet
	wrong := silent
	wrong.Password = "wrong"
	for name, c := range map[string]struct {
		cfg  Config
		want cause.Cause
	}{
		"refused":        {silent, cause.TransportRestricted},
		"telnet":         {telnet, cause.TransportRestricted},
		"wrong password": {wrong, cause.AuthFailed},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := execLine(c.cfg).Exec(t.Context(), "scp -f x")
			if cause.Of(err) != c.want || cause.Hint(err) == "" {
				t.Errorf("got %s: %v, %q", cause.Of(err), err, cause.Hint(err))
			}
		})
	}
}

// TestExecEnds ends a command that is silent, and one that has not begun.
func TestExecEnds(t *testing.T) {
	t.Parallel()
	d := &sshDevice{exec: echoes}
	cfg := d.serve(t, ed25519Key(t))
	ctx, cancel := context.WithCancelCause(t.Context())
	c, err := execLine(cfg).Exec(ctx, "scp -f x")
	if err != nil {
		t.Fatal(err)
	}
	go cancel(errors.New("enough"))
	if _, err := io.ReadAll(c); err != nil && !errors.Is(err, io.EOF) {
		t.Logf("the read ended with %v", err)
	}
	if err := c.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if _, err := execLine(cfg).Exec(ctx, "scp -f x"); err == nil {
		t.Error("a command began after the end of its context")
	}
}
