package tftp

import (
	"net/netip"
	"sync"
	"sync/atomic"
)

// budget divides the memory for the buffers of transfers. Small blocks need little:
// their chunks become smaller the more transfers run. Windows and large blocks
// reserve their memory before they are granted. A reservation gets at most a part of
// the free memory, so the next one gets some too, and a few greedy or stalled peers
// never keep others from being served.
type budget struct {
	total     int64 // bytes
	perSource int64 // bytes

	reserved atomic.Int64
	chunks   atomic.Int64 // bytes of the chunks that no reservation covers

	mu      sync.Mutex
	sources map[netip.Addr]int64
}

// smallTerms is the largest window in bytes that needs no reservation.
const smallTerms = 4096

// windowsHeld is the most that a session keeps in memory, in windows: the one that
// is not acknowledged, the next one, and one that is being loaded.
const windowsHeld = 3

func newBudget(total, perSource int) *budget {
	return &budget{total: int64(total), perSource: int64(perSource), sources: map[netip.Addr]int64{}}
}

// windowMemory returns what a transfer with these terms reserves, in bytes.
func (t terms) windowMemory() int64 {
	if n := t.window * (t.blockSize + headerSize); n > smallTerms {
		return windowsHeld * int64(n)
	}
	return 0
}

// share returns how much a transfer of this peer may reserve now. Windows may use
// three quarters of the memory: a transfer gets an eighth of the free part of that,
// and at most a quarter of the memory that its source may still use.
func (b *budget) share(peer netip.Addr) int64 {
	source := sourceOf(peer)
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(0, min((b.total*3/4-b.reserved.Load())/8, (b.perSource-b.sources[source])/4))
}

// fit lowers an offer to the memory that a transfer may use.
func (b *budget) fit(r *Request, o offer) offer {
	asked, _ := negotiate(r.Op, r.Options, o)
	peer := r.Remote.Addr()
	if share := b.share(peer); asked.windowMemory() > share {
		return o.limit(share, peer)
	}
	return o
}

// reserve adds n bytes to the reservations of a peer's source. A negative n returns
// them.
func (b *budget) reserve(peer netip.Addr, n int64) {
	source := sourceOf(peer)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reserved.Add(n)
	if b.sources[source] += n; b.sources[source] <= 0 {
		delete(b.sources, source)
	}
}

// limit lowers an offer to what fits into n bytes. Blocks that fit into one frame are
// always granted.
func (o offer) limit(n int64, peer netip.Addr) offer {
	each := int(n / windowsHeld)
	o.maxBlockSize = min(o.maxBlockSize, max(unfragmented(peer), each-headerSize))
	if each < smallTerms {
		each = smallTerms
	}
	o.windowBytes = min(o.windowBytes, each*9/10) // the headers need the rest
	return o
}

// lastPart makes chunks small when little memory is left: one takes at most this part of it.
const lastPart = 16

// chunkSize returns the size of a chunk in bytes when n transfers run. Each of them
// holds two, seldom three. But transfers that began when there were fewer hold larger
// chunks, so what they have left counts too.
func (b *budget) chunkSize(n int) int {
	free := b.total - b.reserved.Load()
	most := min(free/int64(2*max(n, 1)), (free-b.chunks.Load())/lastPart)
	size := chunkSize(n)
	for i := len(chunkClasses) - 1; i > 0 && int64(size) > most; i-- {
		size = min(size, chunkClasses[i-1])
	}
	return size
}

// count counts a chunk until it is returned.
func (b *budget) count(c *chunk) {
	c.counted = &b.chunks
	b.chunks.Add(int64(cap(c.buf)))
}
