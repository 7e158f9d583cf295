package tftp

import (
	"sync"
	"sync/atomic"
)

// chunk is a piece of a file between the storage side and the network side.
// For a file that is sent, it holds whole DATA packets in a row, headers
// included, so that a block or a run of blocks is sent without a copy. For a
// file that is received, it holds payload.
type chunk struct {
	buf   []byte
	first uint64 // number of the first block (sending)
	count int    // blocks (sending)
	class int    // index in chunkClasses; -1: too large for the pool

	counted *atomic.Int64 // has the capacity until the chunk is returned; nil: not counted
}

// chunkClasses are the capacities in bytes. The more transfers run, the smaller
// their chunks.
var chunkClasses = [...]int{2 << 10, 4 << 10, 8 << 10, 16 << 10, largeChunk}

const largeChunk = 64 << 10 // bytes; only upload windows need larger chunks

// chunkPool reuses chunks.
type chunkPool struct {
	classes [len(chunkClasses)]sync.Pool
}

// get returns an empty chunk with room for at least size bytes.
func (p *chunkPool) get(size int) *chunk {
	for i, c := range chunkClasses {
		if size > c {
			continue
		}
		if v, ok := p.classes[i].Get().(*chunk); ok {
			return v
		}
		return &chunk{buf: make([]byte, 0, c), class: i}
	}
	return &chunk{buf: make([]byte, 0, size), class: -1}
}

func (p *chunkPool) put(c *chunk) {
	if c == nil {
		return
	}
	if c.counted != nil {
		c.counted.Add(-int64(cap(c.buf)))
	}
	if c.class < 0 {
		return
	}
	*c = chunk{buf: c.buf[:0], class: c.class}
	p.classes[c.class].Put(c)
}

// chunkSize returns the size of a chunk in bytes when n transfers run.
func chunkSize(n int) int {
	switch {
	case n <= 64:
		return largeChunk
	case n <= 1024:
		return 16 << 10
	}
	return 8 << 10
}
