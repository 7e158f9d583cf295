package tftp_test

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestRequests runs section A of the conformance cases. The cases that need a
// directory of files are in TestDirectory.
func TestRequests(t *testing.T) {
	reads := map[string]int{
		"001 small file":          100,
		"002 multiple of blksize": 1024,
		"003 empty file":          0,
	}
	for name, n := range reads {
		t.Run(name, func(t *testing.T) {
			body := content(1, n)
			m := &memory{}
			m.set("f", body)
			w := onLoopback(t, &tftp.Server{Handler: m})
			p := w.peer()
			p.request(rrq("f", "octet"))
			if got := p.fetch(512); !bytes.Equal(got, body) {
				t.Errorf("got %d bytes, want %d", len(got), n)
			}
			if p.to == p.port {
				t.Error("DATA came from the listening port")
			}
			if e := w.events.done(t, 1); e.Err != nil || e.Bytes != int64(n) {
				t.Errorf("ended with %v after %d bytes", e.Err, e.Bytes)
			}
		})
	}
	t.Run("004 mode in any case", func(t *testing.T) {
		p, _ := asking(t)
		p.request(rrq("f", "OcTeT"))
		p.expect(data(1, []byte("a\nb")))
		p, _ = asking(t)
		p.request(rrq("f", "NETASCII"))
		p.expect(data(1, []byte("a\r\nb")))
	})
	refused := map[string]struct {
		code byte
		b    []byte
	}{
		"005 mode mail":                   {4, rrq("f", "mail")},
		"005 mode mail, write":            {4, wrq("f", "mail")},
		"006 unknown mode":                {4, rrq("f", "bogus")},
		"007 mode missing":                {4, []byte("\x00\x01f\x00")},
		"008 mode does not end":           {4, []byte("\x00\x01f\x00octet")},
		"008 name does not end":           {4, []byte("\x00\x02f")},
		"009 opcode alone":                {4, []byte("\x00\x01")},
		"010 empty file name":             {4, rrq("", "octet")},
		"010 empty file name, write":      {4, wrq("", "octet")},
		"011 missing file":                {1, rrq("nope", "octet")},
		"015 option without value":        {4, rrq("f", "octet", "blksize")},
		"015 option value does not end":   {4, bytes.TrimSuffix(rrq("f", "octet", "blksize", "1024"), []byte{0})},
		"015 more options than are taken": {4, rrq("f", "octet", strings.Fields(strings.Repeat("a b ", 100))...)},
		"015 more bytes than are taken":   {4, rrq("f", "octet", "padding", strings.Repeat("x", 2048))},
	}
	for name, c := range refused {
		t.Run(name, func(t *testing.T) {
			p, w := asking(t)
			p.request(c.b)
			p.expectError(uint16(c.code))
			p.send(failure(0, "oh"))
			p.silent(20 * time.Millisecond)
			if n := w.events.count(tftp.EventRequest); n != 0 {
				t.Error("a session was opened")
			}
		})
	}
	t.Run("015 a long request that can be parsed", func(t *testing.T) {
		p, _ := asking(t)
		p.request(rrq("f", "octet", "padding", strings.Repeat("x", 2000), "blksize", "9"))
		p.expect(oack("blksize", "9"))
	})
	t.Run("015 padded with zeros", func(t *testing.T) {
		p, _ := asking(t)
		p.request(append(rrq("f", "octet", "blksize", "9"), make([]byte, 300)...))
		p.expect(oack("blksize", "9"))
	})
	ignored := map[string][]byte{
		"021 opcode 0":            {0, 0, 'f', 0},
		"021 opcode 9":            {0, 9, 'f', 0, 'o', 'c', 't', 'e', 't', 0},
		"021 opcode byte-swapped": append([]byte{1, 0}, rrq("f", "octet")[2:]...),
		"021 one byte":            {0},
		"021 nothing":             {},
		"022 DATA":                data(1, []byte("x")),
		"022 ACK":                 ack(1),
		"022 OACK":                oack("blksize", "8"),
		"023 ERROR":               failure(4, "illegal"),
	}
	for name, b := range ignored {
		t.Run(name, func(t *testing.T) {
			p, _ := asking(t)
			p.request(b)
			p.request(rrq("f", "octet")) // the first answer is to this
			p.expect(data(1, []byte("a\nb")))
		})
	}
	t.Run("024 ERROR on the TID", func(t *testing.T) {
		p, w := asking(t)
		p.request(rrq("f", "octet"))
		p.expect(data(1, []byte("a\nb")))
		p.send(failure(4, "illegal"))
		w.events.done(t, 1)
		p.send(failure(4, "illegal"))
		p.silent(20 * time.Millisecond)
	})
	t.Run("025 service ports", testServicePorts)
	t.Run("026 broadcast", testBroadcast)
	t.Run("028 allow list", func(t *testing.T) {
		m := &memory{}
		m.set("f", []byte("x"))
		w := onLoopback(t, &tftp.Server{Handler: m, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.5/32")}})
		p := w.peer()
		p.request(rrq("f", "octet"))
		p.request(wrq("f", "octet"))
		p.silent(50 * time.Millisecond)
		p = w.peerAt(netip.MustParseAddrPort("127.0.0.5:0"))
		p.request(rrq("f", "octet"))
		p.expect(data(1, []byte("x")))
		if m.opens() != 1 {
			t.Errorf("the handler was asked %d times", m.opens())
		}
	})
}

// asking returns a peer of a Server with one file.
func asking(t *testing.T) (*peer, *world) {
	t.Helper()
	m := &memory{}
	m.set("f", []byte("a\nb"))
	w := onLoopback(t, &tftp.Server{Handler: m})
	return w.peer(), w
}
