package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

func TestPutAndGet(t *testing.T) {
	clients := []tftp.Client{
		{},
		{BlockSize: 8},
		{BlockSize: 1468, TSize: true},
		{BlockSize: 1468, Window: 16, TSize: true},
		{BlockSize: 65464},
		{Netascii: true},
		{Netascii: true, BlockSize: 9, Window: 4},
	}
	for _, c := range clients {
		for _, n := range []int{0, 1, 511, 512, 513, 1468, testlevel.Of(20_000, 65536, 65536), testlevel.Of(70_000, 300_000, 300_000)} {
			t.Run(fmt.Sprintf("blksize=%d window=%d netascii=%v/%d", c.BlockSize, c.Window, c.Netascii, n), func(t *testing.T) {
				m := &memory{}
				addr := serve(t, &tftp.Server{Handler: m})
				want := content(uint64(n), n)
				if got, err := c.Put(context.Background(), addr, "f", bytes.NewReader(want), int64(n)); err != nil || !c.Netascii && got != int64(n) {
					t.Fatalf("put: %d bytes, %v", got, err)
				}
				if stored, ok := m.get("f"); !ok || !bytes.Equal(stored, want) {
					t.Fatalf("stored %d bytes, present %v; want the %d that were put", len(stored), ok, n)
				}
				var back bytes.Buffer
				if _, err := c.Get(context.Background(), addr, "f", &back); err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(back.Bytes(), want) {
					t.Fatalf("got %d bytes back, not the %d that were put", back.Len(), n)
				}
			})
		}
	}
}

// failing is a reader and writer that fails.
type failing struct {
	content []byte
	err     error
}

func (f *failing) Read(b []byte) (int, error) {
	n := copy(b, f.content)
	f.content = f.content[n:]
	if n == 0 {
		return 0, f.err
	}
	return n, nil
}

func (f *failing) Write([]byte) (int, error) { return 0, f.err }

func TestClientTellsItsErrors(t *testing.T) {
	broken := errors.New("flash read failed")
	for _, silent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", content(1, 3000))
			n := &tftptest.Network{Delay: time.Millisecond}
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			c := tftp.Client{Listen: n.Listen, Silent: silent}
			if _, err := c.Put(t.Context(), w.server, "g", &failing{content(1, 100_000), broken}, -1); !errors.Is(err, broken) {
				t.Errorf("put: %v", err)
			}
			if _, err := c.Get(t.Context(), w.server, "f", &failing{nil, broken}); !errors.Is(err, broken) {
				t.Errorf("get: %v", err)
			}
			time.Sleep(10 * time.Minute)
			for i := 1; i <= 2; i++ {
				var e *tftp.Error
				err := w.events.done(t, i).Err
				if told := errors.As(err, &e); told == silent || errors.Is(err, tftp.ErrTimeout) != silent {
					t.Errorf("silent %v: the server's transfer %d ended with %v", silent, i, err)
				}
			}
		})
	}
}

func TestClientEndsWithItsContext(t *testing.T) {
	for _, silent := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			n := &tftptest.Network{Delay: 10 * time.Millisecond}
			w := inBubble(t, &tftp.Server{Handler: &memory{}}, n)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c := tftp.Client{Listen: n.Listen, Silent: silent}
			sent, err := c.Put(ctx, w.server, "f", bytes.NewReader(content(1, 1<<20)), -1)
			if !errors.Is(err, context.DeadlineExceeded) || sent < 10_000 || sent > 60_000 {
				t.Errorf("put: %d bytes, %v", sent, err)
			}
			time.Sleep(100 * time.Millisecond)
			if told := w.events.count(tftp.EventDone) == 1; told == silent {
				t.Errorf("silent %v, and the server knows: %v", silent, told)
			}
		})
	}
}

func TestClientGivesTheServersError(t *testing.T) {
	w := onLoopback(t, &tftp.Server{Handler: &memory{openErr: &tftp.Error{Code: tftp.CodeAccess, Message: "not expected"}}})
	c := tftp.Client{}
	_, err := c.Put(t.Context(), w.server, "f", bytes.NewReader(nil), 0)
	var e *tftp.Error
	if !errors.As(err, &e) || *e != (tftp.Error{Code: tftp.CodeAccess, Message: "not expected"}) {
		t.Errorf("put: %v", err)
	}
	if _, err = c.Get(t.Context(), w.server, "f", io.Discard); !errors.As(err, &e) || e.Code != tftp.CodeAccess {
		t.Errorf("get: %v", err)
	}
}

// TestClientWithoutServer counts the requests of a client that gets no answer.
func TestClientWithoutServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var at []time.Duration
		start := time.Now()
		n := &tftptest.Network{Filter: func(tftptest.Packet) tftptest.Verdict {
			at = append(at, time.Since(start))
			return tftptest.Pass
		}}
		c := tftp.Client{Listen: n.Listen, Timeout: 5 * time.Second, Retries: 3}
		_, err := c.Put(t.Context(), netip.MustParseAddrPort("127.0.0.1:69"), "f", bytes.NewReader(nil), 0)
		if !errors.Is(err, tftp.ErrTimeout) {
			t.Errorf("put: %v", err)
		}
		want := []time.Duration{0, 5 * time.Second, 10 * time.Second, 15 * time.Second}
		if !slices.Equal(at, want) {
			t.Errorf("requests at %v, want %v", at, want)
		}
	})
}

// TestClientLosesTheServer cuts the network in the middle of a file, in both
// directions. The client must repeat the last packet exactly as often as allowed.
func TestClientLosesTheServer(t *testing.T) {
	for _, op := range []string{"put", "get"} {
		synctest.Test(t, func(t *testing.T) {
			local := netip.MustParseAddrPort("127.0.0.1:40000")
			passed, lost := 0, 0
			n := &tftptest.Network{Delay: time.Millisecond, Filter: func(p tftptest.Packet) tftptest.Verdict {
				if passed++; passed <= 8 {
					return tftptest.Pass
				}
				if p.From == local {
					lost++
				}
				return tftptest.Drop
			}}
			m := &memory{}
			m.set("f", content(1, 20_000))
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			c := tftp.Client{Listen: n.Listen, Local: local, Timeout: 5 * time.Second, Retries: 3}
			var err error
			if op == "put" {
				_, err = c.Put(t.Context(), w.server, "g", bytes.NewReader(content(1, 20_000)), -1)
			} else {
				_, err = c.Get(t.Context(), w.server, "f", io.Discard)
			}
			if !errors.Is(err, tftp.ErrTimeout) || lost > 4 || lost < 3 {
				t.Errorf("%s: %v after %d packets in vain, want 1 and 3 repetitions", op, err, lost)
			}
		})
	}
}

// TestClientAnswersStrangers lets a second host send during a transfer.
func TestClientAnswersStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &tftptest.Network{Delay: time.Millisecond}
		m := &memory{}
		w := inBubble(t, &tftp.Server{Handler: m}, n)
		x := w.peer()
		local := netip.MustParseAddrPort("127.0.0.1:40000")
		x.to = local
		go func() {
			time.Sleep(10 * time.Millisecond)
			x.send(ack(4))
		}()
		c := tftp.Client{Listen: n.Listen, Local: local}
		body := content(1, 20_000)
		if _, err := c.Put(t.Context(), w.server, "f", bytes.NewReader(body), -1); err != nil {
			t.Error(err)
		}
		x.expectError(5)
		if got, _ := m.get("f"); !bytes.Equal(got, body) {
			t.Error("the content differs")
		}
	})
}

// TestClientWithAUsedPort gets ERROR 5 for a transfer that had its port before. It is no
// answer to its request.
func TestClientWithAUsedPort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &tftptest.Network{}
		w := &world{t: t, server: netip.MustParseAddrPort("127.0.0.1:69"), listen: n.Listen}
		s, other := w.peerAt(w.server), w.peerAt(netip.MustParseAddrPort("127.0.0.1:1056"))
		result := make(chan error, 1)
		var got bytes.Buffer
		go func() {
			c := tftp.Client{Listen: n.Listen, Local: netip.MustParseAddrPort("127.0.0.1:40000")}
			_, err := c.Get(t.Context(), w.server, "f", &got)
			result <- err
		}()
		s.to, other.to = netip.MustParseAddrPort("127.0.0.1:40000"), netip.MustParseAddrPort("127.0.0.1:40000")
		s.expect(rrq("f", "octet"))
		other.send(failure(5, "unknown transfer ID"))
		s.send(data(1, []byte("content")))
		if err := <-result; err != nil || got.String() != "content" {
			t.Errorf("got %q, error %v", &got, err)
		}
	})
}

// TestClientChecksTheOACK checks that unrequested options get ERROR 8.
func TestClientChecksTheOACK(t *testing.T) {
	for _, granted := range []string{"blksize=2000", "windowsize=4", "foo=1", "blksize=7", "blksize=x"} {
		synctest.Test(t, func(t *testing.T) {
			n := &tftptest.Network{}
			w := &world{t: t, server: netip.MustParseAddrPort("127.0.0.1:69"), listen: n.Listen}
			s := w.peerAt(w.server)
			result := make(chan error, 1)
			go func() {
				c := tftp.Client{Listen: n.Listen, Local: netip.MustParseAddrPort("127.0.0.1:40000"), BlockSize: 1000}
				_, err := c.Get(t.Context(), w.server, "f", io.Discard)
				result <- err
			}()
			s.to = netip.MustParseAddrPort("127.0.0.1:40000")
			s.expect(rrq("f", "octet", "blksize", "1000"))
			s.send(oack(pairs(granted)...))
			s.expectError(8)
			if err := <-result; err == nil {
				t.Errorf("%s was taken", granted)
			}
		})
	}
}

func TestClientChecksTheSize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &tftptest.Network{}
		w := &world{t: t, server: netip.MustParseAddrPort("127.0.0.1:69"), listen: n.Listen}
		s := w.peerAt(w.server)
		result := make(chan error, 1)
		go func() {
			c := tftp.Client{Listen: n.Listen, Local: netip.MustParseAddrPort("127.0.0.1:40000"), TSize: true}
			_, err := c.Get(t.Context(), w.server, "f", io.Discard)
			result <- err
		}()
		s.to = netip.MustParseAddrPort("127.0.0.1:40000")
		s.expect(rrq("f", "octet", "tsize", "0"))
		s.send(oack("tsize", "1000"))
		s.expect(ack(0))
		s.send(data(1, []byte("too short")))
		s.expectError(0)
		if err := <-result; err == nil || !strings.Contains(err.Error(), "1000") {
			t.Errorf("get: %v", err)
		}
	})
}

// TestZoneByNumber names the interface of a link-local address by its number.
func TestZoneByNumber(t *testing.T) {
	list, err := net.Interfaces()
	if err != nil || len(list) == 0 {
		t.Skipf("no interface: %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		n, m := &tftptest.Network{}, &memory{}
		m.set("f", []byte("x"))
		s := &tftp.Server{Handler: m, Listen: n.Listen}
		w := &world{t: t, events: watch(s), listen: n.Listen}
		w.run(s, fmt.Sprintf("[fe80::1%%%s]:69", list[0].Name))
		c := tftp.Client{Listen: n.Listen, Local: netip.AddrPortFrom(w.server.Addr().Next(), 0)}
		server := netip.AddrPortFrom(w.server.Addr().WithZone(fmt.Sprint(list[0].Index)), 69)
		if _, err := c.Get(t.Context(), server, "f", io.Discard); err != nil {
			t.Error(err)
		}
	})
}

// TestClientsServerMoves has a server that sends a part of a window after the Client has
// repeated its ACK as often as it does. The blocks moved, so the Client goes on.
func TestClientsServerMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := &tftptest.Network{}
		w := &world{t: t, server: netip.MustParseAddrPort("127.0.0.1:69"), listen: n.Listen}
		s := w.peerAt(w.server)
		s.to = netip.MustParseAddrPort("127.0.0.1:40000")
		result := make(chan error, 1)
		go func() {
			c := tftp.Client{Listen: n.Listen, Local: s.to, Window: 4, Timeout: time.Second, Retries: 2}
			_, err := c.Get(t.Context(), w.server, "f", io.Discard)
			result <- err
		}()
		body := content(1, 5*512+5)
		s.expect(rrq("f", "octet", "windowsize", "4"))
		s.send(oack("windowsize", "4"))
		s.expect(ack(0))
		for n := 1; n <= 4; n++ {
			s.send(data(n, block(body, 512, n)))
		}
		for range 3 {
			s.expect(ack(4))
		}
		s.send(data(5, block(body, 512, 5)))
		s.expect(ack(5))
		s.send(data(6, block(body, 512, 6)))
		s.expect(ack(6))
		if err := <-result; err != nil {
			t.Error(err)
		}
	})
}
