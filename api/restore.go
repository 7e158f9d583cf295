package api

import "time"

// RestoreResult reports one restore.
type RestoreResult struct {
	Device      string    `json:"device"`
	Status      string    `json:"status"` // StatusOK, StatusIncomplete (something was restored, and not all), StatusFailed
	Cause       Cause     `json:"cause"`
	Message     string    `json:"message"`
	Hint        string    `json:"hint"`
	Attempts    int       `json:"attempts"`
	Snapshot    string    `json:"snapshot"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	BytesCopied int64     `json:"bytes_copied"`
	Facts       Facts     `json:"facts"` // as the device reported them last
	Files       []File    `json:"files"` // with evidence: on the device, and proved
	Deleted     []string  `json:"deleted,omitempty"`
	Boot        []string  `json:"boot,omitempty"` // the files that the device boots next, where this restore set them
	Notes       []string  `json:"notes,omitempty"`
	Plan        *Plan     `json:"plan,omitempty"`
	Refused     bool      `json:"refused,omitempty"` // for safety, before anything was changed
}

// Plan is a restore as data.
type Plan struct {
	Files    []PlannedFile `json:"files"`
	Commands []string      `json:"commands"` // exactly as typed; TICKET stands for a one-time name
	Bytes    int64         `json:"bytes"`    // to copy
	Space    []Space       `json:"space"`
	Notes    []string      `json:"notes"`
}

// The states of a file on the device.
const (
	Equal   = "equal"   // it is there, with the same content
	Absent  = "absent"  // it is not there
	Differs = "differs" // other content is there under its name
)

// PlannedFile is one file of the snapshot and the state of its place on the
// device.
type PlannedFile struct {
	Path  string `json:"path"`
	State string `json:"state"`
	Size  int64  `json:"size"`       // bytes
	There int64  `json:"size_there"` // bytes of the file on the device; -1: there is none, or its size is not known
}

// Space is the room in one file system, in bytes.
type Space struct {
	FileSystem string `json:"file_system"`
	Before     int64  `json:"free_bytes"`
	After      int64  `json:"free_bytes_after"`
}
