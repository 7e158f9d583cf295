package main

import (
	"context"
	"errors"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/doctor"
	"flashwarden/internal/ios"
	"flashwarden/internal/node"
	"flashwarden/internal/transfer"
)

// examinePath logs in to the device that was named, reads what could stop a
// transfer, and tries some.
func (p *program) examinePath(ctx context.Context, n *node.Node, e *examination) (report api.Report, err error) {
	d := e.devices[0]
	fmt.Fprintf(p.err, "%s: logging in\n", d.Name)
	session, err := n.DialToTransfer(ctx, d)
	if err != nil {
		return doctor.Failed(d.Name, err), ctx.Err()
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	facts, err := session.Facts(ctx)
	if err != nil {
		return doctor.Failed(d.Name, err), ctx.Err()
	}
	report.Notes = append(report.Notes, fmt.Sprintf("%s: logged in at %s, privileged EXEC, %s", d.Name, d.Address, facts.Version))
	way, err := e.path(d, session)
	if err != nil {
		return report, err
	}
	way, err = doctor.ReadPath(ctx, session, way)
	if err != nil {
		report.Add(doctor.Failed(d.Name, err))
		return report, ctx.Err()
	}
	report.Add(doctor.CheckPath(way))
	tried, err := p.try(ctx, n, d, session, way.Policers)
	report.Add(tried)
	return report, err
}

// path is the way to a device before anything was read.
func (e *examination) path(d api.Device, s doctor.Session) (doctor.Path, error) {
	ports, err := firewallPorts(e.config)
	return doctor.Path{
		Name: d.Name, Device: s.RemoteAddr(), Server: transfer.Server(d, e.config.TFTP.Advertise, s.LocalAddr()),
		Listen: ports.Listen, Ports: ports.Transfers,
	}, err
}

// try makes the test transfers, if this process can serve TFTP: one that runs
// on the data directory has the ports.
func (p *program) try(ctx context.Context, n *node.Node, d api.Device, session doctor.Session, before []ios.Policer) (api.Report, error) {
	if err := n.Start(); err != nil {
		return api.Report{Notes: []string{fmt.Sprintf("no test transfers: %v", err)}}, nil
	}
	trial := n.Trial(d, session)
	trial.Tell = func(what string) { fmt.Fprintf(p.err, "test transfer: %s\n", oneLine(what)) }
	report, err := trial.Run(ctx)
	if err == nil {
		var after []ios.Policer
		if after, err = doctor.ReadPolicers(ctx, session); err == nil {
			report.Add(doctor.CheckPolicers(d.Name, before, after))
		}
	}
	if err != nil && ctx.Err() == nil {
		report.Add(doctor.Failed(d.Name, err))
		err = nil
	}
	return report, err
}
