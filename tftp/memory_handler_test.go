package tftp_test

import (
	"bytes"
	"context"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"flashwarden/tftp"
)

// memory is a Handler that keeps files in memory.
type memory struct {
	mu      sync.Mutex
	files   map[string][]byte
	opened  int
	aborted []error

	limit     int64                            // bytes of an upload; 0: no limit
	openErr   error                            // of OpenRead and OpenWrite
	write     func(done int, b []byte) error   // before each Write; nil: nothing
	committed func(name string) error          // before each Commit is done; nil: nothing
	aborting  func(name string, because error) // in each Abort; nil: nothing
}

func (m *memory) set(name string, content []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.files == nil {
		m.files = map[string][]byte{}
	}
	m.files[name] = content
}

func (m *memory) get(name string) ([]byte, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.files[name]
	return b, ok
}

func (m *memory) aborts() []error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]error(nil), m.aborted...)
}

func (m *memory) opens() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.opened
}

func (m *memory) OpenRead(_ context.Context, r *tftp.Request) (tftp.Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	if m.openErr != nil {
		return nil, m.openErr
	}
	b, ok := m.files[r.Filename]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return reader{bytes.NewReader(b)}, nil
}

func (m *memory) OpenWrite(_ context.Context, r *tftp.Request) (tftp.Writer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.opened++
	if m.openErr != nil {
		return nil, m.openErr
	}
	return &writer{m: m, name: r.Filename}, nil
}

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

type writer struct {
	m    *memory
	name string
	buf  bytes.Buffer
}

func (w *writer) Write(b []byte) (int, error) {
	if w.m.write != nil {
		if err := w.m.write(w.buf.Len(), b); err != nil {
			return 0, err
		}
	}
	return w.buf.Write(b)
}

func (w *writer) Limit() int64 { return w.m.limit }

func (w *writer) Commit() error {
	if w.m.committed != nil {
		if err := w.m.committed(w.name); err != nil {
			return err
		}
	}
	w.m.set(w.name, w.buf.Bytes())
	return nil
}

func (w *writer) Abort(err error) {
	if w.m.aborting != nil {
		w.m.aborting(w.name, err)
	}
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	w.m.aborted = append(w.m.aborted, err)
}

// content returns n bytes that are the same for the same seed.
func content(seed uint64, n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	r.Read(b)
	return b
}

// serve runs a Server on loopback until the test ends and gives its address.
func serve(t testing.TB, s *tftp.Server) netip.AddrPort {
	t.Helper()
	c, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, s, c)
}

// serveOn is serve on a given socket.
func serveOn(t testing.TB, s *tftp.Server, c net.PacketConn) netip.AddrPort {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, c) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("Serve: %v", err)
			}
		case <-time.After(time.Minute):
			t.Error("Serve does not return")
		}
		c.Close()
	})
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// onlyRead is a Handler that gives the same Reader to everybody.
type onlyRead struct{ r tftp.Reader }

func (o onlyRead) OpenRead(context.Context, *tftp.Request) (tftp.Reader, error) { return o.r, nil }

func (o onlyRead) OpenWrite(context.Context, *tftp.Request) (tftp.Writer, error) {
	return nil, fs.ErrPermission
}
