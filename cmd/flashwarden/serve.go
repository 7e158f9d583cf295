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

// runServe serves the data directory until ctx ends.
func runServe(ctx context.Context, p *program, drain time.Duration) error {
	local, dir, err := p.local()
	if err != nil {
		return err
	}
	daemon := httpapi.Daemon{Local: local, Socket: httpapi.Socket{Warden: local, Data: dir, Drain: drain, Log: p.log()}}
	err = daemon.Run(warden.As(ctx, warden.Admin(userName(), "daemon")), func() { fmt.Fprintf(p.err, "serving %s\n", dir) })
	return errors.Join(err, local.Close())
}
