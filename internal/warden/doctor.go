package warden

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/doctor"
	"flashwarden/internal/firewall"
	"flashwarden/internal/ios"
	"flashwarden/internal/node"
)

// Doctor looks at this host and, where a device or all are named, at the path to
// each.
// It opens the data directory only where it is sound, and creates nothing.
func (l *hosts) Doctor(ctx context.Context, r api.Doctor, events func(api.Event)) (api.Report, error) {
	if err := l.allow(ctx, looking, "doctor", r.Device); err != nil {
		return api.Report{}, err
	}
	if r.All && r.Device != "" {
		return api.Report{}, CheckSelect(api.Select{Names: []string{r.Device}}, r.All)
	}
	e := examination{core: l.core, dir: doctor.ReadDirectory(l.opts.Data), again: r.Again}
	switch {
	case e.dir.Sound() && l.stat() == nil:
	case r.Device != "" && errors.Is(l.stat(), fs.ErrNotExist):
		return api.Report{}, catalog.NotFound(l.opts.Data, nil, r.Device)
	case r.All && errors.Is(l.stat(), fs.ErrNotExist):
		return api.Report{}, l.exists(ctx)
	default: // the directory's own fault is found, before any device is asked
		return e.host(ctx)
	}
	n, err := l.open(ctx)
	if err != nil {
		return api.Report{}, err
	}
	if err := e.read(ctx, n, r.Device); err != nil {
		return api.Report{}, err
	}
	if r.All && len(e.devices) == 0 {
		return api.Report{}, noneMatches(ctx, n, api.Select{})
	}
	report, err := e.host(ctx)
	report.Add(lostKey(n, l.opts.Data))
	if err != nil || r.Device == "" && !r.All {
		return report, err
	}
	paths, err := e.paths(ctx, n, events)
	report.Add(paths)
	return report, err
}

// lostKey judges the key of the secrets in the catalog: without it no device can be logged in to.
func lostKey(n *node.Node, data string) (r api.Report) {
	if p := AsProblem(n.ReadsSecrets()); p != nil {
		back := api.Fix(nil).Type(api.OnHost, "install -m 600 COPY "+api.ShellWord(filepath.Join(data, "key"))).Say(": ")
		r.Find(api.Finding{Cause: p.Cause, Seen: p.Detail, Next: back.Then(p.Fix)})
	}
	return r
}

// paths examines the paths to all devices, some side by side. The report has
// them in the order of the devices.
func (e *examination) paths(ctx context.Context, n *node.Node, events func(api.Event)) (api.Report, error) {
	reports, errs := make([]api.Report, len(e.devices)), make([]error, len(e.devices))
	e.sideBySide(len(e.devices), func(i int) {
		reports[i], errs[i] = e.path(ctx, n, e.devices[i], tellDoctor(e.devices[i].Name, events))
	})
	var all api.Report
	for i, r := range reports {
		for j := range r.Findings {
			r.Findings[j].Device = e.devices[i].Name
		}
		all.Add(r)
	}
	return all, errors.Join(errs...)
}

// tellDoctor returns what reports the steps of the examination of a path.
func tellDoctor(device string, events func(api.Event)) func(api.Step, string) {
	return func(step api.Step, what string) {
		if events != nil {
			events(api.Event{Time: time.Now().UTC(), Device: device, Step: step, File: what})
		}
	}
}

// examination is one examination of this host, with the facts of the stores that it
// compares the host with.
type examination struct {
	*core
	dir     doctor.Directory
	devices []api.Device
	newest  time.Time // of the snapshots
	largest int64     // of the images, in bytes
	again   string    // the line that looks again with more rights
}

// read reads from the stores which devices the host must be able to serve: the named
// one, or all.
func (e *examination) read(ctx context.Context, n *node.Node, name string) error {
	var s api.Select
	if name != "" {
		s.Names = []string{name}
	}
	var err error
	if e.devices, err = n.Catalog.Devices(ctx, s); err != nil {
		return err
	}
	slices.SortFunc(e.devices, func(a, b api.Device) int { return api.CompareNames(a.Name, b.Name) })
	states, err := n.Catalog.States(ctx, api.Select{}) // not all snapshots: there may be millions
	if err != nil {
		return err
	}
	for _, s := range states {
		if s.Newest.Started.After(e.newest) {
			e.newest = s.Newest.Started
		}
	}
	images, err := n.Catalog.Images(ctx)
	for _, i := range images {
		e.largest = max(e.largest, i.Size)
	}
	return err
}

// host reads and judges this host.
func (e *examination) host(ctx context.Context) (api.Report, error) {
	ports, err := firewallPorts(e.config())
	if err != nil {
		return api.Report{}, err
	}
	listen := e.config().TFTP.Listen
	sockets, err := doctor.ReadSockets(listen, ports.Transfers)
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
	r := e.sockets(sockets)
	for _, part := range []api.Report{
		doctor.CheckRange(doctor.ReadLocalPorts(), ports.Transfers), doctor.CheckFilter(filter, routes), doctor.CheckRoutes(routes, listen),
		doctor.CheckResolver(lookups), doctor.CheckDirectory(e.dir, e.largest), doctor.CheckClock(doctor.ReadClock(e.newest)),
	} {
		r.Add(part)
	}
	return r, ctx.Err()
}

// sockets judges the sockets of the TFTP server. Those of this process are in
// use for the right reason.
func (e *examination) sockets(sockets []doctor.Socket) api.Report {
	if e.isServing() {
		return api.Report{Notes: []string{"this process serves TFTP on " + e.config().TFTP.Listen}}
	}
	return doctor.CheckSockets(sockets, e.dir.InUse)
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
			told := e.config().TFTP.Advertise
			if a, err := netip.ParseAddr(d.TFTPAddress); err == nil {
				told = a
			}
			targets = append(targets, doctor.Target{Name: d.Name, Address: h.Address, Told: told})
		}
	}
	return targets, lookups
}

// path logs in to a device, reads what could stop a transfer, and tries some.
func (e *examination) path(ctx context.Context, n *node.Node, d api.Device, tell func(api.Step, string)) (report api.Report, err error) {
	tell(api.StepLogin, "")
	session, err := n.DialToTransfer(ctx, d)
	for _, key := range n.FirstLogins(d.Name) {
		report.Note("%s", key.Pinned())
	}
	if err != nil {
		report.Add(doctor.Failed(d.Name, err))
		return report, ctx.Err()
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	facts, err := session.Facts(ctx)
	if err != nil {
		report.Add(doctor.Failed(d.Name, err))
		return report, ctx.Err()
	}
	report.Notes = append(report.Notes, fmt.Sprintf("%s: logged in at %s, privileged EXEC, %s", d.Name, d.Address, facts.Version))
	way, err := e.way(n, d, session)
	if err != nil {
		return report, err
	}
	way, err = doctor.ReadPath(ctx, session, way)
	if err != nil {
		report.Add(doctor.Failed(d.Name, err))
		return report, ctx.Err()
	}
	report.Add(doctor.CheckPath(way))
	tried, err := e.try(ctx, d, session, way.Policers, tell)
	report.Add(tried)
	return report, err
}

// way is the path to a device before anything was read.
func (e *examination) way(n *node.Node, d api.Device, s doctor.Session) (doctor.Path, error) {
	ports, err := firewallPorts(e.config())
	return doctor.Path{
		Name: d.Name, Device: s.RemoteAddr(), Server: n.Told(d, s.LocalAddr()),
		Ports: ports.Transfers,
	}, err
}

// try makes the test transfers, if this process can serve TFTP: another one
// that works on the data directory has the ports.
func (e *examination) try(ctx context.Context, d api.Device, session doctor.Session, before []ios.Policer, tell func(api.Step, string)) (api.Report, error) {
	n, err := e.served(ctx)
	if err != nil {
		return api.Report{Skipped: []string{fmt.Sprintf("no test transfers with %s: %v", d.Name, err)}}, nil
	}
	trial := n.Trial(d, session)
	trial.Tell = func(what string) { tell(api.StepTry, what) }
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
