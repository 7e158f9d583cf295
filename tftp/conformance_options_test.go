package tftp_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestOptions runs section C of the conformance cases: option negotiation (RFC
// 2347, 2348, 2349, 7440).
func TestOptions(t *testing.T) {
	t.Run("039 no options", func(t *testing.T) {
		m := &memory{}
		m.set("f", []byte("x"))
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		p.request(rrq("f", "octet"))
		p.expect(data(1, []byte("x")))
		p = w.peer()
		p.request(wrq("g", "octet"))
		p.expect(ack(0))
	})
	t.Run("055 timeout 1 to 255", testTimeoutOption)
	t.Run("057 tsize of a read is exact beyond 4 GiB", testLargeTSize)
	t.Run("060 tsize above what the handler takes", func(t *testing.T) {
		m := &memory{openErr: &tftp.Error{Code: tftp.CodeDiskFull, Message: "no room"}}
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		p.request(wrq("f", "octet", "tsize", "10000000000000"))
		if text := p.expectError(3); text != "no room" {
			t.Errorf("text %q", text)
		}
	})
	t.Run("062 fewer bytes than tsize", func(t *testing.T) {
		m := &memory{}
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		p.request(wrq("f", "octet", "tsize", "1000"))
		p.expect(oack("tsize", "1000"))
		p.store(content(1, 900), 512, 1, 2)
		p.send(data(2, content(1, 388)))
		p.expectError(0)
		w.stop()
		if _, ok := m.get("f"); ok || len(m.aborts()) != 1 {
			t.Errorf("stored %v, aborted %v", ok, m.aborts())
		}
	})
	t.Run("066 OACK lost", testLostOACK)
	t.Run("067 068 ACK 0 after OACK, once more", func(t *testing.T) {
		m := &memory{}
		m.set("f", content(1, 1500))
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		p.request(rrq("f", "octet", "blksize", "1000"))
		p.expect(oack("blksize", "1000"))
		p.send(ack(0))
		p.expect(data(1, content(1, 1500)[:1000]))
		p.send(ack(0))
		p.send(ack(1))
		p.expect(data(2, content(1, 1500)[1000:]))
	})
	t.Run("069 ERROR 8 after OACK", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", content(1, 1500))
			w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
			p := w.peer()
			p.request(rrq("f", "octet", "blksize", "1000"))
			p.expect(oack("blksize", "1000"))
			p.send(failure(8, "no"))
			p.silent(time.Minute)
			if e := w.events.done(t, 1); e.Err == nil {
				t.Error("the transfer counts as complete")
			}
		})
	})
	t.Run("071 DATA 1 answers the OACK of a write", func(t *testing.T) {
		w := onLoopback(t, &tftp.Server{Handler: &memory{}})
		p := w.peer()
		p.request(wrq("f", "octet", "blksize", "1000"))
		p.expect(oack("blksize", "1000"))
		p.send(data(1, []byte("x")))
		p.expect(ack(1))
	})
}

// TestNegotiation sends options with both kinds of request and checks the OACK.
func TestNegotiation(t *testing.T) {
	const huge = "99999999999999999999"
	cases := []struct {
		name   string
		asked  string // of both requests
		read   string // OACK; empty: none
		write  string
		limits *tftp.Server
	}{
		{"040 only unknown", "foo=bar", "", "", &tftp.Server{}},
		{"041 042 unknown and known", "foo=bar blksize=1024", "blksize=1024", "blksize=1024", &tftp.Server{}},
		{"043 names in any case", "BLKSIZE=1024 TSize=0", "blksize=1024 tsize=3000", "blksize=1024 tsize=0", &tftp.Server{}},
		{"049 blksize 8", "blksize=8", "blksize=8", "blksize=8", &tftp.Server{}},
		{"050 blksize 7", "blksize=7", "", "", &tftp.Server{}},
		{"050 blksize 0", "blksize=0", "", "", &tftp.Server{}},
		{"051 blksize 65464", "blksize=65464", "blksize=65464", "blksize=65464", &tftp.Server{}},
		{"051 blksize capped", "blksize=65464", "blksize=1468", "blksize=1468", &tftp.Server{MaxBlockSize: 1468}},
		{"052 blksize 65465", "blksize=65465", "blksize=65464", "blksize=65464", &tftp.Server{}},
		{"053 blksize -1", "blksize=-1", "", "", &tftp.Server{}},
		{"053 blksize abc", "blksize=abc", "", "", &tftp.Server{}},
		{"053 blksize 1024x", "blksize=1024x", "", "", &tftp.Server{}},
		{"053 blksize too long", "blksize=" + huge, "", "", &tftp.Server{}},
		{"053 blksize +12", "blksize=+12", "", "", &tftp.Server{}},
		{"053 blksize empty", "blksize=", "", "", &tftp.Server{}},
		{"054 never larger", "blksize=600", "blksize=600", "blksize=600", &tftp.Server{MaxBlockSize: 1468}},
		{"056 timeout 0", "timeout=0", "", "", &tftp.Server{}},
		{"056 timeout 256", "timeout=256", "", "", &tftp.Server{}},
		{"056 timeout x", "timeout=x blksize=100", "blksize=100", "blksize=100", &tftp.Server{}},
		{"055 timeout 255", "timeout=255", "timeout=255", "timeout=255", &tftp.Server{}},
		{"057 059 tsize", "tsize=0", "tsize=3000", "tsize=0", &tftp.Server{}},
		{"059 tsize of a write", "tsize=77", "tsize=3000", "tsize=77", &tftp.Server{}},
		{"059 tsize garbage", "tsize=-5", "", "", &tftp.Server{}},
		{"063 windowsize 1", "windowsize=1", "windowsize=1", "windowsize=1", &tftp.Server{}},
		{"064 windowsize 16", "windowsize=16", "windowsize=16", "windowsize=16", &tftp.Server{}},
		{"064 windowsize bounded by memory", "windowsize=65535 blksize=1000", "windowsize=10 blksize=1000", "windowsize=10 blksize=1000", &tftp.Server{WindowBytes: 10_500}},
		{"064 never less than one block", "windowsize=4 blksize=8192", "windowsize=1 blksize=8192", "windowsize=1 blksize=8192", &tftp.Server{WindowBytes: 4096}},
		{"065 windowsize 0", "windowsize=0", "", "", &tftp.Server{}},
		{"065 windowsize 65536", "windowsize=65536", "", "", &tftp.Server{}},
		{"065 windowsize x", "windowsize=x", "", "", &tftp.Server{}},
		{"082 rollover", "rollover=1", "", "rollover=1", &tftp.Server{}},
		{"an option twice", "blksize=100 blksize=200", "blksize=100", "blksize=100", &tftp.Server{}},
		{"070 refused by the operator", "blksize=1024 tsize=7", "tsize=3000", "tsize=7", &tftp.Server{Refuse: []string{"blksize"}}},
		{"order as asked", "tsize=9 windowsize=2 timeout=3 blksize=100", "tsize=3000 windowsize=2 timeout=3 blksize=100",
			"tsize=9 windowsize=2 timeout=3 blksize=100", &tftp.Server{}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := &memory{}
			m.set("f", content(1, 3000))
			s := c.limits
			s.Handler = m
			w := onLoopback(t, s)
			p := w.peer()
			p.request(rrq("f", "octet", pairs(c.asked)...))
			if c.read == "" {
				p.expect(data(1, content(1, 512)))
			} else {
				p.expect(oack(pairs(c.read)...))
			}
			p = w.peer()
			p.request(wrq("g", "octet", pairs(c.asked)...))
			if c.write == "" {
				p.expect(ack(0))
			} else {
				p.expect(oack(pairs(c.write)...))
			}
		})
	}
	t.Run("058 tsize of a netascii read", func(t *testing.T) {
		m := &memory{}
		m.set("f", []byte("a\nb"))
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		p.request(rrq("f", "netascii", "tsize", "0"))
		p.expect(data(1, []byte("a\r\nb")))
	})
}

// pairs splits "a=1 b=2" into names and values.
func pairs(s string) []string {
	var list []string
	for _, f := range strings.Fields(s) {
		name, value, _ := strings.Cut(f, "=")
		list = append(list, name, value)
	}
	return list
}

// testTimeoutOption checks that packets are repeated after the negotiated timeout.
// A peer that has not answered holds its transfer for a short time only.
func testTimeoutOption(t *testing.T) {
	for _, seconds := range []int{1, 5, 255} {
		synctest.Test(t, func(t *testing.T) {
			m := &memory{}
			m.set("f", []byte("x"))
			w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
			p := w.peer()
			value := fmt.Sprint(seconds)
			p.request(rrq("f", "octet", "timeout", value))
			p.expect(oack("timeout", value))
			if seconds <= 5 {
				p.repeatedAfter(oack("timeout", value), time.Duration(seconds)*time.Second)
			}
			p.send(ack(0))
			p.expect(data(1, []byte("x")))
			p.repeatedAfter(data(1, []byte("x")), time.Duration(seconds)*time.Second)
		})
	}
}

// repeatedAfter checks that a packet arrives after exactly this time.
func (p *peer) repeatedAfter(want []byte, after time.Duration) {
	p.t.Helper()
	start := time.Now()
	if got := p.recv(10 * time.Minute); !bytes.Equal(got, want) {
		p.t.Fatalf("got %s, want %s", show(got), show(want))
	}
	if waited := time.Since(start); waited != after {
		p.t.Errorf("%s was repeated after %v, want %v", show(want), waited, after)
	}
}

// testLostOACK loses the OACK twice, for both kinds of request.
func testLostOACK(t *testing.T) {
	for _, request := range [][]byte{rrq("f", "octet", "blksize", "1000"), wrq("g", "octet", "blksize", "1000")} {
		synctest.Test(t, func(t *testing.T) {
			lost := 0
			n := &tftptest.Network{Filter: func(p tftptest.Packet) tftptest.Verdict {
				if p.Data[1] == 6 && lost < 2 {
					lost++
					return tftptest.Drop
				}
				return tftptest.Pass
			}}
			m := &memory{}
			m.set("f", content(1, 1500))
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			p := w.peer()
			p.request(request)
			if got := p.recv(time.Minute); !bytes.Equal(got, oack("blksize", "1000")) {
				t.Fatalf("got %s", show(got))
			}
			synctest.Wait() // the packet may be here before the event of its sending
			if n := w.events.count(tftp.EventRetransmit); n != 2 {
				t.Errorf("%d retransmissions, want 2", n)
			}
		})
	}
}

// hole is a huge file of zeros.
type hole struct{ size int64 }

func (h hole) Size() int64 { return h.size }

func (hole) Close() error { return nil }

func (h hole) ReadAt(b []byte, off int64) (int, error) {
	n := int(min(int64(len(b)), h.size-off))
	clear(b[:n])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// testLargeTSize asks for sizes past 31 and 32 bits.
func testLargeTSize(t *testing.T) {
	for _, size := range []int64{0, 1<<31 + 7, 1<<32 + 7} {
		w := onLoopback(t, &tftp.Server{Handler: onlyRead{hole{size}}})
		p := w.peer()
		p.request(rrq("f", "octet", "tsize", "0"))
		p.expect(oack("tsize", fmt.Sprint(size)))
	}
}
