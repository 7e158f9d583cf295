package api

import "time"

// Diff asks what changed from one snapshot to another. A name of a device means
// its newest snapshot.
type Diff struct {
	A           string `json:"a"`
	B           string `json:"b,omitempty"`            // empty: A is a device, and its two newest snapshots are compared
	ShowSecrets bool   `json:"show_secrets,omitempty"` // false: passwords, keys, communities and certificates are masked
}

// DiffResult reports what changed. Lines of a configuration that change by
// themselves are no change.
type DiffResult struct {
	A       DiffSide        `json:"a"`
	B       DiffSide        `json:"b"`
	Changed bool            `json:"changed"`
	Facts   []FactChange    `json:"facts"`
	Files   []FileChange    `json:"files"`
	Listing []ListingChange `json:"listing"` // of the flash, beside Files
}

// DiffSide is one of the two snapshots.
type DiffSide struct {
	Snapshot string    `json:"snapshot"`
	Device   string    `json:"device"`
	Started  time.Time `json:"started"` // UTC
}

// FactChange is a fact that changed: hostname, os, version, model, serial, mode,
// image.
type FactChange struct {
	Fact string `json:"fact"`
	Old  string `json:"old"`
	New  string `json:"new"`
}

// The values of Change.
const (
	ChangeAdded   = "added"
	ChangeRemoved = "removed"
	ChangeChanged = "changed"
)

// FileChange is a file that changed.
type FileChange struct {
	Path    string `json:"path"`
	Kind    string `json:"kind"`
	Change  string `json:"change"`
	OldSize int64  `json:"old_size"` // bytes; -1: it was not there
	NewSize int64  `json:"new_size"` // bytes; -1: it is not there
	OldSHA  string `json:"old_sha256,omitempty"`
	NewSHA  string `json:"new_sha256,omitempty"`
	Diff    string `json:"diff,omitempty"` // of a text, as a unified diff
	Note    string `json:"note,omitempty"` // why there is no diff of a text
}

// ListingChange is a file in the flash that changed. Its content is perhaps not
// in the vault.
type ListingChange struct {
	Path    string `json:"path"`
	Change  string `json:"change"`
	OldSize int64  `json:"old_size"` // bytes; -1: it was not there, or the device did not say
	NewSize int64  `json:"new_size"` // bytes; -1: it is not there, or the device did not say
}
