package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// service is what only one process at a time may do with a data directory.
type service struct {
	lock   *os.File
	spool  *spool.Spool
	conn   net.PacketConn
	cancel context.CancelFunc
	done   chan struct{}
	err    error // of Serve; read after done
}

// Start takes the data directory for this process, sweeps what a dead one
// left, and serves TFTP until Close.
func (n *Node) Start() error {
	lock, err := takeLock(n.path("lock"))
	if err != nil {
		return err
	}
	s := &service{lock: lock, done: make(chan struct{})}
	if err := n.start(s); err != nil {
		return errors.Join(err, lock.Close())
	}
	n.service = s
	return nil
}

func (n *Node) start(s *service) error {
	var err error
	if err = n.Vault.Sweep(context.Background()); err != nil {
		return err
	}
	if s.spool, err = spool.Open(n.path("spool")); err != nil {
		return err
	}
	if s.conn, err = Listen("udp", n.opts.Config.TFTP.Listen); err != nil {
		return err
	}
	return n.serve(s)
}

// serve runs the TFTP server, and returns when it answers requests or why it
// cannot.
func (n *Node) serve(s *service) error {
	c := n.opts.Config.TFTP
	ready := make(chan struct{})
	server := &tftp.Server{
		Handler: s.spool, Observe: func(e tftp.Event) { n.observe(s.spool, e) }, Log: n.opts.Log, Ready: func() { close(ready) },
		Ports: c.PortRange, MaxBlockSize: c.MaxBlockSize,
		IdleTimeout: n.opts.Config.Backup.StallTimeout,
	}
	var ctx context.Context
	ctx, s.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(s.done)
		s.err = errors.Join(server.Serve(ctx, s.conn), s.conn.Close())
	}()
	select {
	case <-ready:
		return nil
	case <-s.done:
	}
	s.cancel()
	return cause.Wrap(cause.Internal, s.err, "serve TFTP",
		api.Say("if another program has a port of the range %s, see which with ", c.PortRange).Type(api.OnHost, "ss -lunp").
			Say(", or choose another range with ").Set("tftp.port-range", ""))
}

// TFTPAddr is where the TFTP server of a started node listens.
func (n *Node) TFTPAddr() net.Addr { return n.service.conn.LocalAddr() }

// Failed is closed when the TFTP server has stopped by itself; Failure and
// Close then return its error.
func (n *Node) Failed() <-chan struct{} { return n.service.done }

// Failure says why the TFTP server has stopped. It may be asked once Failed is
// closed.
func (n *Node) Failure() error {
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
	return errors.Join(err, s.lock.Close())
}

// Listen returns the socket for TFTP requests: the one that systemd hands
// over, else a new one. network is udp, udp4 or udp6. An address that cannot be
// bound is a cause.Error whose hint names the ways out.
func Listen(network, address string) (net.PacketConn, error) {
	conns, err := activation.PacketConns()
	if err != nil {
		return nil, fmt.Errorf("take the socket from systemd: %w", err)
	}
	for _, c := range conns {
		if c != nil {
			return c, nil
		}
	}
	c, err := net.ListenPacket(network, address)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, cause.Wrap(cause.Internal, err, "the TFTP port cannot be bound by this user", waysToBind())
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, cause.Wrap(cause.Internal, err, "the TFTP port is taken by another program",
			api.Say("see which with ").Type(api.OnHost, "ss -lunp").Say(", and stop it (tftpd-hpa: ").
				Type(api.OnHost, "systemctl disable --now tftpd-hpa").Say("); or ").Then(waysToBind()))
	case err != nil:
		return nil, fmt.Errorf("listen for TFTP: %w", err)
	}
	return c, nil
}

// waysToBind are the ways to port 69 without being root.
func waysToBind() api.Fix {
	return api.Say("one of three ways out: (1) a systemd socket unit with ListenDatagram=69 that starts flashwarden; (2) ").
		Type(api.OnHost, "setcap cap_net_bind_service=+ep $(command -v flashwarden)").
		Say("; (3) another port: ").Set("tftp.listen", `":1069"`).Say(", with a rule of the firewall that redirects UDP 69 to it")
}
