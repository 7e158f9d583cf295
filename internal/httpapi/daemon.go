package httpapi

import (
	"context"
	"errors"

	"flashwarden/internal/warden"
)

// Daemon is the TFTP server and the socket of a data directory.
type Daemon struct {
	Local *warden.Local
	Socket
}

// Run runs the TFTP server and then the socket, until ctx ends or one of them fails.
// The values of ctx say who runs it. It calls ready once clients can connect. The
// caller closes Local.
func (d Daemon) Run(ctx context.Context, ready func()) error {
	tftp, endTFTP := context.WithCancel(context.WithoutCancel(ctx)) // it ends after the socket
	defer endTFTP()
	listens, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- d.Local.Serve(tftp, func() { close(listens) }) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done(): // it waits for another process, or is ready at the same moment
		endTFTP()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			return err
		}
		return nil // the caller knows why ctx ended
	case <-listens:
	}
	return d.serve(ctx, ready, endTFTP, ended)
}

// serve runs the socket while the TFTP server runs, and then ends the TFTP server,
// whose error ended receives.
func (d Daemon) serve(ctx context.Context, ready, endTFTP func(), ended <-chan error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		cancel(<-ended)
	}()
	err := d.Socket.Run(ctx, ready)
	if failed := context.Cause(ctx); failed != nil && !errors.Is(failed, context.Canceled) {
		err = errors.Join(failed, err)
	}
	endTFTP()
	<-done
	return err
}
