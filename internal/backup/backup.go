// Package backup is the main job: log in, look, select, for each file reuse
// the content that the vault holds or copy and compare it, keep it, and write
// the snapshot.
//
// Success is decided by the ticket of the transfer and the digests, never by
// the words of the device. One attempt is a visit, and each of its stages takes
// values and returns values. Around it are three wrappers: attempts (try
// again), line (reconnect) and Contents (one copy per content).
package backup

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/vault"
)

// Device is what a backup needs of a device: one terminal line that is logged
// in. Its errors carry causes.
type Device interface {
	Facts(ctx context.Context) (ios.Facts, error)
	// Brief reads the facts that show version and show boot print, for a look.
	Brief(ctx context.Context) (ios.Facts, error)
	// Installed reads show install summary; empty if the device does not show it.
	Installed(ctx context.Context) ([]ios.InstallLocation, error)
	Files(ctx context.Context) ([]ios.Listing, error)
	// List lists one file system with all its directories.
	List(ctx context.Context, fileSystem string) ([]ios.Listing, error)
	// Skipped is what the last Files could not list.
	Skipped() []Skipped
	// Digest asks the device for a digest of its file of so many bytes (-1: not
	// known), in every form that the device may know. The digest is empty where
	// it computes none. heard is called with the number of marks of progress that it has printed.
	Digest(ctx context.Context, path string, size int64, heard func(marks int)) (ios.Verification, error)
	// RunningConfig returns the running-config as the terminal shows it.
	RunningConfig(ctx context.Context) ([]byte, error)
	// Interfaces are those of the device, with their addresses.
	Interfaces(ctx context.Context) ([]ios.Interface, error)
	// Text returns the contents of a small text file.
	Text(ctx context.Context, path string) (string, error)
	Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error)
	// Exec runs a command in a session of its own, and returns its input and output.
	Exec(ctx context.Context, command string) (io.ReadWriteCloser, error)
	LocalAddr() netip.Addr  // our address in the session to the device
	RemoteAddr() netip.Addr // the device's address in it
	Close() error
}

// Skipped is a file system or directory that could not be listed, and the reason.
type Skipped struct {
	Path   string
	Err    error
	System bool // a whole file system that is there: nobody knows which files are missing
}

// Runner runs backups. Its fields are set before its first use and not
// changed after.
type Runner struct {
	Dial    func(ctx context.Context, d api.Device) (Device, error)
	Spool   *spool.Spool
	Vault   *vault.Vault
	Catalog catalog.Index

	Advertise    netip.Addr      // written into copy commands; invalid: the session's local address
	Stall        time.Duration   // a transfer that moves no byte for so long has stalled; 0: 60 s
	Waits        []time.Duration // before the second, third, … attempt; nil: 20 s and 60 s
	Parallel     int             // devices at once; 0: 8
	ParallelSite int             // devices at once of one site; 0: 4
	ProvedWithin time.Duration   // content of the vault that was read within this time is not read again before it is reused; 0: it is always read
	Looks        LookRules       // of backups that may be looks
	Policy       api.Policy      // where neither the user nor the device says; empty: Rebuild
	CopyBy       string          // of devices that do not say how their files are copied; empty: api.CopyAuto
	Prefer       []string        // the transports that api.CopyAuto may use, in their order; empty: api.CopyTFTP
	Listen       uint16          // the UDP port of the TFTP server, for hints; 0: 69
	Ports        string          // the transfer-ID range, for hints: "1056:1059"
	// SCPPort is the TCP port of the SCP server, HTTPSPort that of the HTTPS server; 0: it does not
	// listen. HTTPSCertificate is the file with its certificate, for hints.
	SCPPort          uint16
	HTTPSPort        uint16
	HTTPSCertificate string
	Watch            func(api.Event) // receives progress, from several goroutines; if nil, it is discarded
	// Hold takes a device for this process before All begins with it, if other machines may
	// work on it too. Its context is that of the backup; an error means that it is not tried.
	// Nil: no other process works on devices.
	Hold func(ctx context.Context, d api.Device) (held context.Context, release func(), err error)
	// Begin is called when All begins with a device, and what it returns when that
	// device is done; it may add notes to the result. Both are called from several
	// goroutines. Nil: nothing is called.
	Begin func(ctx context.Context, d api.Device) (end func(api.BackupResult) api.BackupResult)
	Log   *slog.Logger // nil: discard

	// Contents is shared by the Runners of one vault, so that a content is copied once
	// although several operations need it. Nil: this Runner has its own.
	Contents *Contents

	own Contents // if Contents is nil
}

// Options are the user's wishes for one backup.
type Options struct {
	Policy api.Policy // empty: the device's own, else Rebuild
	Recopy bool       // copy even what the vault holds
	DryRun bool       // look only, and return the plan
	Look   bool       // make no snapshot of a device that is as its newest one has it
}

// Backup backs one device up. It always returns a result; the reason for a
// failure is in it.
func (r *Runner) Backup(ctx context.Context, d api.Device, o Options) api.BackupResult {
	defer r.Vault.Hold()() // it relies on content before its snapshot names it
	asked := o
	o.Policy = cmp.Or(o.Policy, api.Policy(d.Files), r.Policy, api.PolicyRebuild)
	j, began := job{r, d, o}, time.Now()
	a := attempts{kept: make(kept)}
	for a.again(ctx, j) {
		a.add(j.visit(ctx, a.kept))
	}
	res := continued(j.result(a, began), asked)
	if len(a.kept) > 0 {
		res = j.putSnapshot(ctx, res, a.report.sight)
	}
	r.tell(api.Event{Device: d.Name, Step: api.StepDone, Status: res.Status, Cause: res.Cause, Warnings: len(res.Warnings), Bytes: res.BytesCopied, Seconds: res.Seconds})
	return res
}

func (r *Runner) tell(e api.Event) {
	if r.Watch != nil {
		r.Watch(e)
	}
}

func (r *Runner) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func (r *Runner) waits() []time.Duration {
	if r.Waits != nil {
		return r.Waits
	}
	return []time.Duration{20 * time.Second, time.Minute}
}
