package tftp

import "testing"

// TestChunksAreLargeEnough takes chunks of all sizes again and again: each has the
// requested size, whatever was returned before.
func TestChunksAreLargeEnough(t *testing.T) {
	var p chunkPool
	sizes := []int{1, 2 << 10, 2<<10 + 1, 8 << 10, 8<<10 + 1, largeChunk, largeChunk + 1}
	for range 10 {
		for _, put := range sizes {
			for _, size := range sizes {
				p.put(p.get(put))
				if c := p.get(size); len(c.buf) != 0 || cap(c.buf) < size || size <= largeChunk && cap(c.buf) >= 4*max(size, 2<<10) {
					t.Fatalf("after a chunk for %d bytes, one for %d has %d bytes and room for %d", put, size, len(c.buf), cap(c.buf))
				}
			}
		}
	}
}
