// Package logqueue writes a log without delaying the program: whoever reads the log
// may be slow, or may have stopped. A full queue drops lines and counts them.
package logqueue

import (
	"fmt"
	"io"
	"sync"
	"time"
)

const (
	maxLines  = 4096        // in the queue
	maxBytes  = 1 << 20     // in the queue
	closeWait = time.Second // the longest that Close waits for a reader
)

// Writer is an io.Writer that never blocks. Each Write is one line.
type Writer struct {
	to   io.Writer
	done chan struct{} // closed when the goroutine has ended

	mu      sync.Mutex
	more    sync.Cond // a line, or closed
	lines   [][]byte
	bytes   int
	dropped int // since the last line that was queued
	closed  bool
}

// New returns a Writer that passes its lines to w. Close ends it.
func New(w io.Writer) *Writer {
	q := &Writer{to: w, done: make(chan struct{})}
	q.more.L = &q.mu
	go q.run()
	return q
}

// Write queues a copy of a line. It never returns an error.
func (q *Writer) Write(line []byte) (int, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.lines) >= maxLines || q.bytes+len(line) > maxBytes {
		q.dropped++
		return len(line), nil
	}
	if q.dropped > 0 {
		q.push(droppedLine(q.dropped))
		q.dropped = 0
	}
	q.push(append([]byte(nil), line...))
	return len(line), nil
}

func droppedLine(n int) []byte {
	return fmt.Appendf(nil, "%d log lines were dropped, because nobody read them in time\n", n)
}

func (q *Writer) push(line []byte) {
	q.lines = append(q.lines, line)
	q.bytes += len(line)
	q.more.Signal()
}

// run writes the lines until Close. An error of the reader loses only that line.
func (q *Writer) run() {
	defer close(q.done)
	for {
		line, ok := q.next()
		if !ok {
			return
		}
		q.to.Write(line)
	}
}

// next waits for a line. ok is false when the Writer is closed and the queue empty.
func (q *Writer) next() (line []byte, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.lines) == 0 {
		switch {
		case q.dropped > 0:
			line, q.dropped = droppedLine(q.dropped), 0
			return line, true
		case q.closed:
			return nil, false
		}
		q.more.Wait()
	}
	line = q.lines[0]
	q.lines[0] = nil
	q.lines = q.lines[1:]
	q.bytes -= len(line)
	return line, true
}

// Close writes the rest. If the reader does not take it within a second, the
// rest is lost.
func (q *Writer) Close() error {
	q.mu.Lock()
	q.closed = true
	q.more.Signal()
	q.mu.Unlock()
	late := time.NewTimer(closeWait)
	defer late.Stop()
	select {
	case <-q.done:
		return nil
	case <-late.C:
		return fmt.Errorf("the last log lines were lost: nobody read them within %v", closeWait)
	}
}
