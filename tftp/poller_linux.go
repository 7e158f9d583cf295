package tftp

import (
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// poller reads all ports of an engine in one goroutine. It waits in the kernel
// (epoll(7)), not in the scheduler of the runtime.
type poller struct {
	ep    int
	wake  int // eventfd(2) that ends it
	loops []*loop
	in    *inbox
	wg    sync.WaitGroup
}

const (
	wakeIndex = -1
	hotRounds = 64                     // reads of one port in a row, before the others are looked at
	coldSkips = 256                    // waits for which yielding is not tried again when it did not pay
	slowYield = 200 * time.Microsecond // somebody else wants the CPU: then yielding costs too much
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
	p := &poller{ep: ep, wake: wake, loops: loops, in: newInbox()}
	err = p.add(wake, wakeIndex)
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
	unix.Close(p.ep)
	unix.Close(p.wake)
}

func (p *poller) run() {
	var events [16]unix.EpollEvent
	cold := 0
	for {
		n, err := unix.EpollWait(p.ep, events[:], -1)
		if err != nil && err != unix.EINTR {
			p.loops[0].engine.fail(fmt.Errorf("epoll: %w", err))
			return
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd == wakeIndex {
				return
			}
			l := p.loops[e.Fd]
			got := p.read(l)
			switch {
			case n > 1 || got != 1:
			case cold > 0:
				cold--
			default:
				cold = p.stay(l)
			}
		}
	}
}

// read reads one port once and gives the number of datagrams.
func (p *poller) read(l *loop) int {
	link := l.link.(*port)
	in, err := link.read(p.in)
	if err != nil {
		return 0 // an ICMP message about one peer comes out as an error of the socket
	}
	if len(in) == 0 {
		return 0
	}
	if l.handle(in) {
		runtime.Gosched() // the storage side may have no other processor
	}
	return len(in)
}

// stay gives the CPU away and reads the same port again, for as long as that
// brings the next packet of the one peer that is there: a peer on this host
// that shares our CPU answers without either of us going to sleep. It tells
// for how many waits that should not be tried again.
func (p *poller) stay(l *loop) (cold int) {
	for range hotRounds {
		before := time.Now()
		syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		if p.read(l) != 1 || time.Since(before) > slowYield {
			return coldSkips
		}
	}
	return 0
}
