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
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api/client"
	"flashwarden/internal/accept"
	"flashwarden/internal/warden"
	"flashwarden/internal/writelimit"
)

// Socket serves the operations on the Unix socket of a data directory. Root,
// the service's user and its group may connect; each acts as an administrator
// under the name of the Unix user.
type Socket struct {
	Warden warden.Warden
	Live   Live
	Data   string                      // the data directory
	Ready  func(context.Context) error // why operations would fail, for /readyz; nil: they succeed
	Log    *slog.Logger
}

// Run serves until ctx ends. Then running operations may end until limit does; those
// that still run are cancelled. Run calls ready once clients can connect. The
// caller holds the lock of the data directory: a socket that is there is one
// that a dead process left.
func (s Socket) Run(ctx, limit context.Context, ready func()) error {
	path, done, err := client.SocketPath(s.Data)
	if err != nil {
		return err
	}
	defer done()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the socket of a dead process: %w", err)
	}
	l, err := listen(path)
	if err != nil {
		return fmt.Errorf("listen on the socket: %w", err)
	}
	h := newHandler(s.Warden, s.Live, s.Log)
	h.health(s.Ready)
	server := &http.Server{Handler: h.mux, ReadHeaderTimeout: 10 * time.Second, ConnContext: s.actor}
	return h.serve(ctx, limit, server, atTheEnd(l, limit, s.Log), ready)
}

// atTheEnd lets clients of the socket pause as long as they like, as on a terminal that is stopped, but
// not when the time to end is over: then they would keep the service from ending.
func atTheEnd(l net.Listener, limit context.Context, log *slog.Logger) net.Listener {
	return writelimit.Listener{Listener: &accept.Listener{Listener: l, Log: log}, Within: lastWords, From: limit}
}

// socketMode lets the user and the group of the service in.
const socketMode = 0o660

// listen makes the socket, and opens it to the group whatever the umask says.
func listen(path string) (net.Listener, error) {
	l, err := bind(path)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// bind makes the socket closed to others from its first moment on: bind(2)
// gives the file the mode of the open socket, less the umask.
func bind(path string) (net.Listener, error) {
	l := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		var failed error
		err := raw.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), socketMode) })
		return errors.Join(err, failed)
	}}
	return l.Listen(context.Background(), "unix", path)
}

// serve serves until ctx ends. Then it lets running operations end, and cancels them
// when limit ends. If no connection can be taken any more, it cancels them at once, and
// returns why.
func (h *handler) serve(ctx, limit context.Context, server *http.Server, l net.Listener, ready func()) error {
	operations, cancel := context.WithCancel(context.Background())
	defer cancel()
	server.BaseContext = func(net.Listener) context.Context { return operations }
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	ready()
	select {
	case err := <-served:
		cancel()
		return errors.Join(err, endSoon(server))
	case <-ctx.Done():
	}
	err := server.Shutdown(limit)
	if limit.Err() == nil {
		return err
	}
	if names := h.operations(); len(names) > 0 {
		h.log.Warn("running operations are cancelled", "operations", names, "err", context.Cause(limit))
	}
	cancel()
	// Cancelled operations end by themselves, and slow clients are cut off: this
	// wait has no limit of its own.
	return server.Shutdown(context.Background())
}

// endSoon waits for operations that are cancelled, and then cuts off the clients that are left.
func endSoon(server *http.Server) error {
	soon, stop := context.WithTimeout(context.Background(), lastWords)
	defer stop()
	if server.Shutdown(soon) == nil {
		return nil
	}
	return server.Close()
}

// actor finds who connected, by the kernel's word.
func (s Socket) actor(ctx context.Context, c net.Conn) context.Context {
	raw, err := c.(syscall.Conn).SyscallConn()
	if err != nil {
		s.Log.Warn("the user of a connection is not known", "err", err)
		return ctx
	}
	var peer *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { peer, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(err, failed); err != nil {
		s.Log.Warn("the user of a connection is not known", "err", err)
		return ctx
	}
	id := strconv.Itoa(int(peer.Uid))
	name := "#" + id
	if u, err := user.LookupId(id); err == nil {
		name = u.Username
	}
	actor := warden.Admin(name, "socket")
	actor.Owner = peer.Uid == 0 || int(peer.Uid) == os.Geteuid()
	return warden.As(ctx, actor)
}
