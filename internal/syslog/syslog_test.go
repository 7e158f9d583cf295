package syslog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp/tftptest"
)

// The forms follow "System Log Message Format" in Cisco's configuration guides; the texts are
// written for this test.
func TestChange(t *testing.T) {
	for message, want := range map[string]string{
		"<189>29: *Mar  1 00:21:16.251: %SYS-5-CONFIG_I: Configured from console by admin on vty0 (192.0.2.5)": "%SYS-5-CONFIG_I",
		"<189>sw1: 000041: Nov 29 2026 02:00:00.123 CET: %SYS-5-CONFIG_I: Configured from console by vty2":     "%SYS-5-CONFIG_I",
		"%SYS-5-CONFIG_I: Configured from 192.0.2.5 by snmp":                                                   "%SYS-5-CONFIG_I",
		"<189>1: 2d03h: %SYS-5-RELOAD: Reload requested by admin on console. Reload Reason: Reload Command.":   "%SYS-5-RELOAD",
		"<45>12: %SYS-SP-5-RESTART: System restarted --":                                                       "%SYS-SP-5-RESTART",
		"<189>7: %INSTALL-5-INSTALL_COMPLETED_INFO: Switch 1 R0/0: install_engine: Completed install commit":   "%INSTALL-5-INSTALL_COMPLETED_INFO",
		"<189>8: %PARSER-5-CFGLOG_LOGGEDCMD: User:admin  logged command:hostname sw1":                          "%PARSER-5-CFGLOG_LOGGEDCMD",

		"<189>9: %LINK-3-UPDOWN: Interface Gi0/1, changed state to up":                 "",
		"<189>9: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: %SYS-5-CONFIG_I: x]": "",
		"<189>9: %SYS-5-LOGOUT: User admin has exited tty session 2":                   "",
		"<189>9: %SYS-9-CONFIG_I: no such severity":                                    "",
		"SYS-5-CONFIG_I: no percent sign":                                              "",
		strings.Repeat("x", 201) + "%SYS-5-CONFIG_I: too far in the text":              "",
		"":  "",
		"%": "",
	} {
		if got := Change(message); got != want {
			t.Errorf("%q: %q, want %q", message, got, want)
		}
	}
}

func FuzzChange(f *testing.F) {
	f.Add("<189>29: %SYS-5-CONFIG_I: x")
	f.Fuzz(func(t *testing.T, message string) {
		if got := Change(message); got != "" && !strings.Contains(message, got+":") {
			t.Errorf("%q is not in the message", got)
		}
	})
}

// bench is a Listener on a network in memory, and what it asked for.
type bench struct {
	t       *testing.T
	network *tftptest.Network
	server  netip.AddrPort
	begin   time.Time

	mu    sync.Mutex // of the race detector, which does not know synctest.Wait
	looks []string
	fail  error
	reads int
}

// failing sets the error of looks.
func (b *bench) failing(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fail = err
}

// seen returns the looks and the readings of the inventory so far.
func (b *bench) seen() (looks []string, reads int) {
	synctest.Wait()
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.looks), b.reads
}

// run runs do beside a Listener whose time is that of a bubble.
func run(t *testing.T, do func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		b := &bench{t: t, network: &tftptest.Network{}, server: netip.MustParseAddrPort("192.0.2.1:514"), begin: time.Now()}
		c, err := b.network.Listen(b.server)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		l := &Listener{Conn: c, Quiet: 2 * time.Minute, Log: slog.New(slog.DiscardHandler),
			Devices: func(context.Context) (map[netip.Addr]string, error) {
				b.mu.Lock()
				defer b.mu.Unlock()
				b.reads++
				return map[netip.Addr]string{netip.MustParseAddr("192.0.2.11"): "sw1", netip.MustParseAddr("192.0.2.12"): "sw2"}, nil
			},
			Look: func(_ context.Context, device, reason string) error {
				b.mu.Lock()
				defer b.mu.Unlock()
				if b.fail != nil {
					return b.fail
				}
				b.looks = append(b.looks, fmt.Sprintf("%s %s %s", device, reason, time.Since(b.begin)))
				return nil
			}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		synctest.Wait()
		do(b)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// send sends a message from an address.
func (b *bench) send(from, message string) {
	b.t.Helper()
	c, err := b.network.Listen(netip.AddrPortFrom(netip.MustParseAddr(from), 0))
	if err != nil {
		b.t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.WriteTo([]byte(message), net.UDPAddrFromAddrPort(b.server)); err != nil {
		b.t.Fatal(err)
	}
	synctest.Wait()
}

// want checks the looks so far.
func (b *bench) want(looks ...string) {
	b.t.Helper()
	all, _ := b.seen()
	if got, want := strings.Join(all, "; "), strings.Join(looks, "; "); got != want {
		b.t.Errorf("looks %q, want %q", got, want)
	}
}

const changed = "<189>29: %SYS-5-CONFIG_I: Configured from console by admin"

// TestQuiet looks at a device once, when it has been quiet.
func TestQuiet(t *testing.T) {
	run(t, func(b *bench) {
		b.send("192.0.2.11", changed)
		time.Sleep(time.Minute)
		b.send("192.0.2.11", "<189>30: %SYS-5-RELOAD: Reload requested")
		time.Sleep(time.Minute + 59*time.Second)
		b.want()
		time.Sleep(time.Second)
		b.want("sw1 %SYS-5-RELOAD 3m0s")
		time.Sleep(time.Hour)
		b.want("sw1 %SYS-5-RELOAD 3m0s")
	})
}

// TestFlood bounds the looks at a device that reports a change each second for an hour.
func TestFlood(t *testing.T) {
	run(t, func(b *bench) {
		for range 3600 {
			b.send("192.0.2.11", changed)
			time.Sleep(time.Second)
		}
		if looks, _ := b.seen(); len(looks) < 2 || len(looks) > 3 {
			t.Errorf("%d looks in an hour: %v", len(looks), looks)
		}
	})
}

// TestRest looks at a device again, but not at once.
func TestRest(t *testing.T) {
	run(t, func(b *bench) {
		b.send("192.0.2.11", changed)
		time.Sleep(3 * time.Minute)
		b.send("192.0.2.11", changed)
		b.send("192.0.2.12", changed)
		time.Sleep(time.Hour)
		b.want("sw1 %SYS-5-CONFIG_I 2m0s", "sw2 %SYS-5-CONFIG_I 5m0s", "sw1 %SYS-5-CONFIG_I 12m0s")
	})
}

// TestOthers does nothing for messages of other addresses, and does not read the inventory
// for each.
func TestOthers(t *testing.T) {
	run(t, func(b *bench) {
		for range 50 {
			b.send("192.0.2.99", changed)
			b.send("192.0.2.11", "<189>1: %LINK-3-UPDOWN: x")
		}
		time.Sleep(time.Hour)
		b.want()
		if _, reads := b.seen(); reads != 1 {
			t.Errorf("the inventory was read %d times", reads)
		}
		b.send("192.0.2.99", changed)
		if _, reads := b.seen(); reads != 2 {
			t.Errorf("the inventory was read %d times: a new device is not seen", reads)
		}
	})
}

// TestLookFails asks again for a look that could not be asked for.
func TestLookFails(t *testing.T) {
	run(t, func(b *bench) {
		b.failing(errors.New("no catalog"))
		b.send("192.0.2.11", changed)
		time.Sleep(2*time.Minute + 30*time.Second)
		b.failing(nil)
		b.want()
		time.Sleep(time.Minute)
		b.want("sw1 %SYS-5-CONFIG_I 3m0s")
	})
}
