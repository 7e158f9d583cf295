package backup

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/transfer"
)

// wayHolds is how long a transport that auto has found is tried first. Then the
// preferred one has its turn again: perhaps somebody has permitted it on the device.
const wayHolds = 7 * 24 * time.Hour

// refusal is a transport that the device refused, and why.
type refusal struct {
	way string
	err error
}

// transportTries goes through transports until the device does not refuse one.
type transportTries struct {
	left     []string
	way      string // the one that is tried
	err      error  // of the last try
	refusals []refusal
}

// again reports whether a transport has to be tried, which is then in way.
func (t *transportTries) again() bool {
	if t.way != "" && !refuses(t.err) {
		return false
	}
	if t.way != "" {
		t.refusals = append(t.refusals, refusal{t.way, t.err})
	}
	if len(t.left) == 0 {
		return false
	}
	t.way, t.left = t.left[0], t.left[1:]
	return true
}

// endTries returns the error of the tries, or remembers the transport that worked.
func (j job) endTries(ctx context.Context, t transportTries) (notes []string, err error) {
	switch {
	case t.err == nil:
		return j.rememberWay(ctx, t.way, t.refusals), nil
	case refuses(t.err):
		return nil, allRefused(t.refusals)
	}
	return nil, t.err
}

// refuses reports whether another transport may do what this error prevents.
func refuses(err error) bool {
	c := cause.Of(err)
	return c == cause.TransportRestricted || c == cause.NotPermittedOnDevice
}

// ways returns the transports to try for the device, in this order. There is at least one, and
// none that the user did not allow. One that works is remembered, so that a device does not refuse the others each time.
func (j job) ways(ctx context.Context, d Device) []string {
	by := cmp.Or(j.device.CopyBy, j.CopyBy, api.CopyAuto)
	if by != api.CopyAuto {
		return []string{by}
	}
	all := slices.Clone(j.Prefer)
	if len(all) == 0 {
		all = []string{api.CopyTFTP}
	}
	if len(all) > 1 && !j.server(d).IsValid() { // behind a jump host
		all = slices.DeleteFunc(all, func(way string) bool { return way != api.CopySCPPull })
	}
	known := j.way(ctx)
	if i := slices.Index(all, known.Way); i > 0 && time.Since(known.Since) < wayHolds {
		all = slices.Insert(slices.Delete(all, i, i+1), 0, known.Way)
	}
	return all
}

// way returns the transport that was found before. Without the catalog all are tried.
func (j job) way(ctx context.Context) api.CopyWay {
	known, err := j.Catalog.CopyWay(ctx, j.device.Name)
	if err != nil {
		j.log().Debug("no remembered transport", "device", j.device.Name, "err", err)
	}
	return known
}

// rememberWay notes the transport that worked, and returns a note if others did not.
func (j job) rememberWay(ctx context.Context, way string, refusals []refusal) (notes []string) {
	reason := reasons(refusals)
	known := j.way(ctx)
	if reason == "" && (known.Way == way || known.Way == "") {
		return nil
	}
	err := j.Catalog.SetCopyWay(context.WithoutCancel(ctx), j.device.Name, api.CopyWay{Way: way, Reason: reason, Since: time.Now().UTC().Truncate(time.Millisecond)})
	if err != nil { // the next backup finds it again
		j.log().Warn("remember transport", "device", j.device.Name, "err", err)
	}
	if reason == "" {
		return nil
	}
	return []string{"copied by " + way + ", because " + reason}
}

// reasons says in words why the device refused transports.
func reasons(refusals []refusal) string {
	var texts []string
	for _, r := range refusals {
		texts = append(texts, r.way+": "+cause.Text(r.err))
	}
	return strings.Join(texts, "; ")
}

// allRefused is the error for a device that refused every transport that was tried. The
// cause is that of the first one.
func allRefused(refusals []refusal) error {
	if len(refusals) == 1 {
		return refusals[0].err
	}
	var fix api.Fix
	for _, r := range refusals {
		if fix != nil {
			fix = fix.Say("; or ")
		}
		fix = fix.Then(cause.FixOf(r.err))
	}
	return cause.New(cause.Of(refusals[0].err), reasons(refusals), fix)
}

// via is a transport for the files of the device.
func (j job) via(d Device, way string) transfer.Transport {
	switch way {
	case api.CopySCPPull:
		return transfer.SCPPull{Exec: d.Exec, User: j.device.Username}
	case api.CopySCP:
		return transfer.SCP{Server: j.server(d), VRF: j.device.VRF, Port: j.SCPPort}
	case api.CopyHTTPS:
		return transfer.HTTPS{Server: j.server(d), VRF: j.device.VRF, Port: j.HTTPSPort, Certificate: j.HTTPSCertificate}
	}
	return transfer.TFTP{Server: j.server(d), VRF: j.device.VRF, Listen: j.Listen, Ports: j.Ports}
}

// server is our address that the device copies to; invalid if nobody says it.
func (j job) server(d Device) netip.Addr {
	return transfer.Server(j.device, j.Advertise, d.LocalAddr())
}
