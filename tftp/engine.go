package tftp

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// engine is one run of Serve.
type engine struct {
	*Server
	limits      limits
	budget      *budget
	storage     *storage
	conn        net.PacketConn // the listening socket
	ports       *ports
	running     *transfers
	blockLimits *blockLimits
	gate        gate
	watchers    sync.WaitGroup // of the loops' timers
	failed      chan error
	over        chan struct{}
	stopping    atomic.Bool
	returned    chan struct{} // closed when Serve returns
	abort       func()        // ends all transfers
}

func newEngine(ctx context.Context, s *Server, c net.PacketConn) *engine {
	e := &engine{
		Server:      s,
		conn:        c,
		storage:     newStorage(ctx, s.Handler, s.Storage),
		budget:      newBudget(s.BufferBytes, s.BufferPerSource),
		running:     newTransfers(s.MaxTransfers, s.PerSource),
		blockLimits: &blockLimits{largest: s.MaxBlockSize, until: map[netip.Addr]time.Time{}},
		failed:      make(chan error, 1),
		over:        make(chan struct{}),
		returned:    make(chan struct{}),
	}
	e.limits = limits{
		offer:   offer{maxBlockSize: s.MaxBlockSize, windowBytes: s.WindowBytes, refuse: s.Refuse},
		timeout: s.Timeout, retries: s.Retries, idle: s.IdleTimeout,
		chunks: &chunkPool{},
	}
	e.ports = newPorts(e)
	e.gate = gate{allow: s.Allow, local: e.ports.local.Port(), log: s.Log, running: e.running, logs: bucket{rate: 1, burst: 5}}
	return e
}

func (e *engine) start() {
	for _, l := range e.ports.loops {
		e.watchers.Go(l.watch)
	}
	e.ports.reader.start()
	if _, shared := e.ports.listener.link.(*socket); !shared {
		e.watchers.Go(e.watchListener)
	}
}

// watchListener ends Serve when the caller closes the listening socket, of which
// the reader has a duplicate.
func (e *engine) watchListener() {
	raw, err := e.conn.(syscall.Conn).SyscallConn()
	if err == nil {
		err = raw.Read(func(uintptr) bool { return e.stopping.Load() })
	}
	if errors.Is(err, net.ErrClosed) {
		e.fail(fmt.Errorf("the listening socket: %w", err))
	}
}

// visit returns when the reader has begun another round, and every lock was free once.
func (e *engine) visit() {
	if round := e.ports.reader.round(); round != nil {
		<-round
	}
	for _, l := range append(e.ports.ownLoops(), e.ports.loops...) {
		l.visit()
	}
}

// dally waits, after the last transfer, as long as the peer of an upload may still
// repeat its last DATA because the final ACK was lost (RFC 1350 section 6).
func (e *engine) dally(ctx context.Context) {
	end := time.Now()
	for _, l := range e.ports.loops {
		if last := l.lastUpload().Add(shutdownWait); last.After(end) {
			end = last
		}
	}
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// fail ends Serve with an error.
func (e *engine) fail(err error) {
	select {
	case e.failed <- err:
	default:
	}
}

// stop ends everything, in an order that loses nothing: new requests, running
// transfers, files, sockets.
func (e *engine) stop() {
	e.stopping.Store(true)
	for _, l := range append(e.ports.ownLoops(), e.ports.loops...) {
		l.stop()
	}
	e.storage.close()
	close(e.over)
	e.ports.reader.stop()
	e.conn.SetReadDeadline(time.Unix(1, 0)) // ends watchListener
	e.watchers.Wait()
	e.conn.SetReadDeadline(time.Time{})
	e.ports.close()
}

func (e *engine) observe(ev Event) {
	if e.Observe != nil {
		e.Observe(ev)
	}
}

// chunkSize returns the size of a chunk at the present load, in bytes.
func (e *engine) chunkSize() int { return e.budget.chunkSize(int(e.running.active.Load())) }
