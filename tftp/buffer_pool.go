package tftp

import "sync"

// chunk is a piece of a file between the storage side and the network side.
// Of a file that is sent it holds whole DATA packets one behind the other,
// headers included, so that a block, or a run of blocks, leaves without a copy.
// Of a file that is received it holds payload.
type chunk struct {
	buf   []byte
	first uint64 // number of the first block (sending)
	count int    // blocks (sending)
	class int    // of chunkClasses; -1: too large to be kept
}

// chunkClasses are the capacities in use, in bytes. The more transfers run, the
// smaller their chunks.
var chunkClasses = [...]int{8 << 10, 16 << 10, largeChunk}

const largeChunk = 64 << 10 // bytes; beyond it are only the windows of uploads

// chunkPool lends chunks.
type chunkPool struct {
	classes [len(chunkClasses)]sync.Pool
}

// get lends a chunk of at least size bytes: its buf is empty.
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
	if c == nil || c.class < 0 {
		return
	}
	*c = chunk{buf: c.buf[:0], class: c.class}
	p.classes[c.class].Put(c)
}

// chunkSize is how many bytes a chunk should have when n transfers run.
func chunkSize(n int) int {
	switch {
	case n <= 64:
		return largeChunk
	case n <= 1024:
		return chunkClasses[1]
	}
	return chunkClasses[0]
}
