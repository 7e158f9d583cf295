package api

import "time"

// NewPlan asks for a plan that is kept, so that a job can carry it out.
type NewPlan struct {
	Kind string `json:"kind"` // JobRestore
	Restore
}

// StoredPlan is a plan that is kept. It can be carried out once, until it expires.
type StoredPlan struct {
	ID      string    `json:"id"`
	By      string    `json:"by"`
	Created time.Time `json:"created"` // UTC, in milliseconds
	Expires time.Time `json:"expires"`
	Plan
}
