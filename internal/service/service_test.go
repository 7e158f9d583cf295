package service_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/api/client"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/service"
	"flashwarden/internal/systemd"
	"flashwarden/internal/warden"
	"flashwarden/tftp"
)

// bench is a service that runs in this process.
type bench struct {
	t       *testing.T
	s       *service.Service
	port    int
	log     *logBuffer
	manager *net.UnixConn // of the service manager
	hurry   chan struct{}
	stop    context.CancelFunc
	ended   chan error
}

// logBuffer is a log that a test reads while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

// rules let this host send files whose names match.
func rules(pattern string) []config.ReceiveRule {
	return []config.ReceiveRule{{From: netip.MustParsePrefix("127.0.0.0/8"), Name: pattern, MaxSize: 1000}}
}

func settings(pattern string) config.Config {
	c := config.Default()
	c.TFTP.Listen, c.TFTP.PortRange = "127.0.0.1:0", tftp.PortRange{}
	c.Receive = rules(pattern)
	return c
}

// start runs a service on a new data directory, and waits until it is ready.
func start(t *testing.T, drain time.Duration, change ...func(*service.Service)) *bench {
	t.Helper()
	b := &bench{t: t, log: &logBuffer{}, hurry: make(chan struct{}), ended: make(chan error, 1)}
	name := filepath.Join(t.TempDir(), "notify")
	var err error
	if b.manager, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "60000000"}
	manager, err := systemd.Find(func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	dir := sqlitetest.Data(t)
	log := slog.New(slog.NewTextHandler(b.log, nil))
	local := warden.New(warden.Options{Data: dir, Config: settings("old-*"), Log: log, LogResults: true})
	b.s = &service.Service{Local: local, Data: dir, Drain: drain, Hurry: b.hurry, Manager: manager, Log: log}
	for _, f := range change {
		f(b.s)
	}
	ctx, cancel := context.WithCancel(warden.As(context.Background(), warden.Admin("tester", "test")))
	b.stop = cancel
	ready := make(chan struct{})
	go func() { b.ended <- errors.Join(b.s.Run(ctx, func() { close(ready) }), local.Close()) }()
	select {
	case <-ready:
	case err := <-b.ended:
		t.Fatal(err)
	}
	if b.port, err = local.TFTPPort(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		b.manager.Close()
	})
	return b
}

// end waits for the end of the service, which is no error.
func (b *bench) end() {
	b.t.Helper()
	select {
	case err := <-b.ended:
		if err != nil {
			b.t.Errorf("the service ended with %v", err)
		}
	case <-time.After(time.Minute):
		b.t.Fatal("the service does not end")
	}
}

// TestBrokenListener breaks the listener of the API, as nothing on a healthy host does: the service ends with
// an error, so that systemd starts it again.
func TestBrokenListener(t *testing.T) {
	b := start(t, time.Minute, func(s *service.Service) { s.Web.Listen = "127.0.0.1:0" })
	go b.discard()
	stopListening(t, b.logged("the API listens\" address="))
	select {
	case err := <-b.ended:
		if text := fmt.Sprint(err); !errors.Is(err, syscall.EINVAL) || !strings.HasPrefix(text, "API: no connection can be taken any more") {
			t.Errorf("the service ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("the service goes on without a listener")
	}
}

// stopListening has accept(2) fail for good on the socket of this process that listens there.
func stopListening(t *testing.T, address string) {
	t.Helper()
	for fd := range 1000 {
		listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
		if err != nil || listens == 0 {
			continue
		}
		own, err := unix.Getsockname(fd)
		if err != nil {
			t.Fatal(err)
		}
		a, ok := own.(*unix.SockaddrInet4)
		if ok && netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)).String() == address {
			if err := unix.Shutdown(fd, unix.SHUT_RD); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("nothing listens on %s", address)
}

// logged returns the word behind a text of the log.
func (b *bench) logged(text string) string {
	b.t.Helper()
	b.awaitLog(text)
	_, rest, _ := strings.Cut(b.log.String(), text)
	value, _, _ := strings.Cut(rest, " ")
	return value
}

// discard reads the messages to the service manager until the test ends.
func (b *bench) discard() {
	buf := make([]byte, 4096)
	for {
		if _, err := b.manager.Read(buf); err != nil {
			return
		}
	}
}

// await waits for a message to the service manager.
func (b *bench) await(message string) {
	b.t.Helper()
	if err := b.manager.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		b.t.Fatal(err)
	}
	buf := make([]byte, 4096)
	for {
		n, err := b.manager.Read(buf)
		if err != nil {
			b.t.Fatalf("no message %q: %v", message, err)
		}
		if strings.HasPrefix(string(buf[:n]), message) {
			return
		}
	}
}

// awaitLog waits until the log has a text.
func (b *bench) awaitLog(text string) {
	b.t.Helper()
	for begun := time.Now(); !strings.Contains(b.log.String(), text); time.Sleep(time.Millisecond) {
		if time.Since(begun) > time.Minute {
			b.t.Fatalf("the log has no %q:\n%s", text, b.log)
		}
	}
}

// client connects to the socket.
func (b *bench) client() *client.Client {
	b.t.Helper()
	c, running, err := client.Dial(b.t.Context(), b.s.Data)
	if err != nil || !running {
		b.t.Fatalf("no daemon: running %v, error %v", running, err)
	}
	b.t.Cleanup(func() { c.Close() })
	return c
}

func (b *bench) put(name string, r io.Reader) error {
	_, err := (&tftp.Client{}).Put(b.t.Context(), netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(b.port)), name, r, -1)
	return err
}

// upload is a peer that begins an upload, and then sends nothing.
type upload struct {
	t    *testing.T
	conn net.PacketConn
	peer net.Addr // the port of the transfer
}

func (b *bench) upload(name string) *upload {
	b.t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { conn.Close() })
	u := &upload{t: b.t, conn: conn}
	if _, err := conn.WriteTo([]byte("\x00\x02"+name+"\x00octet\x00"), &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: b.port}); err != nil {
		b.t.Fatal(err)
	}
	u.expect("\x00\x04\x00\x00")
	return u
}

// expect waits for a packet that begins with head, and ignores others.
func (u *upload) expect(head string) {
	u.t.Helper()
	if err := u.conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		u.t.Fatal(err)
	}
	buf := make([]byte, 1500)
	for {
		n, from, err := u.conn.ReadFrom(buf)
		if err != nil {
			u.t.Fatalf("no packet %q: %v", head, err)
		}
		u.peer = from
		if strings.HasPrefix(string(buf[:n]), head) {
			return
		}
	}
}

const errorPacket = "\x00\x05"

// TestLife runs a service from its start to its end: systemd hears each step, the
// configuration changes only to a right one, and no descriptor is left.
func TestLife(t *testing.T) {
	before := descriptors(t)
	b := start(t, time.Minute)
	b.await("READY=1\nSTATUS=ready, serving " + b.s.Data)
	b.await("WATCHDOG=1")

	wrong := &config.Error{File: "f.yaml", Line: 3, Column: 7, Key: "tftp.listen", Problem: "no address", Excerpt: "the line"}
	b.s.Reload(func() (config.Config, error) { return config.Config{}, wrong })
	b.await("RELOADING=1\nMONOTONIC_USEC=")
	b.await("READY=1")
	if log := b.log.String(); !strings.Contains(log, "f.yaml:3:7: tftp.listen: no address") || strings.Contains(log, "the line") {
		t.Errorf("the log has no place of the error, or the line of the file:\n%s", log)
	}
	if err := b.put("old-name", strings.NewReader("text")); err != nil {
		t.Errorf("after a wrong configuration, the old one does not count: %v", err)
	}

	next := settings("new-*")
	next.TFTP.Listen = "127.0.0.1:1"
	b.s.Reload(func() (config.Config, error) { return next, nil })
	if log := b.log.String(); !strings.Contains(log, "restarted\" keys=[tftp.listen]") {
		t.Errorf("the log does not name the key that needs a restart:\n%s", log)
	}
	if err := b.put("new-name", strings.NewReader("text")); err != nil {
		t.Errorf("the new rules do not count: %v", err)
	}
	var refused *tftp.PeerError
	if err := b.put("old-name", strings.NewReader("text")); !errors.As(err, &refused) {
		t.Errorf("the old rules still count: %v", err)
	}

	b.stop()
	b.await("STOPPING=1\nSTATUS=ending")
	close(b.hurry) // a lost final ACK is not waited for
	b.end()
	if log := b.log.String(); strings.Count(log, "reception ended") != 2 {
		t.Errorf("the log does not have each received file once:\n%s", log)
	}
	b.manager.Close()
	if after := descriptors(t); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// descriptors counts the open descriptors of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// TestDrain ends the service while a device sends a file, and while an operation waits
// for one: both end when the time is over, and the device gets an ERROR.
func TestDrain(t *testing.T) {
	b := start(t, 50*time.Millisecond)
	b.upload("old-1") // by a rule
	c := b.client()
	permit, err := c.Receive(t.Context(), api.Receive{From: "127.0.0.1", Name: "asked", For: time.Hour, MaxSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	awaited := make(chan api.BackupResult)
	go func() { res, _ := c.AwaitReception(t.Context(), permit, nil); awaited <- res }()
	b.awaitLog("await a reception")
	u := b.upload("asked")
	b.stop()
	u.expect(errorPacket)
	if res := <-awaited; res.Cause != api.Cancelled {
		t.Errorf("the operation ended with %+v", res)
	}
	b.end()
	for _, text := range []string{"running operations are cancelled\" operations=[await-reception] err=\"running work did not end in time", "running transfers were ended with an ERROR"} {
		if !strings.Contains(b.log.String(), text) {
			t.Errorf("the log has no %q:\n%s", text, b.log)
		}
	}
}

// TestHurry ends the service in a moment when somebody asks a second time.
func TestHurry(t *testing.T) {
	b := start(t, time.Hour)
	u := b.upload("old-1")
	b.stop()
	b.await("STOPPING=1")
	close(b.hurry)
	u.expect(errorPacket)
	b.end()
	b.awaitLog("a second signal asked for an immediate end")
}

// TestRunningMayEnd lets an upload end that runs when the service ends.
func TestRunningMayEnd(t *testing.T) {
	b := start(t, time.Hour)
	u := b.upload("old-1")
	b.stop()
	b.await("STOPPING=1")
	if _, err := u.conn.WriteTo([]byte("\x00\x03\x00\x01text"), u.peer); err != nil {
		t.Fatal(err)
	}
	u.expect("\x00\x04\x00\x01")
	b.awaitLog("reception ended")
	close(b.hurry)
	b.end()
	if strings.Contains(b.log.String(), "ended with an ERROR") {
		t.Errorf("the log names a transfer that was cut:\n%s", b.log)
	}
}

// TestIdleWaitsEnd ends the service while operations only wait for a device: nothing
// holds it back.
func TestIdleWaitsEnd(t *testing.T) {
	b := start(t, time.Hour)
	c := b.client()
	permit, err := c.Receive(t.Context(), api.Receive{From: "127.0.0.1", Name: "asked", For: time.Hour, MaxSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	var waits sync.WaitGroup
	waits.Go(func() {
		if res, err := c.AwaitReception(t.Context(), permit, nil); err != nil || res.Cause != api.Cancelled || res.Hint == "" {
			t.Errorf("awaiting a reception: %+v, %v", res, err)
		}
	})
	serving := make(chan struct{})
	waits.Go(func() {
		_, err := c.AwaitRules(t.Context(), func(e api.Event) {
			if e.Step == api.StepServing {
				close(serving)
			}
		})
		var p *api.Problem
		if !errors.As(err, &p) || p.Cause != api.Cancelled {
			t.Errorf("awaiting rules: %v", err)
		}
	})
	<-serving
	b.awaitLog("await a reception")
	b.stop()
	waits.Wait()
	b.end()
}

// TestReloadBesideOperations changes the configuration again and again while operations
// begin: for the race detector.
func TestReloadBesideOperations(t *testing.T) {
	b := start(t, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	c := b.client()
	password := "secret"
	if _, err := c.AddDevice(ctx, api.DeviceChange{Password: &password, Device: api.Device{Name: "sw1", Address: "127.0.0.9", Transport: "ssh", Username: "u"}}); err != nil {
		t.Fatal(err)
	}
	go b.discard() // else its queue gets full
	reload := func(within time.Duration) {
		b.s.Reload(func() (config.Config, error) {
			c := settings("*")
			c.Protect.Within = within
			return c, nil
		})
	}
	reload(time.Minute) // the names that are received from now on
	var work sync.WaitGroup
	for _, op := range []func() error{
		func() error { _, err := c.Status(ctx, api.StatusQuery{}); return err },
		func() error { _, err := c.Rules(ctx); return err },
		func() error { _, err := c.Prune(ctx, api.Prune{DryRun: true}); return err },
		func() error { return b.put("both", strings.NewReader("text")) },
	} {
		work.Go(func() {
			for ctx.Err() == nil {
				if err := op(); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 50 {
		reload(time.Duration(i+1) * time.Hour)
	}
	cancel()
	work.Wait()
	b.stop()
	close(b.hurry)
	b.end()
}

// TestSecond starts a second service on the same data directory: it names the first one.
func TestSecond(t *testing.T) {
	b := start(t, 0)
	local := warden.New(warden.Options{Data: b.s.Data, Config: settings("*")})
	second := &service.Service{Local: local, Data: b.s.Data, Log: slog.New(slog.DiscardHandler)}
	err := second.Run(warden.As(t.Context(), warden.Admin("tester", "test")), func() { t.Error("a second one is ready") })
	if want := fmt.Sprintf("in use by flashwarden, process %d, since 20", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("error %v, want %q", err, want)
	}
	if err := local.Close(); err != nil {
		t.Error(err)
	}
	b.stop()
	b.end()
}
