package tftp

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// Server serves TFTP. Do not change its fields while Serve runs.
type Server struct {
	Handler Handler      // decides about requests; required
	Log     *slog.Logger // dropped requests, at level Debug; nil: discard

	// Ports are the UDP ports of the transfers (transfer IDs, RFC 1350 section
	// 4). All peers share them. From a range of more than 16 ports the Server
	// uses 16, chosen at random. If the range is the listening port alone, all
	// transfers run on that port. Zero: 64 ports chosen by the system. A read
	// request that asks for a window or for large blocks gets a port of its own,
	// unless the range has fewer than 64 ports.
	Ports PortRange

	// Expected promises that the Handler accepts a read only from a peer that it
	// expects, so that nobody can forge one. Reads on shared ports are then not
	// limited to small windows and blocks.
	Expected bool

	// Listen opens the sockets of the transfers, on the address of the
	// listening socket. Nil: UDP sockets of the system.
	Listen func(netip.AddrPort) (net.PacketConn, error)

	// Allow lists the networks that may send requests. Requests from other
	// networks get no answer. Nil: every network.
	Allow []netip.Prefix

	MaxBlockSize int // bytes; a larger blksize is answered with this (RFC 2348). 0: 65464
	MaxTransfers int // at the same time; further requests get ERROR 0. 0: 16384
	PerSource    int // transfers of one IPv4 address, or one IPv6 /64, at the same time. 0: half of MaxTransfers
	WindowBytes  int // bytes in flight in a window (RFC 7440); a transfer needs up to three times that in memory. 0: 512 KiB

	// BufferBytes is the memory for the buffers of all transfers. When much of it is
	// in use, new transfers get smaller windows and blocks. Each transfer gets at
	// least 4 KiB. 0: 48 MiB
	BufferBytes     int
	BufferPerSource int // the same for windows and large blocks of one IPv4 address, or one IPv6 /64. 0: half of BufferBytes

	Timeout     time.Duration // before the first repetition, until the round trip is measured. 0: 1 s
	Retries     int           // repetitions of one packet, at least Timeout apart, before a transfer fails. 0: 8
	IdleTimeout time.Duration // a transfer fails after this silence of the peer. 0: 60 s

	// Refuse lists options, by name in lower case, that are treated as unknown:
	// they are left out of the answer (RFC 2347).
	Refuse []string

	// Storage is the largest number of concurrent calls into the Handler for
	// reads, the same for writes, and the same for Commit. 0: 32
	Storage int

	// Ready is called once, after every socket is bound and before the first
	// request is answered. If it cancels the context of Serve, no request is
	// answered. May be nil.
	Ready func()

	// Observe receives the events of all transfers. The events of one transfer
	// arrive in order; calls for different transfers may run at the same time.
	// Observe is called from the network loops and must return quickly. If nil,
	// events are discarded.
	Observe func(Event)

	mu      sync.Mutex
	engines map[*engine]struct{} // the running calls of Serve
	ending  bool                 // Shutdown was called
}

// The defaults of a Server.
const (
	defaultMaxTransfers = 16384
	defaultWindowBytes  = 512 << 10
	defaultTimeout      = time.Second
	defaultRetries      = 8
	defaultIdleTimeout  = 60 * time.Second
	defaultStorage      = 32
	defaultBufferBytes  = 48 << 20
	ephemeralPorts      = 64
	maxPorts            = 16
)

// withDefaults returns a copy of the exported fields whose zero values are set.
func (s *Server) withDefaults() *Server {
	c := &Server{
		Handler: s.Handler, Log: s.Log, Ports: s.Ports, Expected: s.Expected, Listen: s.Listen, Allow: s.Allow,
		MaxBlockSize: s.MaxBlockSize, MaxTransfers: s.MaxTransfers, PerSource: s.PerSource, WindowBytes: s.WindowBytes,
		BufferBytes: s.BufferBytes, BufferPerSource: s.BufferPerSource,
		Timeout: s.Timeout, Retries: s.Retries, IdleTimeout: s.IdleTimeout,
		Refuse: s.Refuse, Storage: s.Storage, Ready: s.Ready, Observe: s.Observe,
	}
	c.MaxBlockSize = or(c.MaxBlockSize, maxBlockSize)
	c.MaxTransfers = or(c.MaxTransfers, defaultMaxTransfers)
	c.PerSource = or(c.PerSource, max(1, c.MaxTransfers/2))
	c.BufferBytes = or(c.BufferBytes, defaultBufferBytes)
	c.BufferPerSource = or(c.BufferPerSource, c.BufferBytes/2)
	c.WindowBytes = or(c.WindowBytes, defaultWindowBytes)
	c.Timeout = or(c.Timeout, defaultTimeout)
	c.Retries = or(c.Retries, defaultRetries)
	c.IdleTimeout = or(c.IdleTimeout, defaultIdleTimeout)
	c.Storage = or(c.Storage, defaultStorage)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

func or[T int | time.Duration](v, fallback T) T {
	if v == 0 {
		return fallback
	}
	return v
}

// check returns an error for invalid fields.
func (s *Server) check() error {
	switch {
	case s.Handler == nil:
		return fmt.Errorf("tftp server: Handler is nil")
	case s.MaxBlockSize != 0 && (s.MaxBlockSize < minBlockSize || s.MaxBlockSize > maxBlockSize):
		return fmt.Errorf("tftp server: MaxBlockSize %d is not in %d..%d", s.MaxBlockSize, minBlockSize, maxBlockSize)
	case s.Ports.First > s.Ports.Last:
		return fmt.Errorf("tftp server: port range %s is empty", s.Ports)
	case s.Ports.First == 0 && s.Ports.Last != 0:
		return fmt.Errorf("tftp server: port range begins with port 0")
	}
	return nil
}

// ListenAndServe opens the UDP address, such as ":69", and calls Serve.
func (s *Server) ListenAndServe(ctx context.Context, addr string) error {
	c, err := net.ListenPacket("udp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	return s.Serve(ctx, c)
}

// Serve answers requests on c until ctx ends. Then it sends ERROR 0 to running
// transfers, aborts their Writers, waits for running Commits, and returns nil. After
// Shutdown it lets running transfers end first.
//
// It returns an error at once if a field is invalid or a transfer port cannot be
// bound (the text has the port), and later if c fails. If c is closed, the error
// wraps net.ErrClosed. Serve never closes c.
func (s *Server) Serve(ctx context.Context, c net.PacketConn) error {
	if err := s.check(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	e := newEngine(ctx, s.withDefaults(), c)
	if err := e.ports.bind(); err != nil {
		return err
	}
	e.abort = cancel
	s.register(e)
	defer s.leave(e)
	if s.Ready != nil {
		s.Ready()
	}
	e.stopping.Store(ctx.Err() != nil)
	e.start()
	var err error
	select {
	case <-ctx.Done():
	case <-e.running.drained:
		e.dally(ctx)
	case err = <-e.failed:
	}
	cancel()
	e.stop()
	return err
}

// Shutdown makes Serve ignore new requests, and return nil when the running
// transfers have ended. After an upload Serve stays for 8 s, to repeat the final ACK
// to a peer that has not received it. Shutdown returns when Serve has returned. If ctx
// ends first, running transfers are ended as by the context of Serve, and Shutdown
// returns the error of ctx; if none runs, it returns nil. Later calls of Serve return
// at once.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.ending = true
	engines := slices.Collect(maps.Keys(s.engines))
	s.mu.Unlock()
	for _, e := range engines {
		e.running.drain()
	}
	var err error
	for _, e := range engines {
		select {
		case <-e.returned:
			continue
		case <-ctx.Done():
		}
		select {
		case <-e.running.drained:
		default:
			err = ctx.Err()
		}
		e.abort()
		<-e.returned
	}
	return err
}

// Alive returns nil when Serve still works: the goroutine that reads the sockets has
// begun another round, and no transfer and no call of Observe has been stuck since. If
// ctx ends first, it returns the error of ctx. If Serve does not run, it returns nil. A
// call costs one wake-up of the goroutine; systemd's watchdog is a use of it.
func (s *Server) Alive(ctx context.Context) error {
	s.mu.Lock()
	engines := slices.Collect(maps.Keys(s.engines))
	s.mu.Unlock()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		for _, e := range engines {
			e.visit()
		}
	}()
	select {
	case <-answered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// register records that Serve runs. After Shutdown it ends at once.
func (s *Server) register(e *engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.engines == nil {
		s.engines = map[*engine]struct{}{}
	}
	s.engines[e] = struct{}{}
	if s.ending {
		e.running.drain()
	}
}

// leave records that Serve returns.
func (s *Server) leave(e *engine) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.engines, e)
	close(e.returned)
}
