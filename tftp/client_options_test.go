package tftp_test

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestClientDallies loses the last ACK of a Get. Only a Client that dallies sends it
// again.
func TestClientDallies(t *testing.T) {
	for _, dally := range []time.Duration{0, 10 * time.Second} {
		synctest.Test(t, func(t *testing.T) {
			lost := false
			n := &tftptest.Network{Filter: func(p tftptest.Packet) tftptest.Verdict {
				if p.Data[1] == 4 && p.Data[3] == 2 && !lost {
					lost = true
					return tftptest.Drop
				}
				return tftptest.Pass
			}}
			m := &memory{}
			m.set("f", content(1, 700))
			w := inBubble(t, &tftp.Server{Handler: m}, n)
			c := w.client()
			c.Dally = dally
			var got bytes.Buffer
			if _, err := c.Get(t.Context(), w.server, "f", &got); err != nil || !bytes.Equal(got.Bytes(), content(1, 700)) {
				t.Errorf("got %d bytes, %v", got.Len(), err)
			}
			time.Sleep(2 * time.Minute) // the server gives up
			if e := w.events.done(t, 1); (e.Err == nil) != (dally > 0) {
				t.Errorf("dally %v: the server saw %v", dally, e.Err)
			}
		})
	}
}

// TestClientProgress checks what Progress is called with, for both directions.
func TestClientProgress(t *testing.T) {
	m := &memory{}
	at := serve(t, &tftp.Server{Handler: m})
	type call struct{ done, size int64 }
	for _, tsize := range []bool{false, true} {
		var calls []call
		c := tftp.Client{TSize: tsize, Progress: func(done, size int64) { calls = append(calls, call{done, size}) }}
		if _, err := c.Put(t.Context(), at, "f", bytes.NewReader(content(1, 1100)), 1100); err != nil {
			t.Fatal(err)
		}
		if len(calls) != 3 || calls[0] != (call{512, 1100}) || calls[2] != (call{1100, 1100}) {
			t.Errorf("put: %v", calls)
		}
		calls = nil
		if _, err := c.Get(t.Context(), at, "f", &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		want := int64(-1)
		if tsize {
			want = 1100
		}
		if len(calls) < 3 || calls[0] != (call{512, want}) || calls[len(calls)-1] != (call{1100, want}) {
			t.Errorf("get, tsize %v: %v", tsize, calls)
		}
	}
}

// TestClientChecksItself has fields and names that no request can express. Nothing is sent.
func TestClientChecksItself(t *testing.T) {
	listen := func(netip.AddrPort) (net.PacketConn, error) {
		return nil, errors.New("the request is sent")
	}
	for _, c := range []struct {
		client tftp.Client
		name   string
	}{
		{tftp.Client{}, ""},
		{tftp.Client{}, "f\x00netascii\x00"},
		{tftp.Client{BlockSize: 7}, "f"},
		{tftp.Client{BlockSize: 65465}, "f"},
		{tftp.Client{Window: -1}, "f"},
		{tftp.Client{Window: 16385}, "f"},
		{tftp.Client{ServerTimeout: 500 * time.Millisecond}, "f"},
		{tftp.Client{ServerTimeout: 256 * time.Second}, "f"},
	} {
		c.client.Listen = listen
		server := netip.MustParseAddrPort("127.0.0.1:69")
		_, get := c.client.Get(t.Context(), server, c.name, &bytes.Buffer{})
		_, put := c.client.Put(t.Context(), server, c.name, &bytes.Buffer{}, 0)
		for _, err := range []error{get, put} {
			if err == nil || strings.Contains(err.Error(), "is sent") {
				t.Errorf("%q, %+v: %v", c.name, c.client, err)
			}
		}
	}
}

// TestServerTimeout asks for a timeout and leaves the first DATA unanswered.
func TestServerTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sent []time.Time
		n := &tftptest.Network{Filter: func(p tftptest.Packet) tftptest.Verdict {
			if p.Data[1] == 3 {
				if sent = append(sent, time.Now()); len(sent) == 1 {
					return tftptest.Drop
				}
			}
			return tftptest.Pass
		}}
		m := &memory{}
		m.set("f", []byte("x"))
		w := inBubble(t, &tftp.Server{Handler: m}, n)
		c := w.client()
		c.ServerTimeout, c.Timeout = 7*time.Second, time.Minute
		if _, err := c.Get(t.Context(), w.server, "f", &bytes.Buffer{}); err != nil {
			t.Fatal(err)
		}
		if len(sent) != 2 || sent[1].Sub(sent[0]) != 7*time.Second {
			t.Errorf("DATA 1 was sent at %v", sent)
		}
	})
}
