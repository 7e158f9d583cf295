package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api/client"
	"flashwarden/internal/warden"
)

// Socket serves the operations on the Unix socket of a data directory. Root,
// the service's user and its group may connect; each acts as an administrator
// under the name of the Unix user.
type Socket struct {
	Warden warden.Warden
	Data   string        // the data directory
	Drain  time.Duration // for operations that run when ctx ends; then they are cancelled
	Log    *slog.Logger
}

// Run serves until ctx ends. It calls ready once clients can connect. The
// caller holds the lock of the data directory: a socket that is there is one
// that a dead process left.
func (s Socket) Run(ctx context.Context, ready func()) error {
	path, done, err := client.SocketPath(s.Data)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the socket of a dead process: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("listen on the socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return errors.Join(err, l.Close())
	}
	operations, cancel := context.WithCancel(context.Background())
	defer cancel()
	server := &http.Server{
		Handler: New(s.Warden, s.Log), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return operations },
		ConnContext: s.actor,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	ready()
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
	}
	return s.drain(server, cancel)
}

// drain lets running operations end, and cancels them when the time is over.
func (s Socket) drain(server *http.Server, cancel context.CancelFunc) error {
	wait, stop := context.WithTimeout(context.Background(), s.Drain)
	defer stop()
	err := server.Shutdown(wait)
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	s.Log.Warn("operations still run: they are cancelled", "after", s.Drain)
	cancel()
	// Cancelled operations end by themselves; this wait has no limit of its own.
	return server.Shutdown(context.Background())
}

// actor finds who connected, by the kernel's word.
func (s Socket) actor(ctx context.Context, c net.Conn) context.Context {
	raw, err := c.(*net.UnixConn).SyscallConn()
	if err != nil {
		s.Log.Warn("who connects cannot be told", "err", err)
		return ctx
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		s.Log.Warn("who connects cannot be told", "err", err)
		return ctx
	}
	id := strconv.Itoa(int(peer.Uid))
	name := "#" + id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	return warden.As(ctx, warden.Admin(name, "socket"))
}
