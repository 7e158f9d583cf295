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
		Short: "run as a service: TFTP server, and socket for the commands",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.service, p.doing = true, cmd.CommandPath()
			defer p.queueLog()()
			defer onHangup(func() {
				p.log().Warn("SIGHUP: serve reads the configuration only when it starts; restart it to change settings")
			})()
			return runServe(cmd.Context(), p, drain)
		},
	}
	p.waitFlag(cmd)
	drain = 30 * time.Second
	cmd.Flags().Var((*span)(&drain), "drain", "how long to wait for running operations after SIGTERM")
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
	case <-ctx.Done(): // it waits for another process, or is ready at the same moment
		endTFTP()
		err := <-tftp
		if errors.Is(err, context.Canceled) {
			err = nil // the signal says why
		}
		return errors.Join(err, local.Close())
	case <-ready:
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cancel(<-tftp)
	}()
	socket := httpapi.Socket{Warden: local, Data: dir, Drain: drain, Log: p.log()}
	err = socket.Run(ctx, func() { fmt.Fprintf(p.err, "serving %s\n", dir) })
	if failed := context.Cause(ctx); failed != nil && !errors.Is(failed, context.Canceled) {
		err = errors.Join(failed, err)
	}
	endTFTP()
	<-ended
	return errors.Join(err, local.Close())
}
