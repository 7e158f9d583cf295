package restore

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/transfer"
)

// way is how files take to and from a device.
type way struct {
	by     string // api.CopySCP or api.CopyHTTPS; empty: TFTP
	server netip.Addr
	vrf    string
	port   uint16 // of the server for SCP or HTTPS
}

// way is the way to and from a device.
func (r *Runner) way(ctx context.Context, d api.Device, l *line) way {
	w := way{server: transfer.Server(d, r.Advertise, l.LocalAddr()), vrf: d.VRF}
	if r.Way != nil {
		w.by = r.Way(ctx, d)
	}
	switch w.by {
	case api.CopySCP:
		w.port = r.SCPPort
	case api.CopyHTTPS:
		w.port = r.HTTPSPort
	default:
		w.by = ""
	}
	return w
}

// wayOf is the way of a plan.
func wayOf(p api.Plan) way {
	server, err := netip.ParseAddr(p.Server)
	if err != nil {
		server = netip.Addr{} // then the commands are not those of the plan
	}
	return way{p.CopyBy, server, p.VRF, p.Port}
}

// documented is the way as it stands in a plan: the port of SCP is in no command.
func (w way) documented() way {
	if w.by != api.CopyHTTPS {
		w.port = 0
	}
	return w
}

// String says the way in words.
func (w way) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s to %s %s", cmp.Or(w.by, api.CopyTFTP), w.server, w.vrf))
}

// transport is the transport of the way. r has what only fixes need, and may be nil.
func (w way) transport(r *Runner) transfer.Transport {
	if r == nil {
		r = new(Runner)
	}
	switch w.by {
	case api.CopySCP:
		return transfer.SCP{Server: w.server, VRF: w.vrf, Port: cmp.Or(w.port, r.SCPPort)}
	case api.CopyHTTPS:
		return transfer.HTTPS{Server: w.server, VRF: w.vrf, Port: w.port, Certificate: r.HTTPSCertificate}
	}
	return transfer.TFTP{Server: w.server, VRF: w.vrf, Listen: r.Listen, Ports: r.Ports}
}

// line is the command that moves a file.
func (w way) line(f transfer.File) string { return w.transport(nil).Line(f) }
