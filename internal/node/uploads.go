package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// upload is a server of a node to which devices send files: that for HTTPS or SCP.
type upload struct {
	server interface {
		Serve(ctx context.Context, l net.Listener) error
		Shutdown(ctx context.Context) error
	}
	port        uint16
	certificate string // the file that devices must trust, of the HTTPS server
	cancel      context.CancelFunc
	done        chan struct{}
	err         error // of Serve; read after done
}

// run runs the server on l until stop.
func (u *upload) run(n *server, name string, server interface {
	Serve(ctx context.Context, l net.Listener) error
	Shutdown(ctx context.Context) error
}, l net.Listener) {
	u.server, u.port, u.done = server, l.Addr().(*net.TCPAddr).AddrPort().Port(), make(chan struct{})
	var ctx context.Context
	ctx, u.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(u.done)
		if u.err = server.Serve(ctx, l); u.err != nil {
			n.opts.Log.Error("the "+name+" server stopped", "err", u.err)
		}
	}()
}

// shutdown takes no more connections and waits for the running uploads; see https.Server.
func (u *upload) shutdown(ctx context.Context) error {
	if u == nil {
		return nil
	}
	return u.server.Shutdown(ctx)
}

// stop ends the server and waits for its work.
func (u *upload) stop() error {
	if u == nil {
		return nil
	}
	u.cancel()
	<-u.done
	return u.err
}

// listenUploads opens the port of a server that has this name, setting and usual address.
func listenUploads(name, setting, usual, address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	fix := api.Say("choose another port, such as ").Set(setting, `"`+usual+`"`)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, cause.Wrap(cause.Internal, err, "this user may not open the port of the "+name+" server", fix)
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, cause.Wrap(cause.Internal, err, "the port of the "+name+" server is taken by another program", api.Say("find it with ").Type(api.OnHost, "ss -ltnp").Say(", or ").Then(fix))
	case err != nil:
		return nil, fmt.Errorf("listen for %s: %w", name, err)
	}
	return l, nil
}
