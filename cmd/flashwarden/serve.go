package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/internal/config"
	"flashwarden/internal/service"
	"flashwarden/internal/systemd"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func serveCommand(p *program) *cobra.Command {
	var drain time.Duration
	var worker bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "run as a service: backups by schedule, and the other commands",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.service, p.doing = true, cmd.CommandPath()
			defer p.queueLog()()
			return runServe(cmd.Context(), p, worker, drain)
		},
	}
	waitFlag(p, cmd)
	drain = 30 * time.Second
	cmd.Flags().Var((*span)(&drain), "drain", "how long to wait for running operations and transfers after SIGTERM")
	cmd.Flags().BoolVar(&worker, "worker", false, "only run the jobs of other machines with the same catalog; no schedule")
	cmd.Flags().StringSliceVar(&p.sites, "site", nil, "back up only the devices of this `SITE`; no other machine backs them up; may be repeated")
	return cmd
}

// sayServing says on a terminal where the service can be reached.
func (p *program) sayServing(dir string, c config.Config) {
	if p.quiet || !terminal.IsTerminal(p.err) {
		return
	}
	tftp := "UDP " + c.TFTP.Listen
	if p.conn != nil {
		tftp = "the socket of systemd"
	}
	text := fmt.Sprintf("serving %s\nTFTP on %s, transfers on UDP %s", dir, tftp, c.TFTP.PortRange)
	if host, port, err := net.SplitHostPort(c.Web.Listen); err == nil && port != "0" { // the log has a free port
		scheme := "http"
		if c.Web.TLS != "" || c.Web.TLSCert != "" {
			scheme = "https"
		}
		text += fmt.Sprintf("\npage and API on %s://%s/", scheme, net.JoinHostPort(cmp.Or(host, "localhost"), port))
	}
	p.tell("", text+"\nCtrl-C ends")
}

// runServe serves the data directory until ctx ends.
func runServe(ctx context.Context, p *program, worker bool, drain time.Duration) (err error) {
	manager, err := systemd.Find(p.getenv)
	if err != nil {
		return err
	}
	passed, err := systemd.TakeSockets()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, passed.Close()) }()
	p.conn = passed.TFTP
	local, dir, err := p.local()
	if err != nil {
		return err
	}
	c, err := p.config()
	if err != nil {
		return errors.Join(err, local.Close())
	}
	s := &service.Service{Local: local, Data: dir, Worker: worker, Drain: drain, Hurry: p.signals.hurry(), Manager: manager, Syslog: c.Syslog, Web: c.Web, Listener: passed.Web, Version: readVersion().Version, Log: p.log()}
	passed.Web = nil // the service closes it
	defer onHangup(func() { s.Reload(p.config) })()
	err = s.Run(warden.As(ctx, warden.Admin(userName(), "daemon")), func() { p.sayServing(dir, c) })
	return errors.Join(err, local.Close())
}
