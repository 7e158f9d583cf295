// Package restore is the way back: it puts files of a snapshot onto a device,
// proves them there, makes an image the next to boot and starts the device
// again, each only as far as it was asked.
//
// Plan looks at the device and returns a document with every command. Apply
// checks that the device is still as the document saw it and that Plan would
// make the same document now, then types those commands. Nothing is erased, formatted or overwritten. A
// file is deleted only if the user named it and the vault is proved to hold its
// content, or if this restore wrote it and it is not what it should be.
package restore

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/vault"
)

// ErrRefused marks a restore that was refused for safety before anything was
// changed on the device.
var ErrRefused = errors.New("nothing was changed on the device")

// Device is what a restore needs of a device: one terminal line that is logged
// in. Its errors carry causes.
type Device interface {
	Facts(ctx context.Context) (ios.Facts, error)
	Boot(ctx context.Context) (ios.Boot, error)
	// BootOfFacts is what Boot would have read at the last call of Facts.
	BootOfFacts() ios.Boot
	BootConfig(ctx context.Context) (ios.BootConfig, error)
	SavedBootConfig(ctx context.Context) (ios.BootConfig, error)
	ROMVariables(ctx context.Context) (ios.ROMVariables, error)
	Uptime(ctx context.Context) (time.Duration, error)
	Files(ctx context.Context) ([]ios.Listing, error)
	List(ctx context.Context, fileSystem string) ([]ios.Listing, error)
	Text(ctx context.Context, path string) (string, error)
	// Digest asks the device for a digest of its file of so many bytes (-1: not
	// known). The digest is empty where it computes none.
	Digest(ctx context.Context, path string, size int64, heard func(marks int)) (ios.Verification, error)
	Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error)
	// Interfaces are those of the device, with their addresses.
	Interfaces(ctx context.Context) ([]ios.Interface, error)
	Do(ctx context.Context, c ios.Change) error
	Configure(ctx context.Context, lines []string) error
	// Restart runs a command whose success is that the session ends.
	Restart(ctx context.Context, c ios.Change) error
	LocalAddr() netip.Addr  // our address in the session to the device
	RemoteAddr() netip.Addr // the device's address in it
	Close() error
}

// Runner plans restores and applies plans. Its fields are set before its first
// use and not changed after.
type Runner struct {
	Dial    func(ctx context.Context, d api.Device) (Device, error)
	Spool   *spool.Spool
	Vault   *vault.Vault
	Catalog catalog.Contents

	Advertise netip.Addr    // written into copy commands; invalid: the session's local address
	Stall     time.Duration // a transfer that moves no byte for so long has stalled; 0: 60 s
	Poll      time.Duration // between two attempts to reach a device that starts again; 0: 10 s
	Return    time.Duration // how long a device may take to return; 0: 30 min
	Listen    uint16        // the UDP port of the TFTP server, for hints; 0: 69
	Ports     string        // the transfer-ID range, for hints: "1056:1059"
	// Way returns api.CopySCP or api.CopyHTTPS for a device that fetches files from our SCP or HTTPS
	// server, and anything else for one that uses TFTP; nil: all use TFTP.
	Way              func(ctx context.Context, d api.Device) string
	SCPPort          uint16 // TCP port of the SCP server
	HTTPSPort        uint16 // TCP port of the HTTPS server
	HTTPSCertificate string // file with its certificate, for hints

	Log *slog.Logger // nil: discard
	// Note is called before each step, with that step and the steps that were done before it; nil: nobody asks.
	Note func(ctx context.Context, text string)
}

func (r *Runner) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

// line is the terminal line of one restore. A line that died is replaced.
type line struct {
	Device // nil before the first dial and after hangUp

	dial   func(ctx context.Context) (Device, error)
	report reporter
	log    *slog.Logger
}

// connect logs in to a device.
func (r *Runner) connect(ctx context.Context, d api.Device, report reporter) (*line, error) {
	l := &line{dial: func(ctx context.Context) (Device, error) { return r.Dial(ctx, d) }, report: report, log: r.log().With("device", d.Name)}
	return l, l.renew(ctx)
}

// renew ends the line and takes a new one.
func (l *line) renew(ctx context.Context) error {
	l.hangUp()
	l.report(api.Event{Step: api.StepLogin, Size: -1})
	dev, err := l.dial(ctx)
	if err != nil {
		return err
	}
	l.Device = dev
	return nil
}

// hangUp ends the line, if there is one. An error changes nothing on the
// device: it is only logged.
func (l *line) hangUp() {
	if l.Device == nil {
		return
	}
	if err := l.Close(); err != nil {
		l.log.Debug("close terminal", "err", err)
	}
	l.Device = nil
}

// digest asks the device for the digest of one of its files. The digest is
// empty where it computes none.
func (l *line) digest(ctx context.Context, p string, size int64) (ios.Digest, error) {
	l.report(api.Event{Step: api.StepVerify, File: p, Size: size})
	v, err := l.Digest(ctx, p, size, nil)
	return v.Digest, err
}

// reporter reports the progress of one restore.
type reporter func(e api.Event)

// reporterFor passes progress on to events, which may be nil.
func reporterFor(device string, events func(api.Event)) reporter {
	return func(e api.Event) {
		if events != nil {
			e.Device = device
			events(e)
		}
	}
}

// refuse returns the error of a restore that is refused for safety.
func refuse(seen string, fix api.Fix) error {
	return cause.Wrap(cause.Cancelled, ErrRefused, seen, fix)
}

// refusal is refuse as data, for a plan.
func refusal(seen string, fix api.Fix) api.Problem {
	return api.Problem{Cause: cause.Cancelled, Detail: seen, Fix: fix, Exit: api.ExitRefused}
}

// failure is an error that keeps a plan from being carried out, as data.
func failure(err error) api.Problem {
	return api.Problem{Cause: cause.Of(err), Detail: cause.Text(err), Fix: cause.FixOf(err), Exit: api.ExitFailed}
}

// cancelledOr returns err, or the reason that ended the context.
func cancelledOr(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	ended := cause.Ended(ctx)
	if ended.Cause != cause.Cancelled || err == ctx.Err() {
		return ended
	}
	if cause.Of(err) == cause.Cancelled {
		return err
	}
	return cause.Wrap(cause.Cancelled, err, ended.Seen, ended.Fix)
}
