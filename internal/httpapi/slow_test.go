package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// idle is a warden that answers only what these tests ask.
type idle struct {
	warden.Warden
	began chan struct{}
}

func (i idle) Backup(_ context.Context, _ api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	for range 2 * maxWaiting {
		events(api.Event{Step: api.StepCopy})
	}
	close(i.began)
	return nil, nil
}

func (i idle) Open(context.Context, api.Content) (io.ReadCloser, error) {
	close(i.began)
	return io.NopCloser(endless{}), nil
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// oneConn listens for one connection, which is in memory.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *oneConn) Close() error   { close(l.done); return nil }
func (l *oneConn) Addr() net.Addr { return &net.UnixAddr{} }

// TestStuckClients has clients that stop in the midst of a request, or read
// nothing of the answer. None of them keeps the daemon from ending.
func TestStuckClients(t *testing.T) {
	for name, request := range map[string]string{
		"reads no events":  "POST /api/v1/operations/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}",
		"reads no content": "GET /api/v1/operations/content/x HTTP/1.1\r\nHost: x\r\n\r\n",
		"half a request":   "POST /api/v1/operations/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n{",
	} {
		t.Run(name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { stuck(t, request) }) })
	}
}

func stuck(t *testing.T, request string) {
	ours, theirs := net.Pipe()
	l := &oneConn{make(chan net.Conn, 1), make(chan struct{})}
	l.conns <- theirs
	w := idle{began: make(chan struct{})}
	base, cancel := context.WithCancel(t.Context())
	defer cancel()
	server := &http.Server{Handler: New(w, nil, slog.New(slog.DiscardHandler)), BaseContext: func(net.Listener) context.Context { return base }}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if _, err := fmt.Fprint(ours, request); err != nil {
		t.Fatal(err)
	}
	if !strings.HasSuffix(request, "\r\n\r\n{") {
		read := make([]byte, 200) // the head of the answer alone
		if _, err := ours.Read(read); err != nil {
			t.Fatal(err)
		}
		<-w.began
	}
	cancel()
	soon, stop := context.WithTimeout(t.Context(), time.Hour)
	defer stop()
	if err := server.Shutdown(soon); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	server.Close()
	ours.Close()
	<-served
}

// TestStuckAtTheEnd has clients of the socket that read nothing when the service ends. They have
// a little time from then on, also if no operation works for them any more.
func TestStuckAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := &oneConn{make(chan net.Conn, 1), make(chan struct{})}
		l.conns <- theirs
		h := newHandler(idle{}, nil, slog.New(slog.DiscardHandler))
		h.health(nil)
		ctx, cancel := context.WithCancel(t.Context())
		limit, cut := context.WithTimeout(t.Context(), time.Hour)
		defer cut()
		ended := make(chan error, 1)
		go func() {
			ended <- h.serve(ctx, limit, &http.Server{Handler: h.mux}, atTheEnd(l, limit, slog.New(slog.DiscardHandler)), func() {})
		}()
		if _, err := fmt.Fprint(ours, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the server waits for its reader
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(2 * time.Hour):
			t.Error("the client keeps the service from ending")
		}
		ours.Close()
	})
}

// broken is a listener that takes one connection, and fails for good when fail is closed.
type broken struct {
	*oneConn
	fail chan struct{}
}

func (l broken) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.fail:
		return nil, syscall.EINVAL
	}
}

// waiting is a warden whose operations end a while after they are cancelled.
type waiting struct {
	idle
	ended chan struct{}
}

func (w waiting) Backup(ctx context.Context, _ api.Backup, _ func(api.Event)) ([]api.BackupResult, error) {
	close(w.began)
	<-ctx.Done()
	time.Sleep(time.Second)
	close(w.ended)
	return nil, nil
}

// TestBrokenListener has no connection taken any more: the task ends with this error, after its operations.
// The client of one reads nothing.
func TestBrokenListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := broken{&oneConn{make(chan net.Conn, 1), make(chan struct{})}, make(chan struct{})}
		l.conns <- theirs
		w := waiting{idle{began: make(chan struct{})}, make(chan struct{})}
		log := slog.New(slog.DiscardHandler)
		h := newHandler(w, nil, log)
		failed := make(chan error, 1)
		go func() {
			failed <- h.serve(t.Context(), t.Context(), &http.Server{Handler: h.mux}, atTheEnd(l, t.Context(), log), func() {})
		}()
		if _, err := fmt.Fprint(ours, "POST /api/v1/operations/backup HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"); err != nil {
			t.Fatal(err)
		}
		<-w.began
		close(l.fail)
		begun := time.Now()
		if err := <-failed; !errors.Is(err, syscall.EINVAL) {
			t.Errorf("it ended with %v", err)
		}
		select {
		case <-w.ended:
		default:
			t.Error("an operation still runs")
		}
		if took := time.Since(begun); took > time.Minute {
			t.Errorf("it ended after %s", took)
		}
		ours.Close()
	})
}
