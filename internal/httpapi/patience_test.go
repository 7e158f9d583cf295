package httpapi

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// slow is a warden whose operations take longer than a client has for its request.
type slow struct{ warden.Warden }

func (slow) Status(ctx context.Context, _ api.StatusQuery) (api.Status, error) {
	select {
	case <-time.After(10 * requestWithin):
		return api.Status{}, nil
	case <-ctx.Done():
		return api.Status{}, ctx.Err()
	}
}

func (slow) AddJobs(ctx context.Context, _ api.NewJobs) (api.Jobs, error) {
	_, err := slow{}.Status(ctx, api.StatusQuery{})
	return api.Jobs{}, err
}

func (slow) Images(context.Context) ([]api.Image, error) {
	return []api.Image{{SHA256: strings.Repeat("a", 64), Size: 1 << 30, InVault: true}}, nil
}

func (slow) Open(context.Context, api.Content) (io.ReadCloser, error) {
	return io.NopCloser(endless{}), nil
}

// everybody is Tokens that knows every secret.
type everybody struct{}

func (everybody) SessionActor(context.Context, string, string) (warden.Actor, bool, error) {
	return warden.Actor{}, false, nil
}

func (everybody) TokenActor(_ context.Context, secret, from string) (warden.Actor, bool, error) {
	return warden.Actor{Name: secret, From: from, Role: api.RoleAdmin}, secret != "WRONG", nil
}

// inMemory serves slow to one connection, which talk uses in a bubble. A server that has
// not ended an hour later is stuck.
func inMemory(t *testing.T, talk func(net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		l := &oneConn{make(chan net.Conn, 1), make(chan struct{})}
		l.conns <- theirs
		s := Web{Warden: slow{}, Tokens: everybody{}, Listener: l, Log: slog.New(slog.DiscardHandler), Page: http.HandlerFunc(measure)}
		ctx, cancel := context.WithCancel(t.Context())
		limit, stop := context.WithTimeout(t.Context(), 24*time.Hour)
		defer stop()
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, limit, func() {}) }()
		talk(ours)
		began := time.Now()
		cancel()
		select {
		case err := <-ended:
			if err != nil && err != http.ErrServerClosed {
				t.Error(err)
			}
		case <-time.After(time.Hour):
			t.Errorf("the server has not ended after %s", time.Since(began))
		}
		ours.Close()
	})
}

// measure is a page that answers with the length of the body.
func measure(w http.ResponseWriter, r *http.Request) {
	n, err := io.Copy(io.Discard, r.Body)
	fmt.Fprintf(w, "%d bytes, %v.", n, err)
}

// TestUploads: somebody who has logged in to the page may send a list of devices of 2 MB, in its form, over a
// slow line. Others may not.
func TestUploads(t *testing.T) {
	const long, pieces = 3_000_000, 30
	for headers, want := range map[string]string{
		asAnybody: "HTTP/1.1 200 ", "Host: localhost\r\nAuthorization: Bearer WRONG\r\n": "HTTP/1.1 408 ", "Host: localhost\r\n": "HTTP/1.1 408 ",
	} {
		inMemory(t, func(c net.Conn) {
			var writes sync.WaitGroup
			writes.Go(func() {
				fmt.Fprintf(c, "POST /import/check HTTP/1.1\r\n"+headers+"Content-Length: %d\r\n\r\n", long)
				for range pieces {
					time.Sleep(time.Second)
					if _, err := c.Write(make([]byte, long/pieces)); err != nil {
						return
					}
				}
			})
			answer := make([]byte, 1000)
			if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), want) {
				t.Errorf("with %q: %q, error %v", headers, answer[:n], err)
			}
			c.Close()
			writes.Wait()
		})
	}
}

const asAnybody = "Host: localhost\r\nAuthorization: Bearer x\r\n"

// TestLongOperation: the time for the request does not count for the operation.
func TestLongOperation(t *testing.T) {
	for name, request := range map[string]string{
		"without a body": "GET /api/v1/status HTTP/1.1\r\n" + asAnybody + "\r\n",
		"with a body":    "POST /api/v1/jobs HTTP/1.1\r\n" + asAnybody + "Content-Type: application/json\r\nContent-Length: 31\r\n\r\n" + `{"kind":"backup","devices":[]}` + " ",
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, func(c net.Conn) {
				fmt.Fprint(c, request)
				answer := make([]byte, 100)
				if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 20") {
					t.Errorf("%q, error %v", answer[:n], err)
				}
				go io.Copy(io.Discard, c)
			})
		})
	}
}

// TestSlowClients: who sends half a request, with a right token or a wrong one, or reads
// nothing of the answer, is cut off. An answer may have no body, or not come from a handler.
func TestSlowClients(t *testing.T) {
	half := "POST /api/v1/devices HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
	for name, c := range map[string]struct {
		request string
		reads   bool
	}{
		"half a request":                  {fmt.Sprintf(half, "x"), true},
		"half a request of a wrong token": {fmt.Sprintf(half, "WRONG"), true},
		"reads nothing":                   {"GET /api/v1/images/" + strings.Repeat("a", 64) + "/content HTTP/1.1\r\n" + asAnybody + "\r\n", false},
		"reads no answer without a body":  {"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", false},
		"reads no answer to nonsense":     {"nonsense\r\n\r\n", false},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, func(conn net.Conn) {
				fmt.Fprint(conn, c.request)
				synctest.Wait() // the server waits for the client
				if c.reads {
					began := time.Now()
					if _, err := io.Copy(io.Discard, conn); err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took > 2*requestWithin {
						t.Errorf("cut off after %s", took)
					}
				}
			})
		})
	}
}

// TestReadsSlowly: a client that reads a little now and then gets the whole.
func TestReadsSlowly(t *testing.T) {
	inMemory(t, func(c net.Conn) {
		fmt.Fprint(c, "GET /api/v1/images/"+strings.Repeat("a", 64)+"/content HTTP/1.1\r\n"+asAnybody+"\r\n")
		part := make([]byte, 1<<15)
		for range 20 {
			if _, err := io.ReadFull(c, part); err != nil {
				t.Fatal(err)
			}
			time.Sleep(writeWithin / 2)
		}
		c.Close()
	})
}

// TestTooLong: a body over the limit is refused, and the answer says so.
func TestTooLong(t *testing.T) {
	inMemory(t, func(c net.Conn) {
		go func() {
			fmt.Fprintf(c, "POST /api/v1/devices HTTP/1.1\r\n"+asAnybody+"Content-Length: %d\r\n\r\n", 2*maxResource)
			for range 2 * maxResource / 1024 {
				if _, err := c.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}()
		answer := make([]byte, 100)
		if n, err := c.Read(answer); err != nil || !strings.HasPrefix(string(answer[:n]), "HTTP/1.1 413 ") {
			t.Errorf("%q, error %v", answer[:n], err)
		}
		go io.Copy(io.Discard, c)
	})
}
