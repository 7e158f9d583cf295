package tftp

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Server serves TFTP. Its fields are not to be changed while Serve runs.
type Server struct {
	Handler Handler      // decides about requests; required
	Log     *slog.Logger // what is dropped without an answer, at level Debug; nil: nothing

	// Ports are the UDP ports of the transfers (RFC 1350 section 4: transfer
	// IDs). All of them are shared by all peers. Of a range of more than 16
	// ports, 16 are taken at random. A range that is the listening port alone
	// makes everything run over that one port. Zero: 4 ports chosen by the system.
	Ports PortRange

	// Listen opens the sockets of the transfers, on the address of the
	// listening socket. Nil: UDP sockets of the system.
	Listen func(netip.AddrPort) (net.PacketConn, error)

	// Allow are the networks whose requests are looked at; others get no answer
	// at all. Nil: every network.
	Allow []netip.Prefix

	MaxBlockSize int // bytes; larger requests are answered with this (RFC 2348). 0: 65464
	MaxTransfers int // transfers at once; further requests get ERROR 0. 0: 16384
	PerSource    int // transfers at once of one address. 0: no limit of its own
	WindowBytes  int // bytes in flight in a window (RFC 7440); a transfer with a window has up to three times that in memory. 0: 512 KiB

	Timeout     time.Duration // until the first repetition, while no round trip is known. 0: 1 s
	Retries     int           // repetitions of one packet, Timeout or more apart, before a transfer is given up. 0: 8
	IdleTimeout time.Duration // silence of the peer after which a transfer is given up. 0: 60 s

	// Refuse are names of options, in lower case, that are passed over as if
	// they were unknown (RFC 2347: then they are left out of the answer).
	Refuse []string

	// Storage is how many calls into the Handler run at once. 0: 32
	Storage int

	// Ready is called once, when every socket is bound and requests are
	// answered. Nil: nobody waits for that.
	Ready func()

	// Observe is told what happens to each transfer: of one transfer in order,
	// of several at the same time. It is called from the network loops and must
	// return at once. Nil: nobody is.
	Observe func(Event)
}

// The defaults of a Server.
const (
	defaultMaxTransfers = 16384
	defaultWindowBytes  = 512 << 10
	defaultTimeout      = time.Second
	defaultRetries      = 8
	defaultIdleTimeout  = 60 * time.Second
	defaultStorage      = 32
	ephemeralPorts      = 4
	maxPorts            = 16
)

// withDefaults gives a copy whose zero fields are set.
func (s *Server) withDefaults() *Server {
	c := *s
	c.MaxBlockSize = or(c.MaxBlockSize, maxBlockSize)
	c.MaxTransfers = or(c.MaxTransfers, defaultMaxTransfers)
	c.PerSource = or(c.PerSource, math.MaxInt)
	c.WindowBytes = or(c.WindowBytes, defaultWindowBytes)
	c.Timeout = or(c.Timeout, defaultTimeout)
	c.Retries = or(c.Retries, defaultRetries)
	c.IdleTimeout = or(c.IdleTimeout, defaultIdleTimeout)
	c.Storage = or(c.Storage, defaultStorage)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return &c
}

func or[T int | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// check says what is wrong with the settings.
func (s *Server) check() error {
	switch {
	case s.Handler == nil:
		return fmt.Errorf("tftp server: no Handler")
	case s.MaxBlockSize != 0 && (s.MaxBlockSize < minBlockSize || s.MaxBlockSize > maxBlockSize):
		return fmt.Errorf("tftp server: MaxBlockSize %d is not in %d..%d", s.MaxBlockSize, minBlockSize, maxBlockSize)
	case s.Ports.First > s.Ports.Last:
		return fmt.Errorf("tftp server: port range %s is empty", s.Ports)
	case s.Ports.First == 0 && s.Ports.Last != 0:
		return fmt.Errorf("tftp server: port range begins with port 0")
	}
	return nil
}

// Serve answers requests that arrive on c until ctx ends; then it tells running
// transfers so (ERROR 0), aborts their Writers, lets a Commit that has begun
// come to its end, and returns nil. It returns an error, before anything was
// served, if the settings are wrong or a transfer port cannot be bound (the
// text names it), or later if c fails. c stays open.
func (s *Server) Serve(ctx context.Context, c net.PacketConn) error {
	if err := s.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := newEngine(ctx, s.withDefaults(), c)
	if err := e.bind(c); err != nil {
		return err
	}
	e.start()
	if s.Ready != nil {
		s.Ready()
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-e.failed:
	}
	cancel()
	e.stop()
	return err
}

// engine is one run of Serve.
type engine struct {
	*Server
	limits   limits
	storage  *storage
	listener *loop
	loops    []*loop // of the transfers
	reader   reader
	watchers sync.WaitGroup // of the loops' timers
	failed   chan error
	over     chan struct{}
	stopping atomic.Bool
	active   atomic.Int64 // transfers that are not over

	port uint16 // the listening port

	// Only the goroutine that reads the listening socket uses these.
	lastPort int    // index of the loop that was picked last
	dropped  int64  // requests that got no answer
	dropLog  bucket // of lines about them

	mu       sync.Mutex
	requests map[requestKey]*session // that are not over
	sources  map[netip.Addr]int      // how many of them an address has
	unproved unprovedQueue
	prefixes prefixLimiter
	clamped  map[netip.Addr]time.Time // peers that lose large blocks, until when
}

// requestKey tells requests apart: the same one again is a repetition.
type requestKey struct {
	peer     netip.AddrPort
	op       Op
	filename string
}

func keyOf(r *Request) requestKey { return requestKey{r.Remote, r.Op, r.Filename} }

func newEngine(ctx context.Context, s *Server, c net.PacketConn) *engine {
	e := &engine{
		Server:   s,
		storage:  newStorage(ctx, s.Handler, s.Storage),
		failed:   make(chan error, 1),
		over:     make(chan struct{}),
		requests: map[requestKey]*session{},
		sources:  map[netip.Addr]int{},
		prefixes: prefixLimiter{},
		clamped:  map[netip.Addr]time.Time{},
		dropLog:  bucket{rate: 1, burst: 5},
	}
	e.limits = limits{
		offer:   offer{maxBlockSize: s.MaxBlockSize, windowBytes: s.WindowBytes, refuse: s.Refuse},
		timeout: s.Timeout, retries: s.Retries, idle: s.IdleTimeout,
		chunks: &chunkPool{},
	}
	e.listener = newLoop(e, listenerLink(c, s.Listen != nil))
	e.port = addrPortOf(c.LocalAddr()).Port()
	return e
}

// bind opens the sockets of the transfers.
func (e *engine) bind(c net.PacketConn) (err error) {
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	local := addrPortOf(c.LocalAddr())
	if e.Ports.First == local.Port() && e.Ports.Last == local.Port() {
		e.loops = []*loop{e.listener}
	} else if err := e.bindRange(local.Addr()); err != nil {
		return err
	}
	e.measureBuffer()
	e.reader, err = newReader(e.all())
	return err
}

// measureBuffer bounds the windows of uploads by what a port can hold.
func (e *engine) measureBuffer() {
	n := e.loops[0].link.receiveBuffer()
	e.limits.offer.socketBytes = n
	if n > 0 && n < socketBuffer {
		e.Log.Warn("small receive buffer: windows of uploads are bounded", "bytes", n, "wanted", socketBuffer, "hint", "raise net.core.rmem_max")
	}
}

func (e *engine) bindRange(local netip.Addr) error {
	for _, port := range choosePorts(e.Ports) {
		k, err := e.open(netip.AddrPortFrom(local, port))
		if err != nil && !e.spare() {
			return fmt.Errorf("bind transfer port %d: %w", port, err)
		}
		if err == nil {
			e.loops = append(e.loops, newLoop(e, k))
		}
	}
	if len(e.loops) == 0 {
		return fmt.Errorf("bind transfer ports: none of %s is free", e.Ports)
	}
	return nil
}

func (e *engine) open(local netip.AddrPort) (link, error) {
	if e.Listen == nil {
		return transferLink(e.listener.link, local)
	}
	c, err := e.Listen(local)
	if err != nil {
		return nil, err
	}
	return newSocket(c, false), nil
}

// all gives every loop once, the listener first.
func (e *engine) all() []*loop {
	if e.singlePort() {
		return e.loops
	}
	return append([]*loop{e.listener}, e.loops...)
}

// spare tells whether the range is so wide that a port may be left out.
func (e *engine) spare() bool { return int(e.Ports.Last)-int(e.Ports.First) >= maxPorts }

// choosePorts gives the ports to bind.
func choosePorts(r PortRange) []uint16 {
	if r == (PortRange{}) {
		return make([]uint16, ephemeralPorts)
	}
	n := int(r.Last) - int(r.First) + 1
	var ports []uint16
	for _, i := range rand.Perm(n)[:min(n, maxPorts)] {
		ports = append(ports, r.First+uint16(i))
	}
	return ports
}

func (e *engine) start() {
	for _, l := range e.loops {
		e.watchers.Go(l.watch)
	}
	e.reader.start()
}

func (e *engine) singlePort() bool { return len(e.loops) == 1 && e.loops[0] == e.listener }

// fail ends Serve with an error.
func (e *engine) fail(err error) {
	select {
	case e.failed <- err:
	default:
	}
}

// stop ends everything, in the order in which nothing is lost: no new requests,
// the running transfers, the files, the sockets.
func (e *engine) stop() {
	e.stopping.Store(true)
	for _, l := range e.loops {
		l.stop()
	}
	e.storage.close()
	close(e.over)
	e.reader.stop()
	e.watchers.Wait()
	e.close()
}

func (e *engine) close() {
	for _, l := range e.all() {
		l.link.close()
	}
}

func (e *engine) observe(ev Event) {
	if e.Observe != nil {
		e.Observe(ev)
	}
}

// chunkSize is the size of a chunk at the present load, in bytes.
func (e *engine) chunkSize() int { return chunkSize(int(e.active.Load())) }
