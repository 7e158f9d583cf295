package catalog

import (
	"context"
	"crypto/rand"
	"strings"
	"time"

	"flashwarden/api"
)

// KeepRuns is how long the catalog keeps a run, and MostRuns how many of one
// device. The newest run of a device, its newest good one and its newest failed
// one stay in any case.
const (
	KeepRuns = 400 * 24 * time.Hour
	MostRuns = 500
)

// History keeps the runs on the devices, and the present state of each device.
// The runs are in the catalog alone: they are lost with it. All else follows
// from the snapshots of the vault.
type History interface {
	// BeginRun enters a run that begins now. Its status is api.StatusRunning.
	BeginRun(ctx context.Context, r api.Run) error
	// EndRun enters the end of a run, also of one that BeginRun did not enter. It
	// removes the runs of this device that are too old or too many.
	EndRun(ctx context.Context, r api.Run) error
	// InterruptRuns ends, at this time and as interrupted, every run that has not
	// ended. Only the process that works on the devices may call it, and before
	// its first run.
	InterruptRuns(ctx context.Context, at time.Time) error
	// Runs returns at most so many runs of one device, newest first.
	Runs(ctx context.Context, device string, most int) ([]api.Run, error)
	// States returns the states of the devices that s selects, sorted by
	// name. Names in s that are not in the inventory are an ErrNotFound that
	// lists them all.
	States(ctx context.Context, s api.Select) ([]State, error)
	// Outlines calls yield with the outline of each device of a group and site (empty:
	// any), in no order. yield must not use the catalog.
	Outlines(ctx context.Context, group, site string, yield func(State)) error
}

// State is the present state of one device of the inventory. Times are UTC, in
// whole seconds; a zero time means never. Received files are not counted: they
// are no backups.
type State struct {
	Name, Site, Group string

	// The newest facts, of a snapshot or of a run that kept nothing.
	Model, Version, Image string
	Seen                  time.Time

	Newest Saved     // the newest backup in the vault, complete or not
	Good   Saved     // the newest complete one
	Holds  bool      // Good has all files of the image that the newest facts name
	Looked time.Time // when a look last confirmed Good

	// Proved is when the content of Good was last read and found whole: the
	// oldest such time of all its content, zero where some was never read.
	Proved  time.Time
	Damaged bool // some content of Good was found damaged or missing

	Mirrors []string // the targets of the copies of the vault that have Good; States does not fill it

	ImageBad bool     // a file of the running image in Good fails its own checksums
	Warnings []string // of Newest

	// Backup runs that were cancelled are not counted: they say nothing about the device.
	Last   Attempt  // the newest backup run
	Failed *api.Run // the newest backup run that ended and did not succeed, without facts; nil: none
}

// Outline returns the part of a State that decides whether the device is protected, and why
// not: no facts, no texts, and Failed only with its start, its status and its cause, and only
// if no good run followed it. A large fleet is read much faster by outlines.
func (s State) Outline() State {
	o := State{Name: s.Name, Newest: Saved{ID: s.Newest.ID}, Good: Saved{ID: s.Good.ID, Started: s.Good.Started}, Holds: s.Holds, Looked: s.Looked,
		Proved: s.Proved, Damaged: s.Damaged, ImageBad: s.ImageBad, Warnings: s.Warnings, Last: Attempt{Status: s.Last.Status, Started: s.Last.Started}}
	if f := s.Failed; f != nil && !(api.Run{Status: s.Last.Status}).Succeeded() {
		o.Failed = &api.Run{Device: s.Name, Kind: f.Kind, Status: f.Status, Cause: f.Cause, Started: f.Started}
	}
	return o
}

// Attempt is the newest run of a device. The zero Attempt means that there is
// none.
type Attempt struct {
	Status         string // as of an api.Run
	Started, Ended time.Time
}

// Saved is a backup in the vault. The zero Saved means that there is none.
type Saved struct {
	ID      string
	Started time.Time
	Status  string
}

// NewRunID returns an ID for a run that began at this time. IDs are in the
// order of time.
func NewRunID(started time.Time) string {
	return "run-" + started.UTC().Format("20060102T150405Z") + "-" + strings.ToLower(rand.Text()[:8])
}

// HoldsRunning reports whether s holds all files of the image that the device
// ran: at least one.
func HoldsRunning(s api.Snapshot) bool {
	holds := false
	for i, runs := range Running(s) {
		if runs && s.Files[i].SHA256 == "" {
			return false
		}
		holds = holds || runs
	}
	return holds
}

// ReadOnArrival reports whether the bytes of f were read, and compared with
// their digest, when the backup that has f kept them. Content that the vault
// held before was not read then.
func ReadOnArrival(f api.File) bool {
	return f.SHA256 != "" && (f.Copied || f.Path == api.RunningConfigPath)
}
