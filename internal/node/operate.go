package node

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/device"
	"flashwarden/internal/doctor"
	"flashwarden/internal/transfer"
)

// Hold takes a device that other machines may work on too; see backup.Runner.
type Hold func(ctx context.Context, d api.Device) (held context.Context, release func(), err error)

// Backup backs devices up and records each run, except those that only look.
// The node must have been started. hold is nil if no other process works on these devices.
func (n *runs) Backup(ctx context.Context, devices []api.Device, r api.Backup, hold Hold, events func(api.Event)) []api.BackupResult {
	runner := n.Runner()
	runner.Watch, runner.Hold = events, hold
	if r.Look {
		runner.Waits = []time.Duration{} // the queue tries again, without keeping its place meanwhile
	}
	if !r.DryRun {
		n.recover(ctx, false) // the next snapshot of a device follows one that landed despite an error
		runner.Begin = n.recordBackup
	}
	return runner.All(ctx, devices, backup.Options{Policy: r.Files, Recopy: r.Recopy, DryRun: r.DryRun, Look: r.Look})
}

// ShareContents lets one of several processes copy each content, which hold takes for this one;
// see backup.Contents. It is called after Start, before any operation.
func (n *runs) ShareContents(hold func(ctx context.Context, content string) (release func(), ok bool)) {
	n.contents.Hold = hold
}

// Told is our address that a device copies to. local is our address
// in the session to it.
func (n *transfers) Told(d api.Device, local netip.Addr) netip.Addr {
	return transfer.Server(d, n.opts.Config.TFTP.Advertise, local)
}

// Runner returns the runner of backups. The node must have been started.
func (n *runs) Runner() *backup.Runner {
	c := n.opts.Config
	port, certificate := n.server.httpsServer()
	return &backup.Runner{
		SCPPort: n.server.scpPort(), HTTPSPort: port, HTTPSCertificate: certificate,
		Dial: func(ctx context.Context, d api.Device) (backup.Device, error) {
			dial := n.logins.Dial
			if !slices.Contains(n.ways(d), api.CopySCPPull) {
				dial = n.logins.DialToTransfer
			}
			dev, err := dial(ctx, d)
			return session{dev}, err
		},
		Spool: n.service.spool, Vault: n.vault, Catalog: n.Catalog, Contents: n.contents,
		Advertise: c.TFTP.Advertise, Stall: c.Backup.StallTimeout,
		Parallel: c.Backup.Parallel, ParallelSite: c.Backup.ParallelPerSite,
		ProvedWithin: c.Protect.ProvedWithin, Looks: backup.LookRules{Reverify: c.Schedule.Reverify, Turns: n.reverify}, Policy: api.Policy(c.Backup.Files), CopyBy: c.Backup.CopyBy, Prefer: c.Transports.Prefer,
		Listen: n.server.Port(), Ports: c.TFTP.PortRange.String(), Log: n.opts.Log,
	}
}

// ways are the transports that backups of the device may use.
func (n *runs) ways(d api.Device) []string {
	c := n.opts.Config
	if by := cmp.Or(d.CopyBy, c.Backup.CopyBy); by != "" && by != api.CopyAuto {
		return []string{by}
	}
	return c.Transports.Prefer
}

// Trial returns test transfers with a device on an open session. The node must
// have been started.
func (n *runs) Trial(d api.Device, s doctor.Session) doctor.Trial {
	c := n.opts.Config
	port, certificate := n.server.httpsServer()
	server := transfer.Server(d, c.TFTP.Advertise, s.LocalAddr())
	return doctor.Trial{
		SCP:     transfer.SCP{Server: server, VRF: d.VRF, Port: n.server.scpPort()},
		HTTPS:   transfer.HTTPS{Server: server, VRF: d.VRF, Port: port, Certificate: certificate},
		Session: s, Spool: n.service.spool, Name: d.Name,
		Device: s.RemoteAddr(), Server: server, VRF: d.VRF,
		Ways: n.ways(d), User: d.Username,
		Listen: n.server.Port(), Ports: c.TFTP.PortRange.String(), Stall: c.Backup.StallTimeout,
	}
}

// session is a device as backups want it.
type session struct{ *device.Device }

// Skipped says in words what the device did not list.
func (s session) Skipped() []backup.Skipped {
	var out []backup.Skipped
	for _, skipped := range s.Device.Skipped() {
		out = append(out, backup.Skipped(skipped))
	}
	return out
}
