package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/api/client"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/httpapi"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/warden"
)

// house is a service with its API, and what a test may do with it.
type house struct {
	l     *warden.Local
	admin context.Context
	url   string // over TCP
	data  string
	end   func() error // ends the service in order
}

// newHouse serves a data directory with the devices core1 and edge1.
func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{data: sqlitetest.Data(t), admin: warden.As(t.Context(), warden.Admin("ann", "terminal"))}
	log := slog.New(slog.DiscardHandler)
	h.l = warden.New(warden.Options{Data: h.data, Config: config.Default(), Log: log})
	t.Cleanup(func() { h.l.Close() })
	for _, name := range []string{"core1", "edge1"} {
		h.add(t, name)
	}
	h.serve(t, log)
	return h
}

// serve serves the API over TCP and on the socket until the test ends.
func (h *house) serve(t *testing.T, log *slog.Logger) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h.url = "http://" + listener.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	limit, cut := context.WithTimeout(context.Background(), 5*time.Minute)
	ended, ready := make(chan error, 2), make(chan struct{})
	go func() {
		ended <- httpapi.Web{Warden: h.l, Live: h.l, Tokens: h.l, Listener: listener, Log: log}.Run(ctx, limit, func() {})
	}()
	go func() {
		ended <- httpapi.Socket{Warden: h.l, Live: h.l, Data: h.data, Log: log}.Run(ctx, limit, func() { close(ready) })
	}()
	<-ready
	h.end = sync.OnceValue(func() error {
		h.l.Drain()
		cancel()
		defer cut()
		return firstError(<-ended, <-ended)
	})
	t.Cleanup(func() {
		if err := h.end(); err != nil {
			t.Error(err)
		}
	})
}

// dialSocket connects to the socket.
func (h *house) dialSocket(ctx context.Context, _, _ string) (net.Conn, error) {
	path, done, err := client.SocketPath(h.data)
	if err != nil {
		return nil, err
	}
	defer done()
	return new(net.Dialer).DialContext(ctx, "unix", path)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// add adds a device, whose group is its name without the number.
func (h *house) add(t *testing.T, name string) {
	t.Helper()
	d := api.Device{Name: name, Address: "192.0.2.1", Transport: api.Telnet, Username: "backup", Group: strings.TrimRight(name, "0123456789"), Site: "ams"}
	if _, err := h.l.AddDevice(h.admin, api.DeviceChange{Device: d}); err != nil {
		t.Fatal(err)
	}
}

// token makes a token and returns its secret.
func (h *house) token(t *testing.T, r api.NewToken) string {
	t.Helper()
	made, err := h.l.AddToken(h.admin, r)
	if err != nil {
		t.Fatal(err)
	}
	return made.Secret
}

// stream is the answer of one client that reads events.
type stream struct {
	*http.Response
	lines *bufio.Scanner
}

// open opens a stream and waits for its first line. Without a secret it comes over the socket.
func (h *house) open(t *testing.T, secret, path string, header ...string) *stream {
	t.Helper()
	transport, base := &http.Transport{}, h.url
	if secret == "" {
		base = "http://localhost"
		transport.DialContext = h.dialSocket
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+secret)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	s := &stream{Response: resp, lines: bufio.NewScanner(resp.Body)}
	if resp.StatusCode == http.StatusOK {
		s.lines.Scan()
	}
	return s
}

// until reads lines until one has a text. It returns the newest id, and whether there was
// such a line.
func (s *stream) until(text string) (id string, found bool) {
	for s.lines.Scan() {
		if name, value, _ := strings.Cut(s.lines.Text(), ": "); name == "id" {
			id = value
		}
		if strings.Contains(s.lines.Text(), text) {
			return id, true
		}
	}
	return id, false
}

// TestEventsOverBothWays sends each event to each client that may see it, and what a client
// missed when it is back.
func TestEventsOverBothWays(t *testing.T) {
	h := newHouse(t)
	viewer, limited := h.token(t, api.NewToken{Name: "viewer", Role: api.RoleViewer}), h.token(t, api.NewToken{Name: "edge", Role: api.RoleViewer, Group: "edge"})
	for way, secret := range map[string]string{"TCP": viewer, "socket": ""} {
		s := h.open(t, secret, "/api/v1/events")
		if kind := s.Header.Get("Content-Type"); s.StatusCode != 200 || kind != "text/event-stream" {
			t.Fatalf("%s: %s, %s", way, s.Status, kind)
		}
		h.add(t, "core2")
		id, found := s.until(`"device":"core2","change":"added"`)
		if !found {
			t.Fatalf("%s: no event, error %v", way, s.lines.Err())
		}
		s.Body.Close()
		for _, name := range []string{"core2", "edge1"} {
			if _, err := h.l.RemoveDevices(h.admin, api.Select{Names: []string{name}}); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range []*stream{h.open(t, secret, "/api/v1/events", "Last-Event-ID", id), h.open(t, secret, "/api/v1/events?after="+id)} {
			if _, found := s.until(`"device":"core2","change":"removed"`); !found {
				t.Errorf("%s: what happened meanwhile is lost: %v", way, s.lines.Err())
			}
		}
		of := h.open(t, limited, "/api/v1/events", "Last-Event-ID", id)
		if of.until("data: "); !strings.Contains(of.lines.Text(), `"device":"edge1"`) {
			t.Errorf("%s: a limited token got %s", way, of.lines.Text())
		}
		if _, found := h.open(t, secret, "/api/v1/events", "Last-Event-ID", "gone-7").until("event: reset"); !found {
			t.Errorf("%s: a gap was not reported", way)
		}
		if s := h.open(t, secret, "/api/v1/jobs/job-x/events"); s.StatusCode != 404 {
			t.Errorf("%s: no such job: %s", way, s.Status)
		}
		h.add(t, "edge1")
	}
}

// TestRevokedToken ends the stream of a token that was removed.
func TestRevokedToken(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	gone := h.open(t, h.token(t, api.NewToken{Name: "gone", Role: api.RoleViewer}), "/api/v1/events")
	anew := h.open(t, h.token(t, api.NewToken{Name: "anew", Role: api.RoleAdmin}), "/api/v1/events")
	stays := h.open(t, h.token(t, api.NewToken{Name: "stays", Role: api.RoleViewer}), "/api/v1/events")
	for _, name := range []string{"gone", "anew"} {
		if _, err := h.l.RemoveToken(h.admin, api.Named{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	for name, s := range map[string]*stream{"gone": gone, "anew": anew} {
		if _, found := s.until("never"); found || time.Since(began) > time.Minute {
			t.Errorf("%s: the stream ended after %s", name, time.Since(began))
		}
	}
	h.add(t, "core2")
	if _, found := stays.until(`"device":"core2"`); !found {
		t.Errorf("the stream of another token ended: %v", stays.lines.Err())
	}
}

// TestManyClients has a thousand clients, half of which read nothing: the others get every
// event, and all streams end with the service.
func TestManyClients(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	clients := testlevel.Of(50, 1000, 1000)
	secret := h.token(t, api.NewToken{Name: "viewer", Role: api.RoleViewer})
	before := memory()
	var all []*stream
	for range clients {
		all = append(all, h.open(t, secret, "/api/v1/events"))
	}
	t.Logf("%d clients take %d kB each", clients, (memory()-before)/int64(clients)>>10)
	var done sync.WaitGroup
	for i, s := range all {
		if i%2 == 0 {
			continue // it reads nothing
		}
		done.Go(func() {
			for n := range 3 {
				if _, found := s.until(fmt.Sprintf(`"device":"new%d"`, n)); !found {
					t.Errorf("client %d missed event %d: %v", i, n, s.lines.Err())
				}
			}
		})
	}
	for n := range 3 {
		h.add(t, fmt.Sprintf("new%d", n))
	}
	done.Wait()
	began := time.Now()
	if err := h.end(); err != nil {
		t.Error(err)
	}
	t.Logf("all streams ended within %s", time.Since(began).Round(time.Millisecond))
	for _, s := range all {
		s.until("never")
		if err := s.lines.Err(); err != nil {
			t.Errorf("a stream broke off: %v", err)
		}
	}
}

// memory is the memory in use after a garbage collection.
func memory() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse + m.StackInuse)
}
