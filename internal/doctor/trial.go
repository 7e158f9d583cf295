package doctor

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// Trial makes test transfers with a device whose bytes are thrown away on both
// sides. Nothing on the device changes: it writes into null:, and reads files
// that it has.
type Trial struct {
	Session        Session
	Spool          *spool.Spool
	Name           string
	Device, Server netip.Addr
	VRF            string
	Ways           []string          // the transports that backups of the device may use, as api.CopyTFTP; empty: TFTP
	User           string            // of the login, for fixes
	SCP            transfer.SCP      // our SCP server, as the device reaches it
	HTTPS          transfer.HTTPS    // our HTTPS server, as the device reaches it
	Listen         uint16            // UDP port of the TFTP server; 0: 69
	Ports          string            // transfer-ID range: "1056:1059"
	Stall          time.Duration     // silence after which a transfer has stalled; 0: 60 s
	Tell           func(text string) // of each transfer as it begins
}

const (
	tinyFile   = 100       // bytes: one block, whatever its size
	largeFile  = 256 << 10 // bytes: many blocks of any size
	smallest   = 8192      // bytes of a file of the device that takes more than one of its blocks
	largest    = 4 << 20   // bytes of a file of the device that is fetched only to try the way
	trialEnds  = 10 * time.Minute
	nullDevice = "null:"
)

// Run makes test transfers over each transport of the device. An error is one of the
// session.
func (t Trial) Run(ctx context.Context) (r api.Report, err error) {
	if len(t.Ways) == 0 || slices.Contains(t.Ways, api.CopyTFTP) {
		r, err = t.overTFTP(ctx)
	}
	if err == nil && slices.Contains(t.Ways, api.CopySCPPull) {
		err = t.oneFile(ctx, transfer.SCPPull{Exec: t.Session.Exec, User: t.User}, api.CopySCPPull, &r)
	}
	if err == nil && slices.Contains(t.Ways, api.CopySCP) {
		err = t.toServer(ctx, t.SCP, api.CopySCP, &r)
	}
	if err == nil && slices.Contains(t.Ways, api.CopyHTTPS) {
		err = t.toServer(ctx, t.HTTPS, api.CopyHTTPS, &r)
	}
	return r, err
}

// toServer lets the device send its smallest file, if our server listens.
func (t Trial) toServer(ctx context.Context, via transfer.Transport, way string, r *api.Report) error {
	if err := via.Check(transfer.File{Path: "flash:/x"}); err != nil {
		r.Add(Failed(t.Name, err))
		return nil
	}
	return t.oneFile(ctx, via, way, r)
}

// oneFile takes the smallest file of the device over a transport.
func (t Trial) oneFile(ctx context.Context, via transfer.Transport, way string, r *api.Report) error {
	listings, err := t.Session.Files(ctx)
	if err != nil {
		return err
	}
	path, size := pick(listings, 1, largest)
	if path == "" {
		r.Skip("no test transfer by %s from %s: its flash has no file of 1 to %d bytes", way, t.Name, largest)
		return nil
	}
	ticket := via.Expect(t.Spool, t.Device, size, time.Now().Add(trialEnds))
	_, err = t.exchange(ctx, transfer.Transfer{Path: path, Via: via, Ticket: ticket}, fmt.Sprintf("%s of %d bytes by %s from %s", path, size, way, t.Name), r)
	return err
}

// overTFTP moves a tiny and a large file to the device, and from it.
func (t Trial) overTFTP(ctx context.Context) (api.Report, error) {
	var r api.Report
	for _, size := range []int{tinyFile, largeFile} {
		passed, err := t.down(ctx, size, &r)
		if err != nil {
			return r, err
		}
		if !passed {
			break // a larger one would say the same
		}
	}
	if slices.ContainsFunc(r.Findings, func(f api.Finding) bool { return f.Cause == cause.NoRequest }) {
		r.Skip("no test transfer from %s: its requests do not arrive here", t.Name)
		return r, nil
	}
	listings, err := t.Session.Files(ctx)
	if err != nil {
		return r, err
	}
	for _, want := range []struct{ least, most int64 }{{1, 511}, {smallest, largest}} {
		path, size := pick(listings, want.least, want.most)
		if path == "" {
			r.Skip("no test transfer from %s: its flash has no file of %d to %d bytes", t.Name, want.least, want.most)
			continue
		}
		passed, err := t.up(ctx, path, size, &r)
		if err != nil {
			return r, err
		}
		if !passed {
			break
		}
	}
	return r, nil
}

// pick gives the smallest file within the bounds.
func pick(listings []ios.Listing, least, most int64) (path string, size int64) {
	size = most + 1
	for _, l := range listings {
		for _, e := range l.Entries {
			p := ios.CleanPath(l.Path + "/" + e.Name)
			if e.Type != ios.TypeDirectory && !e.Deleted && e.Size >= least && e.Size < size && ios.Typeable("file", p) == nil {
				path, size = p, e.Size
			}
		}
	}
	return path, size
}

// down lets the device fetch random bytes into null:.
func (t Trial) down(ctx context.Context, size int, r *api.Report) (passed bool, err error) {
	f, sum, err := scratch(size)
	if err != nil {
		return false, err
	}
	ticket, err := t.Spool.Offer(ctx, f, spool.Offer{Device: t.Device, SHA256: sum, Deadline: time.Now().Add(trialEnds)})
	if err != nil {
		return false, err
	}
	return t.exchange(ctx, transfer.Transfer{Path: nullDevice, ToDevice: true, Ticket: ticket}, fmt.Sprintf("a file of %d bytes to %s (copy into %s)", size, t.Name, nullDevice), r)
}

// scratch makes a file without a name that holds random bytes.
func scratch(size int) (f *os.File, sha string, err error) {
	if f, err = os.CreateTemp("", "flashwarden-doctor-"); err != nil {
		return nil, "", fmt.Errorf("test file: %w", err)
	}
	body := make([]byte, size)
	rand.Read(body) // never fails
	sum := sha256.Sum256(body)
	_, err = f.Write(body)
	if err = errors.Join(err, os.Remove(f.Name())); err != nil {
		return nil, "", errors.Join(fmt.Errorf("test file: %w", err), f.Close())
	}
	return f, hex.EncodeToString(sum[:]), nil
}

// up lets the device send one of its files, which is not kept.
func (t Trial) up(ctx context.Context, path string, size int64, r *api.Report) (passed bool, err error) {
	ticket := t.Spool.Expect(t.Device, size, time.Now().Add(trialEnds))
	return t.exchange(ctx, transfer.Transfer{Path: path, Ticket: ticket}, fmt.Sprintf("%s of %d bytes from %s", path, size, t.Name), r)
}

// exchange makes one transfer and enters how it went.
func (t Trial) exchange(ctx context.Context, x transfer.Transfer, what string, r *api.Report) (passed bool, err error) {
	if t.Tell != nil {
		t.Tell(what)
	}
	began := time.Now()
	x.Session, x.Name, x.Stall = t.Session, t.Name, t.Stall
	if x.Via == nil {
		x.Via = transfer.TFTP{Server: t.Server, VRF: t.VRF, Listen: t.Listen, Ports: t.Ports}
	}
	out, err := x.Run(ctx)
	err = errors.Join(err, x.Ticket.Close())
	switch {
	case err == nil && out.SessionLost:
		return false, cause.New(cause.SessionLost, "the terminal session ended during the test transfer of "+what, api.Say("check that the device is up, then try again"))
	case ctx.Err() != nil, cause.Of(err) == cause.SessionLost:
		return false, err
	case err == nil:
		r.Note("test transfer: %s: %.1f s", what, time.Since(began).Seconds())
	case x.Path == nullDevice && cause.Of(err) == cause.CommandRejected:
		r.Skip("no test transfer to %s: it cannot copy into %s", t.Name, nullDevice)
	default:
		r.Add(Failed(t.Name, fmt.Errorf("test transfer: %s: %w", what, err)))
	}
	return err == nil, nil
}
