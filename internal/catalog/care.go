package catalog

import (
	"context"
	"time"

	"flashwarden/api"
)

// Care keeps how the tasks went that keep the vault in order. They are on no device.
type Care interface {
	// PutCare enters the newest run of a task.
	PutCare(ctx context.Context, r CareRun) error
	// CareRuns returns the newest run of each task, by kind and name.
	CareRuns(ctx context.Context) ([]CareRun, error)
	// Totals counts what the catalog has.
	Totals(ctx context.Context) (Totals, error)
	// CareTurns returns when each task had its turn in the schedule.
	CareTurns(ctx context.Context) ([]Turn, error)
}

// CareRun is the newest run of a task. Times are UTC, in whole seconds.
type CareRun struct {
	Kind      string // of a job
	Name      string // of a mirror
	Started   time.Time
	Failed    bool      // or it found problems
	Succeeded time.Time // when the newest run began that did not fail; PutCare keeps it up to date

	// Of a run that failed.
	Cause   api.Cause
	Message string
	Hint    string
}

// Totals counts what a catalog has.
type Totals struct {
	Jobs      map[string]int64 // by state, those that are still known
	Snapshots int64            // in the vault
	Contents  int64            // in the vault, each once
	Bytes     int64            // of Contents
}
