package systemd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/systemd"
)

// manager is a service manager that reads messages.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &manager{t, conn}
}

// next returns the next message.
func (m *manager) next() string {
	m.t.Helper()
	buf := make([]byte, 4096)
	n, err := m.conn.Read(buf)
	if err != nil {
		m.t.Fatal(err)
	}
	return string(buf[:n])
}

func find(t *testing.T, env map[string]string) systemd.Manager {
	t.Helper()
	m, err := systemd.Find(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestMessages sends each message to a socket with a path, and to one with an abstract
// name, as systemd has it in containers.
func TestMessages(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@flashwarden-test-%d", os.Getpid())} {
		heard := newManager(t, name)
		m := find(t, map[string]string{"NOTIFY_SOCKET": name})
		for want, send := range map[string]func() error{
			"READY=1\nSTATUS=serving /data":     func() error { return m.Ready("serving /data") },
			"STATUS=two lines READY=1":          func() error { return m.Status("two lines\nREADY=1\n") },
			"STOPPING=1\nSTATUS=ends":           func() error { return m.Stopping("ends") },
			"RELOADING=1\nMONOTONIC_USEC=CLOCK": m.Reloading,
		} {
			before := monotonic(t)
			if err := send(); err != nil {
				t.Fatal(err)
			}
			got := heard.next()
			if head, clock, found := strings.Cut(got, "MONOTONIC_USEC="); found {
				if at, err := strconv.ParseInt(clock, 10, 64); err != nil || at < before || at > monotonic(t) {
					t.Errorf("%q is not the monotonic clock", clock)
				}
				got = head + "MONOTONIC_USEC=CLOCK"
			}
			if got != want {
				t.Errorf("message %q, want %q", got, want)
			}
		}
	}
}

// monotonic returns the monotonic clock in microseconds.
func monotonic(t *testing.T) int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		t.Fatal(err)
	}
	return now.Nano() / 1000
}

// TestFind reads the variables of systemd.
func TestFind(t *testing.T) {
	own := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct {
		env      map[string]string
		watchdog time.Duration
		wrong    string
	}{
		"none":               {env: nil},
		"watchdog":           {env: map[string]string{"WATCHDOG_USEC": "1500000"}, watchdog: 1500 * time.Millisecond},
		"own watchdog":       {env: map[string]string{"WATCHDOG_USEC": "2", "WATCHDOG_PID": own}, watchdog: 2 * time.Microsecond},
		"of another process": {env: map[string]string{"WATCHDOG_USEC": "2", "WATCHDOG_PID": "1"}},
		"no number":          {env: map[string]string{"WATCHDOG_USEC": "soon"}, wrong: "WATCHDOG_USEC=soon"},
		"overflow":           {env: map[string]string{"WATCHDOG_USEC": "9223372036854775807"}, wrong: "WATCHDOG_USEC"},
		"vsock":              {env: map[string]string{"NOTIFY_SOCKET": "vsock:2:1234"}, wrong: "NOTIFY_SOCKET=vsock:2:1234"},
	} {
		m, err := systemd.Find(func(name string) string { return c.env[name] })
		if m.Watchdog != c.watchdog {
			t.Errorf("%s: watchdog %v, want %v", name, m.Watchdog, c.watchdog)
		}
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: error %v, want %q", name, err, c.wrong)
		}
	}
}

// TestNobodyListens sends to a manager that has gone, and to none.
func TestNobodyListens(t *testing.T) {
	if err := find(t, map[string]string{"NOTIFY_SOCKET": filepath.Join(t.TempDir(), "gone")}).Ready(""); err == nil {
		t.Error("the message is lost without an error")
	}
	if err := (systemd.Manager{}).Ready(""); err != nil {
		t.Error(err)
	}
}

// TestWatch gives signs of life while the service answers, and none while it does not.
// The log has the silence once.
func TestWatch(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	heard := newManager(t, name)
	m := find(t, map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000"}) // a beat each millisecond
	asked := make(chan error)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	var log bytes.Buffer
	go func() {
		defer close(ended)
		m.Watch(ctx, slog.New(slog.NewTextHandler(&log, nil)), func(context.Context) error { return <-asked })
	}()
	stuck := errors.New("queue: stuck")
	for _, answer := range []error{nil, nil, stuck, stuck, stuck, nil, stuck} {
		asked <- answer
		if answer == nil {
			if got := heard.next(); got != "WATCHDOG=1" {
				t.Errorf("message %q", got)
			}
		}
	}
	close(asked) // the next answer is nil: after the failures before, exactly one message follows
	if got := heard.next(); got != "WATCHDOG=1" {
		t.Errorf("message %q", got)
	}
	cancel()
	<-ended
	if n := strings.Count(log.String(), "queue: stuck"); n != 2 {
		t.Errorf("the log has the silence %d times, want 2:\n%s", n, &log)
	}
	m.Watchdog = 0
	m.Watch(t.Context(), nil, nil) // returns at once
}

// TestHanging has a service that answers only when it is asked to stop waiting: no
// sign of life leaves.
func TestHanging(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	heard := newManager(t, name)
	m := find(t, map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000"})
	ctx, cancel := context.WithCancel(t.Context())
	beats := 0
	m.Watch(ctx, slog.New(slog.DiscardHandler), func(ctx context.Context) error {
		if beats++; beats == 3 {
			cancel()
		}
		<-ctx.Done()
		return ctx.Err()
	})
	if err := m.Status("last"); err != nil {
		t.Fatal(err)
	}
	if got := heard.next(); got != "STATUS=last" {
		t.Errorf("message %q of a service that hangs", got)
	}
}
