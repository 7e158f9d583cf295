package catalog

import (
	"context"
	"time"
)

// Mirrors keeps which copies of the vault were made. So a disk of a copy that is
// not mounted is noticed.
type Mirrors interface {
	// Mirrors returns all copies, by target.
	Mirrors(ctx context.Context) ([]Mirror, error)
	// PutMirror enters a copy, or replaces the one with the same target.
	PutMirror(ctx context.Context, m Mirror) error
	// SetMirrored enters which of the present backups of devices a copy has, by the IDs of
	// their snapshots, in place of those entered before.
	SetMirrored(ctx context.Context, target string, snapshots []string) error
	// Mirrored returns the targets of the copies that have a snapshot, by its ID, of all
	// that SetMirrored entered.
	Mirrored(ctx context.Context) (map[string][]string, error)
}

// Mirror is one copy of the vault. Times are UTC, in whole seconds.
type Mirror struct {
	Target    string    // a directory or a URL
	Made      time.Time // when it was made
	Succeeded time.Time // when the last run began that copied everything; zero: none
}
