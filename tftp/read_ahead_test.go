package tftp

import "testing"

// TestReadAhead reads in lockstep and looks at the memory whenever the next chunk
// is loaded: few blocks, but enough for the time that loading takes. Before the peer has
// answered, there is one small chunk.
func TestReadAhead(t *testing.T) {
	m := newMachine(t, &fakeHandler{size: 512 << 10}, Read)
	m.finishJob() // the Handler permits it
	if n := cap(m.job.chunk.buf); n > firstChunk {
		t.Errorf("%d bytes are loaded for a peer that has not answered", n)
	}
	m.finishJob()
	const quarter = largeChunk / (512 + headerSize) / 4
	loads := 0
	for n := uint16(1); m.ends == 0; n++ {
		m.packet(appendACK(nil, n))
		if len(m.sent) != 1 && m.ends == 0 {
			t.Fatalf("%d packets after ACK %d", len(m.sent), n)
		}
		if m.job == nil || m.job.kind != jobRead {
			continue
		}
		left := int(m.s.down.next - 1 - m.s.down.acked)
		if n > 1 && (left < quarter-1 || left > quarter+1) {
			t.Errorf("after ACK %d the next chunk is loaded when %d blocks are left, want %d", n, left, quarter)
		}
		loads++
		m.finishJob()
	}
	if loads < 512/64 || loads > 512/64+2 {
		t.Errorf("%d chunks were loaded for 512 KB", loads)
	}
}

// TestManyReads reads while 1000 transfers run: their chunks are small, and together they
// need 5 MB.
func TestManyReads(t *testing.T) {
	m := newMachine(t, &fakeHandler{size: 512 << 10}, Read)
	m.finishJob()
	m.finishJob()
	m.packet(appendACK(nil, 1))
	m.e.running.active.Store(1000)
	if size, ahead := m.s.down.nextChunk(); size*(100+100*ahead/(size/516))/100 > 5<<10 {
		t.Errorf("a read has chunks of %d bytes, and the next one is loaded when %d blocks are left", size, ahead)
	}
}
