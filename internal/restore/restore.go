// Package restore is the way back: it puts files of a snapshot onto a device,
// proves them there, makes an image the next to boot and starts the device
// again, each only as far as it was asked.
//
// A restore plans first. The plan is the list of commands that will be typed,
// and what is carried out is that same list. Nothing is erased, formatted or
// overwritten; what is deleted was named by the user and is shown to be in the
// vault before, or was written by this restore and is not what it should be.
package restore

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/vault"
)

// ErrRefused marks a restore that was refused for safety, or that nobody
// agreed to, before anything was changed on the device.
var ErrRefused = errors.New("nothing was changed on the device")

// Device is what a restore needs of a device: one terminal line that is logged
// in. Its errors carry causes.
type Device interface {
	Facts(ctx context.Context) (ios.Facts, error)
	Boot(ctx context.Context) (ios.Boot, error)
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

// Runner runs restores. Its fields are set before its first use and not
// changed after.
type Runner struct {
	Dial    func(ctx context.Context, d api.Device) (Device, error)
	Spool   *spool.Spool
	Vault   *vault.Dir
	Catalog catalog.Contents

	Advertise netip.Addr                   // written into copy commands; invalid: the session's local address
	Stall     time.Duration                // a transfer that moves no byte for so long has stalled; 0: 60 s
	Poll      time.Duration                // between two looks whether a device is back; 0: 10 s
	Return    time.Duration                // how long a device may take to come back; 0: 30 min
	Ports     string                       // the transfer-ID range, for hints: "1056:1059"
	Watch     func(api.Event)              // told of progress; may be nil
	Agree     func(Question) (agreed bool) // asks the user; nil: nobody agrees
	Log       *slog.Logger                 // nil: discard
}

// Question is what the user is asked before anything is changed, and again
// before the device is started again.
type Question struct {
	Device string
	Text   string
	Plan   *api.Plan // nil before a reload: it was shown
}

// Options are what the user asked of one restore.
type Options struct {
	To      string   // the file system to write to: "flash2:"; empty: as in the snapshot
	SetBoot bool     // make the restored image the next to boot
	Reload  bool     // start the device again
	Replace bool     // delete files that differ, then restore them
	Delete  []string // files to delete for space, once the vault is shown to hold them
	DryRun  bool     // look only, and say what would be done
}

func (r *Runner) tell(device string, step api.Step, file string, bytes, size int64) {
	if r.Watch != nil {
		r.Watch(api.Event{Device: device, Step: step, File: file, Bytes: bytes, Size: size})
	}
}

func (r *Runner) log() *slog.Logger {
	if r.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return r.Log
}

func orDefault(d, def time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return def
}
