package iossim

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

// Every part of a file is the same in each way of reading it.
func TestContentReadsTheSameAnywhere(t *testing.T) {
	t.Parallel()
	c := madeContent("x", 100_003, func(*content) []part {
		return []part{{0, []byte("head")}, {99_998, []byte("tail.")}, {500, []byte("middle")}}
	})
	whole, err := c.all()
	if err != nil || len(whole) != 100_003 {
		t.Fatalf("read %d bytes: %v", len(whole), err)
	}
	if !bytes.HasPrefix(whole, []byte("head")) || !bytes.HasSuffix(whole, []byte("tail.")) || string(whole[500:506]) != "middle" {
		t.Error("the given parts are not in their places")
	}
	words := map[string]bool{}
	for i := 512; i+8 < len(whole); i += 8 {
		words[string(whole[i:i+8])] = true
	}
	if len(words) != (len(whole)-512)/8 {
		t.Errorf("%d different words of %d: the bytes repeat", len(words), (len(whole)-512)/8)
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		off := r.Int64N(c.size)
		p := make([]byte, r.IntN(700))
		n, err := c.ReadAt(p, off)
		if want := min(int64(len(p)), c.size-off); int64(n) != want || n < len(p) && err != io.EOF {
			t.Fatalf("read %d at %d: %d bytes, %v", len(p), off, n, err)
		}
		if !bytes.Equal(p[:n], whole[off:off+int64(n)]) {
			t.Fatalf("%d bytes at %d differ", n, off)
		}
	}
	if again, _ := madeContent("x", 100_003, c.lay).all(); !bytes.Equal(again, whole) {
		t.Error("the same name gave other bytes")
	}
	if other, _ := madeContent("y", 100_003, c.lay).all(); bytes.Equal(other, whole) {
		t.Error("another name gave the same bytes")
	}
	if _, err := c.ReadAt(nil, -1); err == nil {
		t.Error("read before the beginning")
	}
}

func BenchmarkContent(b *testing.B) {
	c := madeContent("x", 1<<30, nil)
	p := make([]byte, 64<<10)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		c.ReadAt(p, 12345)
	}
}

func BenchmarkImageHeaders(b *testing.B) {
	im := ClassicImage{Family: "C3750", Features: "IPSERVICESK9", Version: "15.0(2)SE8"}
	for b.Loop() {
		c := im.content(18286080)
		c.ReadAt(make([]byte, 1), 0)
	}
}
