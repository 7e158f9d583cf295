package tftp

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// poller reads all ports of an engine in one goroutine. It waits in the kernel
// (epoll(7)), not in the scheduler of the runtime.
type poller struct {
	ep     int
	file   *os.File        // the same
	raw    syscall.RawConn // of file: waits in the scheduler of the runtime
	wake   int             // eventfd(2) that ends it
	loops  []*loop
	in     *inbox
	events [16]unix.EpollEvent
	wg     sync.WaitGroup
}

const (
	wakeIndex = -1
	hotRounds = 32                     // reads of one port in a row, before the others are looked at
	coldWaits = 32                     // waits for which staying is not tried again when it did not pay
	slowRound = 100 * time.Microsecond // of a read and its answer, when it does not pay
)

func newPoller(loops []*loop) (*poller, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		unix.Close(ep)
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	if err := unix.SetNonblock(ep, true); err != nil { // makes os.NewFile tell the runtime of it
		return nil, fmt.Errorf("epoll: %w", errors.Join(err, unix.Close(ep), unix.Close(wake)))
	}
	p := &poller{ep: ep, file: os.NewFile(uintptr(ep), "epoll"), wake: wake, loops: loops, in: newInbox()}
	p.raw, err = p.file.SyscallConn()
	if err == nil {
		err = p.add(wake, wakeIndex)
	}
	for i, l := range loops {
		if err == nil {
			err = p.add(l.link.(*port).fd, int32(i))
		}
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

func (p *poller) add(fd int, index int32) error {
	return unix.EpollCtl(p.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: index})
}

func (p *poller) start() { p.wg.Go(p.run) }

// stop ends run and waits for it.
func (p *poller) stop() {
	unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0})
	p.wg.Wait()
	p.close()
}

func (p *poller) close() {
	p.file.Close()
	unix.Close(p.wake)
}

func (p *poller) run() {
	cold := 0 // waits for which staying is not tried again
	for {
		n, err := p.wait()
		if err != nil {
			p.loops[0].engine.fail(fmt.Errorf("epoll: %w", err))
			return
		}
		alone, ended := p.serve(n)
		switch {
		case ended:
			return
		case alone == nil || alone.engine.active.Load() != 1:
		case cold > 0:
			cold--
		default:
			if ended = p.stay(alone); ended {
				return
			}
			cold = coldWaits
		}
	}
}

// wait waits for events. It waits in the kernel; but while the storage side is
// at work, in the scheduler of the runtime: a goroutine in the kernel keeps its
// processor for a while, and there may be no other.
func (p *poller) wait() (n int, err error) {
	if p.loops[0].engine.storage.pending.Load() == 0 {
		n, err = unix.EpollWait(p.ep, p.events[:], -1)
		if err == unix.EINTR {
			return 0, nil
		}
		return n, err
	}
	if failed := p.raw.Read(func(uintptr) bool {
		n, err = p.look()
		return n > 0 || err != nil
	}); failed != nil {
		return 0, failed
	}
	return n, err
}

// look gives the events that are there.
func (p *poller) look() (int, error) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.ep), uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), 0, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, errno
}

// serve reads the ports of n events. It gives the loop of the only datagram
// that came, if it was only one, and tells whether the poller is to end.
func (p *poller) serve(n int) (alone *loop, ended bool) {
	total := 0
	for _, e := range p.events[:n] {
		if e.Fd == wakeIndex {
			return nil, true
		}
		alone = p.loops[e.Fd]
		in, err := alone.link.(*port).read(p.in)
		if err != nil {
			continue // an ICMP message about one peer comes out as an error of the socket
		}
		total += len(in)
		p.handle(alone, in)
	}
	if total != 1 || alone == alone.engine.listener {
		return nil, false
	}
	return alone, false
}

func (p *poller) handle(l *loop, in []datagram) {
	if len(in) > 0 && l.handle(in) {
		runtime.Gosched() // the storage side may have no other processor
	}
}

// stay serves the only transfer that is under way. It gives the CPU away and
// reads the same port again, for as long as that brings the next packet: a peer
// that shares our CPU answers without either of us going to sleep. The other
// ports are looked at from time to time. It tells whether the poller is to end.
func (p *poller) stay(l *loop) (ended bool) {
	link := l.link.(*port)
	last := time.Now()
	for round := 1; ; round++ {
		syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		in := link.readOne(p.in)
		if len(in) == 0 {
			return false
		}
		p.handle(l, in)
		if round%hotRounds != 0 {
			continue
		}
		if l.engine.active.Load() != 1 {
			return false
		}
		if now := time.Now(); now.Sub(last) > hotRounds*slowRound {
			return false // somebody else wants the CPU as well, and gets more than his share
		} else {
			last = now
		}
		n, err := p.look()
		if err != nil {
			return false
		}
		if _, ended := p.serve(n); ended {
			return true
		}
	}
}
