package tftp

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

func TestNetascii(t *testing.T) {
	for local, wire := range map[string]string{
		"":         "",
		"abc":      "abc",
		"a\nb":     "a\r\nb",
		"a\rb":     "a\r\x00b",
		"\r\n":     "\r\x00\r\n",
		"\n\n\r":   "\r\n\r\n\r\x00",
		"end\n":    "end\r\n",
		"\x00\xff": "\x00\xff",
	} {
		var e netasciiEncoder
		dst := make([]byte, 100)
		n, used := e.encode(dst, []byte(local))
		if string(dst[:n]) != wire || used != len(local) {
			t.Errorf("%q encoded as %q (%d bytes used), want %q", local, dst[:n], used, wire)
		}
		var d netasciiDecoder
		if got := d.finish(d.decode(nil, []byte(wire))); string(got) != local {
			t.Errorf("%q decoded as %q, want %q", wire, got, local)
		}
	}
}

// TestNetasciiInPieces cuts the text at random places; the result must be the same.
func TestNetasciiInPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		local := []byte(rapid.StringOf(rapid.SampledFrom([]rune("ab\r\n\x00"))).Draw(t, "local"))
		var e netasciiEncoder
		var d netasciiDecoder
		var back []byte
		for rest, done := local, false; !done; {
			piece := rest[:rapid.IntRange(0, len(rest)).Draw(t, "piece")]
			dst := make([]byte, rapid.IntRange(1, 5).Draw(t, "room"))
			n, used := e.encode(dst, piece)
			rest = rest[used:]
			back = d.decode(back, dst[:n])
			done = len(rest) == 0 && !e.has
		}
		if back = d.finish(back); !bytes.Equal(back, local) {
			t.Fatalf("%q came back as %q", local, back)
		}
	})
}
