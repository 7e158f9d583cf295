package api

import "time"

// Retention says which snapshots of each device a prune keeps. It never removes
// the newest complete one of a device, nor the last one with an image that a
// device runs. The zero Retention keeps nothing else.
type Retention struct {
	Last    int           `json:"keep_last"`    // the newest ones
	Within  time.Duration `json:"keep_within"`  // all younger ones, in nanoseconds
	Daily   int           `json:"keep_daily"`   // the newest one of each of the last days that have any
	Weekly  int           `json:"keep_weekly"`  // of the last weeks, which begin on Monday
	Monthly int           `json:"keep_monthly"` // of the last months
	Yearly  int           `json:"keep_yearly"`  // of the last years
}

// Prune asks to remove old snapshots, and content that no snapshot names.
type Prune struct {
	Retention
	ForgetDevices bool `json:"forget_devices,omitempty"` // remove all snapshots of devices that are not in the inventory
	DryRun        bool `json:"dry_run,omitempty"`        // remove nothing
}

// PruneResult reports what a prune removed; of a dry run, what it would remove.
type PruneResult struct {
	Documents []string         `json:"documents"` // the names of its records in the vault
	Kept      int              `json:"kept"`      // snapshots
	Removed   []PrunedSnapshot `json:"removed"`   // oldest first
	Blobs     int              `json:"blobs"`     // contents that no snapshot names any more
	Bytes     int64            `json:"bytes"`     // of these contents
	Problems  []CheckProblem   `json:"problems"`  // documents that cannot be read: then no content is removed
}

// PrunedSnapshot is one snapshot that a prune removed.
type PrunedSnapshot struct {
	Snapshot string    `json:"snapshot"`
	Device   string    `json:"device"`
	Started  time.Time `json:"started"` // UTC
}
