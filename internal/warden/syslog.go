package warden

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
	"flashwarden/internal/syslog"
)

// BySyslog is who asks for a look at a device that has reported a change.
const BySyslog = "syslog"

// RunSyslog has devices that report a change looked at, until ctx ends. It is called after
// UseQueue.
func (l *queue) RunSyslog(ctx context.Context, c net.PacketConn, quiet time.Duration) error {
	n, err := l.open(ctx)
	if err != nil {
		return err
	}
	s := syslog.Listener{Conn: c, Quiet: quiet, Log: l.log(),
		Devices: func(ctx context.Context) (map[netip.Addr]string, error) { return deviceAddresses(ctx, n) },
		Look:    func(ctx context.Context, device, _ string) error { return l.lookAt(ctx, n, device) }}
	return s.Run(ctx)
}

// deviceAddresses returns the names of the devices by their addresses. An address that
// several devices have belongs to none: nobody can say which one has changed.
func deviceAddresses(ctx context.Context, n *node.Node) (map[netip.Addr]string, error) {
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return nil, err
	}
	hosts, _ := resolveDevices(ctx, devices) // one without an address sends nothing that counts
	names := make(map[netip.Addr]string, len(hosts))
	for _, h := range hosts {
		a := h.Address.Unmap().WithZone("")
		if other, ok := names[a]; ok && other != h.Name {
			names[a] = ""
			continue
		}
		names[a] = h.Name
	}
	return names, nil
}

// lookAt adds a look at a device, unless one waits already.
func (l *queue) lookAt(ctx context.Context, n *node.Node, device string) error {
	d, err := n.Catalog.Device(ctx, device)
	if errors.Is(err, catalog.ErrNotFound) {
		return nil // it was removed
	}
	if err != nil {
		return err
	}
	waiting, err := n.Catalog.Jobs(ctx, api.JobSelect{Device: device, State: api.JobQueued, Limit: 1})
	if err != nil || len(waiting.Jobs) > 0 {
		return err
	}
	_, err = l.jobs().queue.Add(ctx, backupJob(d, api.Backup{Look: true}, BySyslog, false))
	return err
}
