package tftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestBadNetworks moves files over networks that lose, duplicate, reorder and delay
// packets, with every kind of client. The content must always be right, and the
// server must count one transfer for each file.
func TestBadNetworks(t *testing.T) {
	networks := map[string]*tftptest.Network{
		"loss 1%":           {Loss: 0.01, Delay: 2 * time.Millisecond},
		"loss 10%":          {Loss: 0.1, Delay: 2 * time.Millisecond},
		"all doubled":       {Duplicate: 1, Delay: time.Millisecond},
		"reordered":         {Reorder: 0.1, Delay: time.Millisecond},
		"jitter":            {Delay: 5 * time.Millisecond, Jitter: 20 * time.Millisecond},
		"slow":              {Delay: 300 * time.Millisecond},
		"all of it":         {Loss: 0.05, Duplicate: 0.05, Reorder: 0.05, Delay: 5 * time.Millisecond, Jitter: 5 * time.Millisecond},
		"nothing goes lost": {},
	}
	clients := map[string]tftp.Client{
		"plain":     {},
		"like IOS":  {Timeout: 4 * time.Second, Retries: 10},
		"window 8":  {BlockSize: 1468, Window: 8, TSize: true},
		"window 40": {BlockSize: 500, Window: 40},
		"netascii":  {Netascii: true, BlockSize: 1000},
	}
	for network, n := range networks {
		for client, c := range clients {
			t.Run(network+"/"+client, func(t *testing.T) {
				t.Parallel()
				for seed := range uint64(3) {
					synctest.Test(t, func(t *testing.T) {
						n := tftptest.Network{Seed: seed, Loss: n.Loss, Duplicate: n.Duplicate, Reorder: n.Reorder, Delay: n.Delay, Jitter: n.Jitter}
						moveBothWays(t, &n, c)
					})
				}
			})
		}
	}
}

func moveBothWays(t *testing.T, n *tftptest.Network, c tftp.Client) {
	t.Helper()
	m := &memory{}
	w := inBubble(t, &tftp.Server{Handler: m}, n)
	c.Listen, c.Retries = n.Listen, 10
	body := content(n.Seed, 100_000)
	if _, err := c.Put(context.Background(), w.server, "f", bytes.NewReader(body), int64(len(body))); err != nil {
		t.Fatalf("put: %v; %v", err, w.events.story())
	}
	if got, _ := m.get("f"); !bytes.Equal(got, body) {
		t.Fatalf("stored %d bytes that differ", len(got))
	}
	var back bytes.Buffer
	if _, err := c.Get(context.Background(), w.server, "f", &back); err != nil {
		t.Fatalf("get: %v; %v", err, w.events.story())
	}
	if !bytes.Equal(back.Bytes(), body) {
		t.Fatalf("got %d bytes that differ", back.Len())
	}
	time.Sleep(5 * time.Minute)
	if begun, ended := w.events.count(tftp.EventRequest), w.events.count(tftp.EventDone); begun != ended {
		t.Errorf("%d transfers began, %d ended", begun, ended)
	}
}

// TestQueueLimitedLink moves files through a link of 20 Mbit/s with a round trip of 60
// ms, whose queue is smaller than the window.
func TestQueueLimitedLink(t *testing.T) {
	testlevel.NeedFull(t, "moves much data over slow or real networks")
	for _, window := range []int{32, 64, 128, 300} {
		for name, c := range map[string]tftp.Client{"adaptive": {}, "2 s": {Timeout: 2 * time.Second}} {
			t.Run(fmt.Sprintf("%s/window %d", name, window), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					n := &tftptest.Network{Rate: 2_500_000, Queue: 40, Delay: 30 * time.Millisecond}
					m := &memory{}
					w := inBubble(t, &tftp.Server{Handler: m}, n)
					c.Listen, c.BlockSize, c.Window = n.Listen, 1468, window
					body := content(1, 3_000_000)
					start := time.Now()
					if _, err := c.Put(t.Context(), w.server, "f", bytes.NewReader(body), -1); err != nil {
						t.Fatalf("put: %v; %v", err, w.events.story())
					}
					put := time.Since(start)
					if got, _ := m.get("f"); !bytes.Equal(got, body) {
						t.Fatal("the stored content differs")
					}
					var back bytes.Buffer
					start = time.Now()
					if _, err := c.Get(t.Context(), w.server, "f", &back); err != nil {
						t.Fatalf("get: %v; %v", err, w.events.story())
					}
					get := time.Since(start)
					if !bytes.Equal(back.Bytes(), body) {
						t.Fatal("the content differs")
					}
					t.Logf("put %v, get %v", put, get)
					if put > 12*time.Second || get > 8*time.Second {
						t.Errorf("put took %v, get %v", put, get)
					}
				})
			})
		}
	}
}

// TestLossIsRepairedFast loses every tenth ACK of an upload whose client waits
// 10 s: the server's own timer repairs that.
func TestLossIsRepairedFast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		acks := 0
		n := &tftptest.Network{Delay: time.Millisecond, Filter: func(p tftptest.Packet) tftptest.Verdict {
			if p.Data[1] != 4 {
				return tftptest.Pass
			}
			if acks++; acks%10 == 5 {
				return tftptest.Drop
			}
			return tftptest.Pass
		}}
		w := inBubble(t, &tftp.Server{Handler: &memory{}}, n)
		c := tftp.Client{Listen: n.Listen, Timeout: 10 * time.Second}
		start := time.Now()
		if _, err := c.Put(context.Background(), w.server, "f", bytes.NewReader(content(1, 512*999)), -1); err != nil {
			t.Fatal(err)
		}
		lost := acks / 10
		if took := time.Since(start); took > time.Duration(lost)*300*time.Millisecond+3*time.Second {
			t.Errorf("%d lost ACKs took %v", lost, took)
		}
	})
}

// TestPausingDevice has a device that stops for 300 ms every 64 KB, to erase flash.
// The server learns that, and repeats few packets.
func TestPausingDevice(t *testing.T) {
	const total, every, pause = 2048, 128, 300 * time.Millisecond
	for _, op := range []string{"put", "get"} {
		t.Run(op, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				packets, again, last := 0, 0, -1
				n := &tftptest.Network{Delay: 500 * time.Microsecond, Filter: func(p tftptest.Packet) tftptest.Verdict {
					if p.To.Port() != 2000 || p.Data[1] > 4 {
						return tftptest.Pass
					}
					number := int(binary.BigEndian.Uint16(p.Data[2:]))
					if packets++; number == last {
						again++
					}
					last = number
					return tftptest.Pass
				}}
				m := &memory{}
				m.set("f", content(1, total*512+5))
				w := inBubble(t, &tftp.Server{Handler: m}, n)
				p := w.peerAt(netip.AddrPortFrom(w.server.Addr(), 2000))
				if op == "get" {
					p.request(rrq("f", "octet"))
				} else {
					p.request(wrq("g", "octet"))
				}
				for next := 1; next <= total; {
					got := p.recv(p.soon())
					if next%every == 0 {
						time.Sleep(pause)
					}
					switch number := int(binary.BigEndian.Uint16(got[2:])); {
					case op == "get":
						p.send(ack(number))
						if number == next {
							next++
						}
					case number == next-1:
						p.send(data(next, make([]byte, 512)))
						next++
					}
				}
				if again*100 > packets*2 {
					t.Errorf("%d of %d packets were sent twice", again, packets)
				}
				t.Logf("%d of %d packets were sent twice", again, packets)
			})
		})
	}
}

// TestEvents checks the exact events of transfers.
func TestEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		p := w.peer()
		p.request(wrq("f", "octet", "blksize", "100", "tsize", "250"))
		p.expect(oack("blksize", "100", "tsize", "250"))
		p.sendTo(p.port, wrq("f", "octet", "blksize", "100", "tsize", "250"))
		p.expect(oack("blksize", "100", "tsize", "250"))
		body := content(1, 250)
		p.store(body, 100, 1, 3)
		p.recv(300 * time.Millisecond) // the server's timer
		p.send(data(3, block(body, 100, 3)))
		p.expect(ack(3))
		q := w.peer()
		q.request(rrq("nope", "octet"))
		q.expectError(1)
		synctest.Wait()
		want := []string{
			"0 f WRQ 100 1 0 <nil>",
			"2 f WRQ 100 1 0 <nil>",
			"3 f WRQ 100 1 0 <nil>",
			"4 f WRQ 100 1 200 <nil>",
			"5 f WRQ 100 1 250 <nil>",
			"1 nope RRQ 0 0 0 file does not exist",
		}
		var got []string
		for _, e := range w.events.all() {
			got = append(got, fmt.Sprint(int(e.Kind), " ", e.Request.Filename, " ", e.Request.Op, " ", e.BlockSize, " ", e.Window, " ", e.Bytes, " ", e.Err))
			if e.Request.Remote.Addr().String() != "127.0.0.1" {
				t.Errorf("remote %v", e.Request.Remote)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("events\n%q, want\n%q", got, want)
		}
		if r := w.events.all()[0].Request; r.Size != 250 || r.Netascii {
			t.Errorf("request %+v", r)
		}
	})
}
