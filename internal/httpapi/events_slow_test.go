package httpapi

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// flow is Live whose streams have as many events as a client reads, or none.
type flow struct {
	events []api.LiveEvent
	closed chan struct{}
}

func (f flow) Follow(context.Context, api.LiveSelect) (warden.Stream, error) { return f, nil }
func (f flow) Place() string                                                 { return "x-7" }
func (f flow) Close()                                                        { close(f.closed) }

func (f flow) Next(ctx context.Context) ([]api.LiveEvent, error) {
	if len(f.events) == 0 {
		<-ctx.Done()
	}
	return f.events, ctx.Err()
}

// streamTo serves one client in memory, which sends a request for events.
func streamTo(t *testing.T, f flow) (ours net.Conn, end func()) {
	ours, theirs := net.Pipe()
	l := &oneConn{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- theirs
	log := slog.New(slog.DiscardHandler)
	server := &http.Server{Handler: patient(whole(New(idle{}, f, log), log), log)}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if _, err := fmt.Fprint(ours, "GET /api/v1/events HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return ours, func() {
		server.Close()
		ours.Close()
		<-served
	}
}

// TestClientThatReadsNoEvents is cut off after a minute.
func TestClientThatReadsNoEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := flow{events: []api.LiveEvent{{ID: "x-1", Kind: api.LiveVault, Data: []byte("{}")}}, closed: make(chan struct{})}
		ours, end := streamTo(t, f)
		defer end()
		if _, err := ours.Read(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		<-f.closed
		if took := time.Since(began); took > writeWithin+time.Second {
			t.Errorf("it was cut off after %s", took)
		}
	})
}

// TestHeartbeat keeps a connection without events open, and moves the place of the client on.
func TestHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, end := streamTo(t, flow{closed: make(chan struct{})})
		defer end()
		began, beats, ids := time.Now(), 0, 0
		lines := bufio.NewScanner(ours)
		for beats < 10 && lines.Scan() {
			if strings.HasPrefix(lines.Text(), ":") {
				beats++
			}
			if lines.Text() == "id: x-7" {
				ids++
			}
		}
		if took := time.Since(began); beats != 10 || ids < 9 || took < 140*time.Second || took > 210*time.Second {
			t.Errorf("%d heartbeats, %d ids in %s", beats, ids, took)
		}
	})
}
