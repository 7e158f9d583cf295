// Package backup is the main job: log in, look, ask the device for digests,
// copy what the vault lacks, compare, keep, write the snapshot.
//
// Two conversations meet here, the terminal and the TFTP transfer; the ticket
// of the spool is their only rendezvous. Success is decided by the ticket and
// the digests, never by what the device says about itself.
package backup

import (
	"context"
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
	Files(ctx context.Context) ([]ios.Listing, error)
	// Skipped says in words what the last Files could not list.
	Skipped() []string
	// Digest asks the device for a digest of its file of so many bytes (-1: not
	// known), in every form that the device may know. The digest is empty where
	// it computes none. heard is told how many marks of progress it printed.
	Digest(ctx context.Context, path string, size int64, heard func(marks int)) (ios.Verification, error)
	// RunningConfig returns the running-config as the terminal shows it.
	RunningConfig(ctx context.Context) ([]byte, error)
	// Interfaces are those of the device, with their addresses.
	Interfaces(ctx context.Context) ([]ios.Interface, error)
	// Text returns the contents of a small text file.
	Text(ctx context.Context, path string) (string, error)
	Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error)
	LocalAddr() netip.Addr  // our address in the session to the device
	RemoteAddr() netip.Addr // the device's address in it
	Close() error
}

// Runner runs backups. Its fields are set before its first use and not
// changed after.
type Runner struct {
	Dial    func(ctx context.Context, d api.Device) (Device, error)
	Spool   *spool.Spool
	Vault   *vault.Dir
	Catalog catalog.Index

	Advertise    netip.Addr      // written into copy commands; invalid: the session's local address
	Stall        time.Duration   // a transfer that moves no byte for so long has stalled; 0: 60 s
	Waits        []time.Duration // before the second, third, … attempt; nil: 20 s and 60 s
	Parallel     int             // devices at once; 0: 8
	ParallelSite int             // devices at once of one site; 0: 4
	Policy       api.Policy      // where neither the user nor the device says; empty: Rebuild
	Ports        string          // the transfer-ID range, for hints: "1056:1059"
	Watch        func(api.Event) // told of progress, from several goroutines; may be nil
	Log          *slog.Logger    // nil: discard
	flights      flights         // one copy at a time per digest
}

// Options are what the user asked of one backup.
type Options struct {
	Policy api.Policy // empty: the device's own, else Rebuild
	Recopy bool       // copy even what the vault holds
	DryRun bool       // look only, and say what would be done
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
