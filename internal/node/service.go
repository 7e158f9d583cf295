package node

import (
	"context"
	"errors"
	"net"
	"os"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/listen"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// service is what only one process at a time may do with a data directory.
type service struct {
	lock   *os.File
	worker string // the name of this process
	spool  *spool.Spool
	conn   net.PacketConn
	server *tftp.Server
	https  *upload // nil: none
	scp    *upload // nil: none
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Serve; read after done
}

// Start takes the data directory for this process, sweeps what a dead one
// left, and serves TFTP until Close. It is an error if another process serves
// the directory.
func (n *server) Start() error { return n.StartInTurn(context.Background(), Turn{}) }

// StartInTurn is Start for a process that may wait for another one. ctx ends the
// waiting.
func (n *server) StartInTurn(ctx context.Context, turn Turn) error {
	lock, err := takeLock(ctx, n.path("lock"), turn)
	if err != nil {
		return err
	}
	s := &service{lock: lock, done: make(chan struct{})}
	if err := n.start(context.WithoutCancel(ctx), s); err != nil {
		return errors.Join(err, lock.Close())
	}
	n.service = s
	return nil
}

func (n *server) start(ctx context.Context, s *service) error {
	err := announce(s.lock)
	if err != nil {
		return err
	}
	if err = n.proveIdentity(ctx); err != nil {
		return err
	}
	if s.worker, err = n.becomeWorker(ctx); err != nil {
		return err
	}
	if !n.Shared() { // then no other process works on the devices
		err = n.Catalog.InterruptRuns(ctx, time.Now())
	}
	if err != nil {
		return err
	}
	if err = n.prepareVault(ctx); err != nil {
		return err
	}
	if s.spool, err = spool.Open(n.path("spool")); err != nil {
		return err
	}
	if s.conn = n.opts.Conn; s.conn == nil {
		if s.conn, err = Listen(n.opts.Config); err != nil {
			return err
		}
	}
	if err := n.serve(s); err != nil {
		return err
	}
	if err = n.serveHTTPS(s); err == nil {
		err = n.serveSCP(s)
	}
	if err != nil {
		s.cancel()
		<-s.done
		return errors.Join(err, s.https.stop())
	}
	return nil
}

// Listen opens the port of the TFTP server, or takes it from systemd, for Options.Conn.
func Listen(c config.Config) (net.PacketConn, error) { return listen.TFTP("udp", c.TFTP.Listen) }

// serve runs the TFTP server, and returns when it answers requests or why it
// cannot.
func (n *server) serve(s *service) error {
	c := n.opts.Config.TFTP
	ready := make(chan struct{})
	s.server = &tftp.Server{
		Handler: s.spool, Observe: func(e tftp.Event) { n.observe(s.spool, e) }, Log: n.opts.Log, Ready: func() { close(ready) },
		Expected: true, // the spool offers a file to one device only
		Ports:    c.PortRange, MaxBlockSize: c.MaxBlockSize,
		IdleTimeout: n.opts.Config.Backup.StallTimeout,
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(s.done)
		s.err = s.server.Serve(ctx, s.conn)
		if n.opts.Conn == nil {
			s.err = errors.Join(s.err, s.conn.Close())
		}
	}()
	select {
	case <-ready:
		return nil
	case <-s.done:
	}
	s.cancel()
	return cause.Wrap(cause.Internal, s.err, "serve TFTP",
		api.Say("if another program uses a port of the range %s, find it with ", c.PortRange).Type(api.OnHost, "ss -lunp").
			Say(", or choose another range with ").Set("tftp.port-range", ""))
}

// Shutdown ends the servers of a started node. New requests get no answer. Running
// transfers may end until ctx does; then their devices get an ERROR, and Shutdown
// returns the error of ctx.
func (n *server) Shutdown(ctx context.Context) error {
	uploads := make(chan error, 2)
	for _, u := range []*upload{n.service.https, n.service.scp} {
		go func() { uploads <- u.shutdown(ctx) }()
	}
	err := n.service.server.Shutdown(ctx)
	return errors.Join(err, <-uploads, <-uploads)
}

// Alive returns nil if the TFTP server of a started node still works, and the error of
// ctx if that ends first.
func (n *server) Alive(ctx context.Context) error { return n.service.server.Alive(ctx) }

// TFTPAddr is where the TFTP server of a started node listens.
func (n *server) TFTPAddr() net.Addr { return n.service.conn.LocalAddr() }

// Port is the UDP port of the TFTP server of a started node; 0 if it has none.
func (n *server) Port() uint16 {
	if a, ok := n.TFTPAddr().(*net.UDPAddr); ok {
		return a.AddrPort().Port()
	}
	return 0
}

// Failed is closed when the TFTP server has stopped by itself; Failure and
// Close then return its error.
func (n *server) Failed() <-chan struct{} { return n.service.done }

// Failure says why the TFTP server has stopped. It may be asked once Failed is
// closed.
func (n *server) Failure() error {
	<-n.service.done
	return cause.Wrap(cause.Internal, n.service.err, "the TFTP server stopped", api.Say("run it again with ").Option("verbose", "").Say(" and look at the log"))
}

func (s *service) stop() error {
	s.cancel()
	<-s.done
	err := s.err
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.https.stop(), s.scp.stop(), s.lock.Close())
}
