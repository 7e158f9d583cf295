package tftp

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestGoldenPackets holds every kind of packet as RFC 1350 section 5 and RFC
// 2347 draw them.
func TestGoldenPackets(t *testing.T) {
	data := []byte("\x00\x00\x00\x00abc")
	putDataHeader(data, 258)
	for _, c := range []struct {
		name      string
		got, want string
	}{
		{"RRQ", string(appendRequest(nil, wireRequest{Read, "c3750.bin", "octet", nil})), "\x00\x01c3750.bin\x00octet\x00"},
		{"WRQ with options", string(appendRequest(nil, wireRequest{Write, "f", "netascii", []Option{{"blksize", "1468"}, {"tsize", "9"}}})),
			"\x00\x02f\x00netascii\x00blksize\x001468\x00tsize\x009\x00"},
		{"DATA", string(data), "\x00\x03\x01\x02abc"},
		{"ACK", string(appendACK(nil, 65535)), "\x00\x04\xff\xff"},
		{"ERROR", string(appendError(nil, &Error{CodeDiskFull, "disk full"})), "\x00\x05\x00\x03disk full\x00"},
		{"OACK", string(appendOACK(nil, []Option{{"blksize", "1468"}})), "\x00\x06blksize\x001468\x00"},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
	if b := appendError(nil, &Error{CodeUndefined, strings.Repeat("x", 2000)}); len(b) > 512 {
		t.Errorf("an ERROR of %d bytes", len(b))
	}
}

func TestParsePacket(t *testing.T) {
	for _, c := range []struct {
		b    string
		want packet
		ok   bool
	}{
		{"\x00\x03\x01\x02abc", packet{opData, 258, []byte("abc")}, true},
		{"\x00\x03\x01\x02", packet{opData, 258, []byte{}}, true},
		{"\x00\x04\x00\x00", packet{opACK, 0, []byte{}}, true},
		{"\x00\x05\x00\x08no\x00", packet{opError, 8, []byte("no\x00")}, true},
		{"\x00\x05\x00\x08", packet{opError, 8, []byte{}}, true},
		{"\x00\x06a\x00b\x00", packet{opOACK, 0, []byte("a\x00b\x00")}, true},
		{"\x00\x04\x00", packet{}, false},
		{"\x00\x05", packet{}, false},
		{"\x00", packet{}, false},
		{"", packet{}, false},
		{"\x00\x01f\x00octet\x00", packet{}, false},
		{"\x04\x00\x00\x01", packet{}, false},
	} {
		got, err := parsePacket([]byte(c.b))
		if (err == nil) != c.ok || !cmp.Equal(got, c.want, cmp.AllowUnexported(packet{})) {
			t.Errorf("%q: %+v, %v", c.b, got, err)
		}
	}
	p, _ := parsePacket([]byte("\x00\x05\x00\x01no such\x00junk"))
	if e := p.err(); *e != (Error{CodeNotFound, "no such"}) {
		t.Errorf("ERROR: %+v", e)
	}
}

func TestParsingDoesNotAllocate(t *testing.T) {
	b, out := make([]byte, 516), make([]byte, 0, 4)
	putDataHeader(b, 7)
	if n := testing.AllocsPerRun(100, func() {
		p, err := parsePacket(b)
		if err != nil {
			t.Fatal(err)
		}
		appendACK(out[:0], p.block)
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// FuzzParsePacket wants no panic, and of a request that parses: print and parse
// give the same.
func FuzzParsePacket(f *testing.F) {
	for _, s := range []string{"", "\x00\x01f\x00octet\x00", "\x00\x02f\x00mail\x00blksize\x00", "\x00\x03\x00\x01x", "\x00\x05\x00\x01no", "\x00\x06a\x00b\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parsePacket(b); err == nil {
			p.err()
			if list, err := p.options(); err == nil && len(list) > maxOptions {
				t.Errorf("%d options", len(list))
			}
		}
		if len(b) < 2 {
			return
		}
		r, err := parseRequest(b)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || e.Code != CodeIllegal {
				t.Errorf("error %v is none to answer with", err)
			}
			return
		}
		printed := appendRequest(nil, r)
		again, err := parseRequest(printed)
		if err != nil || !cmp.Equal(r, again, cmp.AllowUnexported(wireRequest{})) {
			t.Errorf("%+v printed as %q is %+v, %v", r, printed, again, err)
		}
		if !bytes.HasPrefix(b, printed) {
			t.Errorf("%q was read as %q", b, printed)
		}
		negotiate(r.op, r.options, offer{maxBlockSize: 1468, windowBytes: 1 << 20, tsize: 5})
	})
}
