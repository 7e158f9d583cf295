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

// TestChunksShareTheMemory has more and more transfers, each with two chunks. Those that
// began first hold large ones; together they hold little more than there is.
func TestChunksShareTheMemory(t *testing.T) {
	const memory, transfers = 1 << 20, 1000
	b, held := newBudget(memory, memory), []*chunk{}
	var p chunkPool
	for n := 1; n <= transfers; n++ {
		for range 2 {
			c := p.get(b.chunkSize(n))
			b.count(c)
			held = append(held, c)
		}
	}
	if used := b.chunks.Load(); used > memory+transfers*2*int64(chunkClasses[0]) {
		t.Errorf("%d transfers hold %d KB of %d KB", transfers, used>>10, memory>>10)
	}
	for _, c := range held {
		p.put(c)
	}
	if left := b.chunks.Load(); left != 0 {
		t.Errorf("after all chunks were returned, %d bytes are still in use", left)
	}
}
