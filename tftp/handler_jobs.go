package tftp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// jobKind is a task of the storage side for a session.
type jobKind uint8

const (
	noJob     jobKind = iota
	jobOpen           // ask the Handler
	jobRead           // load the next chunk
	jobWrite          // write a chunk
	jobCommit         // write the last chunk, then Commit
	jobEnd            // Abort or Close: the last job of a session
)

// job is one call into a Handler, Reader or Writer. A session has at most one job
// at a time, which keeps the calls in order.
type job struct {
	kind  jobKind
	s     *session
	chunk *chunk // jobRead: empty, to be filled; jobWrite, jobCommit: payload
	err   error  // jobEnd: why
}

// result is the outcome of a job.
type result struct {
	kind  jobKind
	chunk *chunk
	tail  int // jobRead: payload of the final block in bytes; -1: more blocks follow
	err   error
}

// storage runs jobs on goroutines. Slow work must not delay quick work, so it has
// three pools: for reads, for writes, and for Commit, which waits for the disk.
type storage struct {
	ctx     context.Context
	handler Handler
	pools   [3]pool
	pending atomic.Int64 // queued and running jobs
}

// The pools of a storage.
const (
	readPool = iota
	writePool
	commitPool
)

func newStorage(ctx context.Context, h Handler, limit int) *storage {
	st := &storage{ctx: ctx, handler: h}
	for i := range st.pools {
		st.pools[i].limit = limit
		st.pools[i].wake.L = &st.pools[i].mu
	}
	return st
}

// poolOf returns the pool of a job.
func (st *storage) poolOf(j job) *pool {
	switch {
	case j.kind == jobCommit:
		return &st.pools[commitPool]
	case j.s.req.Op == Write:
		return &st.pools[writePool]
	}
	return &st.pools[readPool]
}

// submit queues a job. It never blocks.
func (st *storage) submit(j job) {
	st.pending.Add(1)
	st.queue(j)
}

func (st *storage) queue(j job) {
	p := st.poolOf(j)
	if p.push(j) {
		p.wg.Go(func() { st.work(p, job{}) })
	}
}

// work is the goroutine of a worker. follow is its first job, if it has a kind.
func (st *storage) work(p *pool, follow job) {
	for {
		j, ok := p.next(follow)
		if !ok {
			return
		}
		follow = st.do(p, j)
	}
}

// do does a job and returns the next one of the same session for this worker. If the
// Handler ends the goroutine with runtime.Goexit, do never returns: the transfer
// fails, and another worker takes the place of this one.
func (st *storage) do(p *pool, j job) (follow job) {
	exited := true
	defer func() {
		if exited {
			follow = st.done(p, j, result{kind: j.kind, chunk: j.chunk, tail: -1, err: errExited})
			p.wg.Go(func() { st.work(p, follow) })
		}
	}()
	r := j.s.file.perform(st.handler, j)
	exited = false
	return st.done(p, j, r)
}

var errExited = errors.New("the handler called runtime.Goexit")

// done passes the result of a job to its session. It returns the next job of the
// session, or queues it if it belongs to another pool.
func (st *storage) done(p *pool, j job, r result) (follow job) {
	follow = j.s.loop.complete(j.s, r)
	switch {
	case follow.kind == noJob:
		st.pending.Add(-1)
	case st.poolOf(follow) != p:
		st.queue(follow)
		return job{}
	}
	return follow
}

// close waits until every job is done. The pools close in their order, because the
// job that follows another one runs in the same or in a later pool.
func (st *storage) close() {
	for i := range st.pools {
		st.pools[i].close()
		st.pools[i].wg.Wait()
	}
}

// pool is a queue of jobs with a limited number of goroutines, which are started on
// demand. The queue has at most one job of each session.
type pool struct {
	limit int
	wg    sync.WaitGroup

	mu      sync.Mutex
	wake    sync.Cond
	queue   jobQueue
	workers int
	idle    int // workers that wait and were not woken yet
	closed  bool
}

// push queues a job and reports whether another worker should be started.
func (p *pool) push(j job) (start bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.push(j)
	switch {
	case p.idle > 0:
		p.idle--
		p.wake.Signal()
	case p.workers < p.limit:
		p.workers++
		return true
	}
	return false
}

// next queues the following job, if any, and waits for one to run. It returns
// false when the pool is closed and the queue is empty.
func (p *pool) next(follow job) (job, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if follow.kind != noJob {
		p.queue.push(follow)
	}
	for p.queue.n == 0 {
		if p.closed {
			return job{}, false
		}
		p.idle++
		p.wake.Wait()
	}
	return p.queue.pop(), true
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.wake.Broadcast()
}

// jobQueue is a ring of jobs, first in, first out.
type jobQueue struct {
	ring    []job
	head, n int
}

func (q *jobQueue) push(j job) {
	if q.n == len(q.ring) {
		ring := make([]job, max(16, 2*q.n))
		copied := copy(ring, q.ring[q.head:])
		copy(ring[copied:], q.ring[:q.head])
		q.ring, q.head = ring, 0
	}
	q.ring[(q.head+q.n)%len(q.ring)] = j
	q.n++
}

func (q *jobQueue) pop() job {
	j := q.ring[q.head]
	q.ring[q.head] = job{}
	q.head = (q.head + 1) % len(q.ring)
	q.n--
	return j
}

// file is the storage side of a session. Only jobs touch it.
type file struct {
	req       *Request
	ctx       context.Context // ends with the transfer
	cancel    context.CancelFunc
	reader    Reader
	source    *source // of the reader
	writer    Writer
	size      int64 // of the reader in bytes; -1: unknown
	limit     int64 // of the writer in bytes; 0: unknown
	blockSize int
	block     uint64 // next block to load, from 1
	decoder   netasciiDecoder
}

// perform does a job. A panic of the Handler, Reader or Writer is an error of this
// transfer.
func (f *file) perform(h Handler, j job) (r result) {
	defer func() {
		if v := recover(); v != nil {
			r.err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	r = result{kind: j.kind, chunk: j.chunk, tail: -1}
	switch j.kind {
	case jobOpen:
		r.err = f.ask(h)
	case jobRead:
		r.tail, r.err = f.load(j.chunk)
	case jobWrite:
		r.err = f.write(j.chunk, false)
	case jobCommit:
		r.err = f.commit(j.chunk)
	case jobEnd:
		f.end(j.err)
	}
	return r
}

// ask lets the Handler decide.
func (f *file) ask(h Handler) (err error) {
	if f.req.Op == Write {
		f.writer, err = h.OpenWrite(f.ctx, f.req)
		if l, ok := f.writer.(Limiter); ok && err == nil {
			f.limit = l.Limit()
		}
		return err
	}
	if f.reader, err = h.OpenRead(f.ctx, f.req); err != nil {
		return err
	}
	f.size = f.reader.Size()
	f.source = &source{r: &inOrder{r: f.reader, size: f.size}, netascii: f.req.Netascii}
	return nil
}

// load fills a chunk with the packets of the next blocks. tail is the payload of
// the final block in bytes if the chunk contains it, else -1.
func (f *file) load(c *chunk) (tail int, err error) {
	c.first = f.block
	tail, err = f.source.load(c, f.blockSize)
	f.block += uint64(c.count)
	return tail, err
}

// inOrder reads a Reader from its beginning to its end.
type inOrder struct {
	r      Reader
	size   int64 // bytes; -1: unknown
	offset int64
}

// Read implements io.Reader. It returns io.EOF only where the file should end.
func (o *inOrder) Read(b []byte) (int, error) {
	if o.size >= 0 {
		b = b[:min(int64(len(b)), o.size-o.offset)]
	}
	if len(b) == 0 {
		return 0, io.EOF
	}
	n, err := o.r.ReadAt(b, o.offset)
	o.offset += int64(n)
	switch {
	case n == len(b):
		return n, nil
	case o.size < 0 && errors.Is(err, io.EOF):
		return n, io.EOF
	case err == nil || errors.Is(err, io.EOF):
		return n, fmt.Errorf("the file became shorter while it was read: %w", io.ErrUnexpectedEOF)
	}
	return n, fmt.Errorf("read: %w", err)
}

// write passes payload to the Writer. final marks the last chunk of the file.
func (f *file) write(c *chunk, final bool) error {
	var b []byte
	if c != nil {
		b = c.buf
	}
	if f.req.Netascii {
		b = f.decoder.decode(make([]byte, 0, len(b)+1), b)
		if final {
			b = f.decoder.finish(b)
		}
	}
	if len(b) == 0 {
		return nil
	}
	n, err := f.writer.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	return err
}

func (f *file) commit(c *chunk) error {
	w := f.writer
	err := f.write(c, true)
	f.writer = nil
	if err != nil {
		w.Abort(err)
		return err
	}
	return w.Commit()
}

// open reports whether a Reader or Writer is open.
func (f *file) open() bool { return f.reader != nil || f.writer != nil }

// end closes the Reader, and aborts a Writer that was not committed.
func (f *file) end(err error) {
	if f.writer != nil {
		f.writer.Abort(err)
	}
	if f.reader != nil {
		f.reader.Close()
	}
	f.writer, f.reader = nil, nil
}
