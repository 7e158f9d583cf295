package api

import "time"

// The kinds of runs.
const (
	RunBackup  = "backup"
	RunRestore = "restore"
)

// The states of a run that has no result yet, or never got one.
const (
	StatusRunning     = "running"
	StatusInterrupted = "interrupted" // the program ended before the run did
)

// StatusRefused is the end of a restore that was refused for safety before anything
// was changed.
const StatusRefused = "refused"

// StatusUnchanged is the result of a look: the device is as its newest snapshot
// has it.
const StatusUnchanged = "unchanged"

// Run records one backup or restore of one device, also one that failed. A dry
// run leaves none.
type Run struct {
	ID       string    `json:"run"`
	Device   string    `json:"device"`
	Kind     string    `json:"kind"`   // RunBackup, RunRestore
	Status   string    `json:"status"` // of its result; StatusRunning, StatusInterrupted, StatusRefused
	Cause    Cause     `json:"cause"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint"`
	Attempts int       `json:"attempts"`
	Snapshot string    `json:"snapshot"` // that it made, confirmed or restored from; empty: none
	Started  time.Time `json:"started"`  // UTC, whole seconds
	Ended    time.Time `json:"ended,omitzero"`

	BytesCopied int64 `json:"bytes_copied"`
	Retransmits int   `json:"retransmits"` // packets that our TFTP server repeated; of a backup

	// As the device reported them; empty where the run did not come so far.
	Model   string `json:"model"`
	Version string `json:"version"`
	Image   string `json:"image"`
}

// Succeeded reports whether the run ended and everything it was asked for was
// done.
func (r Run) Succeeded() bool { return r.Status == StatusOK || r.Status == StatusUnchanged }
