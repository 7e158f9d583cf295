package tftp_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/tftp"
	"flashwarden/tftp/tftptest"
)

// TestOptionsOfHPA has the options that only tftp-hpa knows, and its answers.
func TestOptionsOfHPA(t *testing.T) {
	for _, c := range []struct {
		op    string
		asked string
		want  string // of the OACK; empty: none
	}{
		{"get", "blksize2 1468", "blksize2 1024"},
		{"get", "blksize2 1024", "blksize2 1024"},
		{"get", "blksize2 8", "blksize2 8"},
		{"get", "blksize2 7", ""},
		{"get", "blksize2 99999", "blksize2 32768"},
		{"get", "BLKSIZE2 600", "blksize2 512"},
		{"get", "blksize 1000 blksize2 2048", "blksize 1000"},
		{"get", "blksize2 2048 blksize 1000", "blksize2 2048"},
		{"get", "utimeout 10000", "utimeout 10000"},
		{"get", "utimeout 9999", ""},
		{"get", "utimeout 255000000", "utimeout 255000000"},
		{"get", "utimeout 255000001", ""},
		{"get", "rollover 0", "rollover 0"},
		{"get", "rollover 1", ""}, // we send 0 after 65535
		{"put", "rollover 0", "rollover 0"},
		{"put", "rollover 1", "rollover 1"},
		{"put", "rollover 2", ""},
		{"put", "rollover 1 windowsize 4", "windowsize 4"}, // ambiguous in a window
		{"put", "windowsize 1 rollover 1", "windowsize 1 rollover 1"},
		{"put", "rollover 0 windowsize 4", "rollover 0 windowsize 4"},
		{"put", "blksize2 1468 tsize 5", "blksize2 1024 tsize 5"},
	} {
		m := &memory{}
		m.set("f", []byte("x"))
		w := onLoopback(t, &tftp.Server{Handler: m})
		p := w.peer()
		request, plain := rrq, data(1, []byte("x"))
		if c.op == "put" {
			request, plain = wrq, ack(0)
		}
		p.request(request("f", "octet", strings.Fields(c.asked)...))
		if c.want != "" {
			plain = oack(strings.Fields(c.want)...)
		}
		if got := p.next(); string(got) != string(plain) {
			t.Errorf("%s with %s: got %s, want %s", c.op, c.asked, show(got), show(plain))
		}
		p.send(failure(0, "enough"))
		w.stop()
	}
}

// TestBlockSize2 moves blocks of the size that blksize2 gave.
func TestBlockSize2(t *testing.T) {
	m := &memory{}
	body := content(1, 5000)
	m.set("f", body)
	w := onLoopback(t, &tftp.Server{Handler: m, MaxBlockSize: 2000})
	p := w.peer()
	p.request(rrq("f", "octet", "blksize2", "4096"))
	p.expect(oack("blksize2", "1024"))
	p.send(ack(0))
	if got := p.fetch(1024); string(got) != string(body) {
		t.Errorf("got %d bytes", len(got))
	}
}

// TestRefusedTSize: a size that came with a refused option does not count.
func TestRefusedTSize(t *testing.T) {
	m := &memory{}
	w := onLoopback(t, &tftp.Server{Handler: m, Refuse: []string{"tsize"}})
	p := w.peer()
	p.request(wrq("f", "octet", "tsize", "1000"))
	p.expect(ack(0))
	p.store(content(1, 900), 512, 1, 3)
	w.stop()
	if got, ok := m.get("f"); !ok || len(got) != 900 {
		t.Errorf("stored %d bytes, %v", len(got), ok)
	}
}

// TestUTimeout: the unit of utimeout is the microsecond.
func TestUTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.set("f", []byte("x"))
		w := inBubble(t, &tftp.Server{Handler: m}, &tftptest.Network{})
		p := w.peer()
		p.request(rrq("f", "octet", "utimeout", "300000"))
		p.expect(oack("utimeout", "300000"))
		p.silent(300*time.Millisecond - time.Microsecond)
		if got := p.recv(2 * time.Microsecond); !bytes.Equal(got, oack("utimeout", "300000")) {
			t.Errorf("after 300 ms: got %s, want the OACK again", show(got))
		}
	})
}
