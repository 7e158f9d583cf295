package api

import (
	"encoding/json"
	"errors"
	"time"
)

// The kinds of jobs.
const (
	JobBackup    = "backup"
	JobPrune     = "prune"     // removes old snapshots
	JobCheck     = "check"     // reads a share of the vault again
	JobMirror    = "mirror"    // copies the vault to another place
	JobInventory = "inventory" // reads a list of devices
	JobDoctor    = "doctor"    // examines this host, or the path to a device

	// JobRestore carries out a plan. It is never tried again by itself.
	JobRestore = "restore"
)

// The states of a job.
const (
	JobQueued      = "queued"
	JobRunning     = "running"
	JobRetrying    = "retrying" // it failed, and is tried again when it is due
	JobDone        = "done"
	JobFailed      = "failed"
	JobCancelled   = "cancelled"
	JobInterrupted = "interrupted" // its worker died; it is not repeated by itself
)

// These causes of the end of a context say what happens to the jobs that a client waits
// for. With any other cause they are cancelled, and the client gets their results.
var (
	ErrLeft = errors.New("the client leaves, and its jobs go on")
	ErrQuit = errors.New("the client cancels its jobs, and does not wait for their end")
)

// Job is a piece of work that waits, runs or has ended.
type Job struct {
	ID       string    `json:"id"` // begins with the time at which it was added
	Kind     string    `json:"kind"`
	Device   string    `json:"device"`         // empty: it is on no device
	Site     string    `json:"site"`           // of the device
	Name     string    `json:"name,omitempty"` // of the mirror
	State    string    `json:"state"`
	By       string    `json:"by"`       // the user, or the schedule
	Attempts int       `json:"attempts"` // how often it has started
	Created  time.Time `json:"created"`  // times are UTC, in milliseconds
	Due      time.Time `json:"due"`      // not before this time
	Started  time.Time `json:"started,omitzero"`
	Ended    time.Time `json:"ended,omitzero"`

	// Of the last attempt that failed.
	Cause   Cause  `json:"cause"`
	Message string `json:"message"`
	Hint    string `json:"hint"`

	// Result is that of the operation, once the job has ended.
	Result json.RawMessage `json:"result,omitempty"`
}

// Ended reports whether a job in this state will not start again by itself.
func Ended(state string) bool {
	return state != JobQueued && state != JobRunning && state != JobRetrying
}

// JobSelect names jobs. All conditions hold together; the zero JobSelect means
// every job.
type JobSelect struct {
	IDs    []string `json:"ids,omitempty"`
	State  string   `json:"state,omitempty"`
	Device string   `json:"device,omitempty"`
	Cursor string   `json:"cursor,omitempty"` // of the page before; empty: the first page
	Limit  int      `json:"limit,omitempty"`  // of a page; 0: 100
}

// Jobs is a page of jobs, the newest first.
type Jobs struct {
	Jobs []Job  `json:"jobs"`
	Next string `json:"next_cursor"` // empty: this is the last page
}

// NewJobs asks for work that goes on when the request has been answered.
type NewJobs struct {
	Kind string `json:"kind"`
	// Backup is that of JobBackup. JobDoctor takes its devices; without any it examines the host.
	Backup

	// Of JobRestore: the plan to carry out, and the digest that was shown with it.
	Plan   string `json:"plan,omitempty"`
	Digest string `json:"digest,omitempty"`

	Name  string `json:"name,omitempty"`  // of JobMirror and JobInventory: that of the configuration; a list has its source
	Share string `json:"share,omitempty"` // of JobCheck: the part of the bytes to read, as 1/30; empty: that of the configuration
}
