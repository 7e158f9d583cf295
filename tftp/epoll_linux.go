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
// (epoll(7)). Waiting in the network poller of the Go runtime would make a
// transfer in lockstep a fifth slower.
type poller struct {
	engine *engine
	ep     int
	wake   int // eventfd(2) that stops the goroutine, or makes it close the removed loops or the rounds
	in     *inbox
	events [64]unix.EpollEvent
	wg     sync.WaitGroup
	cold   int      // number of waits left that sleep at once, without polling first
	parked *os.File // a duplicate of ep, while the Go runtime watches it

	loops []*loop // by their index in epoll; only the goroutine touches it once it runs
	free  []int32 // unused indexes of loops

	mu      sync.Mutex
	removed []*loop         // to be closed by the goroutine, which may be reading them now
	rounds  []chan struct{} // to be closed in the next round
	ended   bool
}

const (
	wakeIndex = -1

	lookTime  = 15 * time.Microsecond // polling before sleeping; sleeping costs more than this
	coldWaits = 32                    // waits without polling, after polling found nothing
	hotRounds = 32                    // reads of one port in a row before the other ports are checked
)

func newPoller(loops []*loop) (*poller, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", errors.Join(err, unix.Close(ep)))
	}
	p := &poller{engine: loops[0].engine, ep: ep, wake: wake, in: newInbox()}
	err = p.watch(wake, wakeIndex)
	for _, l := range loops {
		if err == nil {
			err = p.add(l)
		}
	}
	if err != nil {
		p.close()
		return nil, fmt.Errorf("epoll: %w", err)
	}
	return p, nil
}

func (p *poller) watch(fd int, index int32) error {
	return unix.EpollCtl(p.ep, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: index})
}

// add starts to read a loop. Once the goroutine runs, only it may call add.
func (p *poller) add(l *loop) error {
	index := int32(len(p.loops))
	if n := len(p.free); n > 0 {
		index = p.free[n-1]
	}
	if err := p.watch(l.link.(*port).fd, index); err != nil {
		return err
	}
	if int(index) == len(p.loops) {
		p.loops = append(p.loops, l)
	} else {
		p.free = p.free[:len(p.free)-1]
		p.loops[index] = l
	}
	l.index = index
	return nil
}

// remove stops to read a loop and closes its link, soon.
func (p *poller) remove(l *loop) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		l.link.close()
		return
	}
	p.removed = append(p.removed, l)
	p.rouse()
}

func (p *poller) round() chan struct{} {
	c := make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		close(c)
		return c
	}
	p.rounds = append(p.rounds, c)
	p.rouse()
	return c
}

// rouse ends the wait of the goroutine.
func (p *poller) rouse() { unix.Write(p.wake, []byte{1, 0, 0, 0, 0, 0, 0, 0}) }

// tidy closes the removed loops.
func (p *poller) tidy() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, l := range p.removed {
		p.loops[l.index] = nil
		p.free = append(p.free, l.index)
		l.link.close()
	}
	clear(p.removed)
	p.removed = p.removed[:0]
}

func (p *poller) start() { p.wg.Go(p.run) }

// stop ends run and waits until it returns.
func (p *poller) stop() {
	p.mu.Lock()
	p.ended = true
	p.rouse()
	p.mu.Unlock()
	p.wg.Wait()
	p.tidy()
	p.close()
}

// woken empties the eventfd, closes the removed loops, and reports whether the
// poller was asked to stop.
func (p *poller) woken() bool {
	var count [8]byte
	unix.Read(p.wake, count[:])
	p.mu.Lock()
	ended := p.ended
	for _, c := range p.rounds {
		close(c)
	}
	p.rounds = nil
	p.mu.Unlock()
	if ended {
		return true
	}
	p.tidy()
	return false
}

func (p *poller) close() {
	p.unpark()
	unix.Close(p.ep)
	unix.Close(p.wake)
}

func (p *poller) run() {
	for {
		n, err := p.next()
		if err != nil {
			p.engine.fail(fmt.Errorf("epoll: %w", err))
			return
		}
		alone, ended := p.serve(n)
		if alone != nil && !ended && p.cold == 0 {
			ended = p.stay(alone)
		}
		if ended {
			return
		}
	}
}

// next waits for events and returns their number; 0 after an interrupted wait.
// Unless polling recently found nothing, it polls for a moment before it sleeps.
func (p *poller) next() (int, error) {
	if p.cold > 0 {
		p.cold--
		return p.wait()
	}
	for start := time.Now(); ; {
		syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
		n, err := p.look()
		if n > 0 || err != nil {
			return n, err
		}
		if time.Since(start) > lookTime {
			p.cold = coldWaits
			return p.wait()
		}
	}
}

// look returns the number of pending events, without waiting.
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

// wait sleeps until there are events. A goroutine that sleeps in the kernel blocks
// its processor (GOMAXPROCS) for a while. If there is only one and the storage side
// has work, wait sleeps in the network poller of the Go runtime instead.
func (p *poller) wait() (n int, err error) {
	if runtime.GOMAXPROCS(0) == 1 && p.engine.storage.pending.Load() > 0 {
		return p.park()
	}
	n, err = unix.EpollWait(p.ep, p.events[:], -1)
	if err == unix.EINTR {
		return 0, nil
	}
	return n, err
}

func (p *poller) park() (n int, err error) {
	if p.parked == nil {
		fd, err := unix.FcntlInt(uintptr(p.ep), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return 0, err
		}
		if err := unix.SetNonblock(fd, true); err != nil { // os.NewFile registers only non-blocking files with the runtime
			return 0, errors.Join(err, unix.Close(fd))
		}
		p.parked = os.NewFile(uintptr(fd), "epoll")
	}
	raw, err := p.parked.SyscallConn()
	if err != nil {
		return 0, err
	}
	failed := raw.Read(func(uintptr) bool {
		n, err = p.look()
		return n > 0 || err != nil
	})
	return n, errors.Join(failed, err)
}

// unpark removes the ports from the network poller of the runtime. Otherwise the
// runtime would wake for every packet.
func (p *poller) unpark() {
	if p.parked != nil {
		p.parked.Close()
		p.parked = nil
	}
}

// serve reads the ports of n events. It returns the loop that got the only
// datagram if that belongs to the only transfer, else nil. ended reports that
// the poller was asked to stop.
func (p *poller) serve(n int) (alone *loop, ended bool) {
	total, roused := 0, false
	for i := range p.events[:n] {
		e := &p.events[i]
		if e.Fd == wakeIndex {
			roused = true
			continue
		}
		alone = p.loops[e.Fd]
		if e.Events&unix.EPOLLERR != 0 {
			p.closedPeers(alone)
		}
		in, err := alone.link.(*port).read(p.in)
		if err != nil {
			continue // an ICMP message about one peer appears as an error of the socket
		}
		total += len(in)
		p.handle(alone, in)
	}
	if roused { // after all events: one may be about a removed loop
		return nil, p.woken()
	}
	if total != 1 || !alone.onlyTransfer() {
		return nil, false
	}
	return alone, false
}

// closedPeers ends the transfers whose peers closed their ports.
func (p *poller) closedPeers(l *loop) {
	for {
		peer, ok := l.link.(*port).closedPeer()
		if !ok {
			return
		}
		l.unreachable(peer)
	}
}

// handle steps the sessions of a loop.
func (p *poller) handle(l *loop, in []datagram) {
	if l.handle(in) {
		runtime.Gosched() // the storage side may have no other processor
	}
}

// onlyTransfer reports whether one transfer is running, and not on the listener.
func (l *loop) onlyTransfer() bool { return !l.isListener() && l.engine.running.active.Load() == 1 }

// stay serves the only running transfer. It reads the same port as long as each
// read returns the next packet. A peer on the same CPU runs when it gets our
// answer or when we yield, so neither side goes to sleep. The other ports are
// checked every hotRounds reads. ended reports that the poller was asked to stop.
func (p *poller) stay(l *loop) (ended bool) {
	p.unpark()
	own := l.link.(*port)
	for round := 1; ; round++ {
		in := own.readOne(p.in)
		if len(in) == 0 {
			syscall.RawSyscall(unix.SYS_SCHED_YIELD, 0, 0, 0)
			if in = own.readOne(p.in); len(in) == 0 {
				return false
			}
		}
		p.handle(l, in)
		if round%hotRounds != 0 {
			continue
		}
		n, err := p.look()
		if err != nil || !l.onlyTransfer() {
			return false
		}
		if _, ended := p.serve(n); ended {
			return true
		}
		if p.loops[l.index] != l {
			return false // it was removed
		}
	}
}
