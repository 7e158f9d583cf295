package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/doctor"
	"flashwarden/internal/firewall"
	"flashwarden/internal/node"
)

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [NAME]",
		Short: "look for what would make a backup fail, on this host and on the path to a device",
		Long: `doctor looks at this host: the TFTP port and the port range, the packet filter,
the data directory, the clock, names, and which address devices are told. With
the name of a device it also logs in there, reads what could stop a transfer,
and makes test transfers in both directions whose bytes are thrown away.

It prints what was seen, the cause with which a backup would fail, and the exact
lines to type. It changes nothing, here or on the device. It ends with 1 when
something was found.`,
		Example: `  flashwarden doctor
  flashwarden doctor sw1
  flashwarden doctor sw1 --json | jq -r '.findings[].fix'`,
		Args:              usageArgs(cobra.MaximumNArgs(1)),
		ValidArgsFunction: p.completeDevices,
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := p.doctor(cmd.Context(), args)
			if err != nil {
				return err
			}
			return p.printReport(report)
		},
	}
}

// doctor examines this host and, if one is named, the path to a device. The
// data directory is opened only where it is sound: nothing is made.
func (p *program) doctor(ctx context.Context, names []string) (api.Report, error) {
	cfg, err := p.config()
	if err != nil {
		return api.Report{}, err
	}
	dir, err := p.dataDir()
	if err != nil {
		return api.Report{}, err
	}
	e := examination{config: cfg, dir: doctor.ReadDirectory(dir), again: p.lookAgain(dir, names)}
	_, err = os.Stat(filepath.Join(dir, "catalog.db"))
	switch {
	case e.dir.Sound() && err == nil:
	case errors.Is(err, fs.ErrNotExist) && len(names) > 0:
		return api.Report{}, unknownError{fmt.Errorf("device %s: %w in %s", names[0], catalog.ErrNotFound, dir)}
	default: // what is wrong with the directory is found, before any device
		return e.host(ctx)
	}
	var report api.Report
	return report, p.withNode(ctx, func(n *node.Node) error {
		report, err = p.examine(ctx, n, &e, names)
		return err
	})
}

// examine looks at the host for the devices that are named, or all, and then
// at the path to the one that is named.
func (p *program) examine(ctx context.Context, n *node.Node, e *examination, names []string) (api.Report, error) {
	var err error
	if e.devices, err = n.Catalog.Devices(ctx, api.Select{Names: names}); err != nil {
		return api.Report{}, err
	}
	snapshots, err := n.Catalog.Snapshots(ctx, "")
	if err != nil {
		return api.Report{}, err
	}
	for _, s := range snapshots {
		e.newest = s.Started // oldest first
	}
	images, err := n.Catalog.Images(ctx)
	if err != nil {
		return api.Report{}, err
	}
	for _, i := range images {
		e.largest = max(e.largest, i.Size)
	}
	r, err := e.host(ctx)
	if err != nil || len(names) == 0 {
		return r, err
	}
	path, err := p.examinePath(ctx, n, e)
	r.Add(path)
	return r, err
}

// examination is what the host is looked at for.
type examination struct {
	config  config.Config
	dir     doctor.Directory
	devices []api.Device
	newest  time.Time // of the snapshots
	largest int64     // of the images, in bytes
	again   string    // the line that looks again with more rights
}

// host reads and judges this host.
func (e *examination) host(ctx context.Context) (api.Report, error) {
	ports, err := firewallPorts(e.config)
	if err != nil {
		return api.Report{}, err
	}
	tftp := e.config.TFTP
	sockets, err := doctor.ReadSockets(tftp.Listen, ports.Transfers)
	if err != nil {
		return api.Report{}, err
	}
	targets, lookups := e.targets(ctx)
	routes, err := doctor.ReadRoutes(ctx, targets)
	if err != nil {
		return api.Report{}, err
	}
	filter := doctor.Filter{Ports: ports, Helper: doctor.ReadHelper(), Command: e.again}
	filter.Rules, filter.Err = firewall.Read(ctx)
	r := doctor.CheckSockets(sockets, e.dir.InUse)
	for _, part := range []api.Report{
		doctor.CheckRange(doctor.ReadLocalPorts(), ports.Transfers), doctor.CheckFilter(filter, routes), doctor.CheckRoutes(routes, tftp.Listen),
		doctor.CheckResolver(lookups), doctor.CheckDirectory(e.dir, e.largest), doctor.CheckClock(doctor.ReadClock(e.newest)),
	} {
		r.Add(part)
	}
	return r, ctx.Err()
}

// lookAgain is the line for sudo that runs doctor as the same user with the
// right to read the rules: root would be refused the data directory of another.
// sudo keeps no environment, so that what it says of ports is written out.
func (p *program) lookAgain(data string, names []string) string {
	words := []string{"setpriv", fmt.Sprintf("--reuid=%d", os.Geteuid()), fmt.Sprintf("--regid=%d", os.Getegid()), "--clear-groups",
		"--inh-caps=+net_admin,+net_raw", "--ambient-caps=+net_admin,+net_raw"}
	words = append(words, "env")
	for _, setting := range p.env {
		if strings.HasPrefix(setting, "FLASHWARDEN_TFTP_") {
			words = append(words, setting)
		}
	}
	words = append(words, "flashwarden", "doctor", "--data", data)
	if p.configFile != "" {
		words = append(words, "--config", p.configFile)
	}
	words = append(words, names...)
	for i, word := range words {
		words[i] = api.ShellWord(word)
	}
	return strings.Join(words, " ")
}

// targets are the addresses of the devices, and how their names resolved.
func (e *examination) targets(ctx context.Context) ([]doctor.Target, []doctor.Lookup) {
	var targets []doctor.Target
	var lookups []doctor.Lookup
	for _, d := range e.devices {
		began := time.Now()
		hosts, err := resolveDevice(ctx, d)
		if err != nil || hosts[0].Asked != "" {
			lookups = append(lookups, doctor.Lookup{Device: d.Name, Err: err, Took: time.Since(began)})
		}
		for _, h := range hosts {
			told := e.config.TFTP.Advertise
			if a, err := netip.ParseAddr(d.TFTPAddress); err == nil {
				told = a
			}
			targets = append(targets, doctor.Target{Name: d.Name, Address: h.Address, Told: told})
		}
	}
	return targets, lookups
}

// printReport prints what was found; its error chooses the exit code.
func (p *program) printReport(r api.Report) error {
	var err error
	findings := []api.Finding{}
	for _, f := range r.Findings {
		findings = append(findings, f.Rendered())
	}
	r.Findings = findings
	if p.json {
		err = p.writeJSON(map[string]any{"findings": r.Findings})
	} else {
		p.printFindings(r)
	}
	if len(r.Findings) > 0 {
		return errors.Join(err, errProblems)
	}
	return err
}

func (p *program) printFindings(r api.Report) {
	for _, note := range r.Notes {
		fmt.Fprintf(p.out, "ok  %s\n", oneLine(note))
	}
	for _, f := range r.Findings {
		where := f.Where
		if where == api.OnHost {
			where = "this host"
		}
		fmt.Fprintf(p.out, "\n%s: %s\n", f.Cause, oneLine(f.Seen))
		if f.Fix != "" {
			fmt.Fprintf(p.out, "  type on %s:\n    %s\n", where, strings.ReplaceAll(printable(f.Fix), "\n", "\n    "))
		}
		if f.Changes != "" {
			fmt.Fprintf(p.out, "  it changes: %s\n", printable(f.Changes))
		}
	}
	if len(r.Findings) == 0 {
		fmt.Fprintln(p.out, "nothing was found that would make a backup fail")
	}
}
