// Package testports gives the tests of one program ports that no other run of the tests on
// this machine uses at the same time.
package testports

import (
	"fmt"
	"net"
	"sync"
)

const (
	blocks    = 4
	blockSize = 2500
)

// Range is a range of 10,000 ports, below those that the system gives away by itself
// (32768). Each program takes 2,500 of them.
type Range struct {
	first int
	mu    sync.Mutex
	lock  net.Listener // an abstract socket: the kernel closes it when the program ends, however it ends
	block int
	used  int
}

// NewRange returns the range that begins with the port first.
func NewRange(first int) *Range { return &Range{first: first} }

// Next returns the first of n ports that follow each other. After 2,500 ports it begins
// again, with those of tests that have ended: a run of all tests needs fewer than that, but
// -count=20 does not. It panics while four other programs have all ports.
func (r *Range) Next(n int) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lock == nil {
		r.take()
	}
	if r.used+n > blockSize {
		r.used = 0
	}
	r.used += n
	return r.block + r.used - n
}

func (r *Range) take() {
	var err error
	for i := range blocks {
		r.block = r.first + i*blockSize
		if r.lock, err = net.Listen("unix", fmt.Sprintf("@flashwarden-test-ports-%d", r.block)); err == nil {
			return
		}
	}
	panic(fmt.Sprintf("testports: no free ports from %d: %v", r.first, err))
}
