package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/internal/httpapi"
	"flashwarden/internal/warden"
)

func serveCommand(p *program) *cobra.Command {
	var drain time.Duration
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run the daemon: TFTP and the operations over a socket",
		Long: `serve runs the TFTP server and answers the other commands over the socket
flashwarden.sock in the data directory. While it runs, every command on that
data directory goes through it, with the same output and exit codes.

Root, the service's user and its group may use the socket. SIGTERM ends it:
no new operation begins, and running ones get the time of --drain.`,
		Example: "  flashwarden serve\n  flashwarden serve --data /srv/flashwarden --drain 2m",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.service = true
			return runServe(cmd.Context(), p, drain)
		},
	}
	cmd.Flags().DurationVar(&drain, "drain", 30*time.Second, "how long running operations may go on after SIGTERM")
	return cmd
}

// runServe runs the TFTP server and then the socket, each until ctx ends or one
// of them fails.
func runServe(ctx context.Context, p *program, drain time.Duration) error {
	local, dir, err := p.local()
	if err != nil {
		return err
	}
	tftpEnds, endTFTP := context.WithCancel(context.Background())
	defer endTFTP()
	ready := make(chan struct{})
	tftp := make(chan error, 1)
	go func() {
		tftp <- local.Serve(warden.As(tftpEnds, warden.Admin(userName(), "daemon")), func() { close(ready) })
	}()
	select {
	case err := <-tftp:
		return errors.Join(err, local.Close())
	case <-ready:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { cancel(<-tftp) }()
	socket := httpapi.Socket{Warden: local, Data: dir, Drain: drain, Log: p.log()}
	err = socket.Run(ctx, func() { fmt.Fprintf(p.err, "serving %s\n", dir) })
	if failed := context.Cause(ctx); failed != nil && !errors.Is(failed, context.Canceled) {
		err = errors.Join(failed, err)
	}
	endTFTP()
	return errors.Join(err, local.Close())
}
