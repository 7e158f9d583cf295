package api

import (
	"encoding/json"
	"time"
)

// The kinds of live events.
const (
	LiveJob      = "job"      // JobEvent: a job has changed
	LiveTransfer = "transfer" // TransferEvent: bytes have moved
	LiveDevice   = "device"   // DeviceEvent: a device of the inventory, or its state, has changed
	LiveVault    = "vault"    // VaultEvent: the vault has changed, or was read
	LiveReset    = "reset"    // ResetEvent: events are missing; the present state follows
)

// LiveEvent is one event of the service.
type LiveEvent struct {
	ID   string          `json:"id"` // a later request goes on behind it
	Kind string          `json:"kind"`
	Data json.RawMessage `json:"data"`
}

// LiveSelect asks for live events.
type LiveSelect struct {
	Job   string // only of this job; empty: all
	After string // the ID of the last event that the client has; empty: from now on
}

// JobEvent is a job as it is now, without its result, or what it does.
type JobEvent struct {
	Job
	Step Step   `json:"step,omitempty"`
	File string `json:"file,omitempty"` // with Step
}

// TransferEvent is the progress of one file. There are at most two a second for each file.
type TransferEvent struct {
	Time        time.Time `json:"time"`
	Job         string    `json:"job"` // empty: an offer, or a file that a device sends by itself
	Device      string    `json:"device"`
	Step        Step      `json:"step"`
	File        string    `json:"file"`
	Bytes       int64     `json:"bytes"`       // so far
	Size        int64     `json:"size"`        // -1: not known
	Rate        int64     `json:"rate"`        // bytes per second, of the last seconds; 0: not known
	Retransmits int       `json:"retransmits"` // packets that our server repeated
	Error       string    `json:"error,omitempty"`
}

// The changes of a DeviceEvent.
const (
	DeviceAdded   = "added"
	DeviceEdited  = "edited"
	DeviceRemoved = "removed"
	DeviceRun     = "run" // a backup or a restore of it has ended
)

// DeviceEvent says that something about a device can be read anew.
type DeviceEvent struct {
	Time   time.Time `json:"time"`
	Device string    `json:"device"` // empty: many devices
	Change string    `json:"change"`
}

// The changes of a VaultEvent, beside the kinds of jobs that keep the vault in order.
const (
	VaultSnapshot = "snapshot"
	VaultImport   = "import"
)

// VaultEvent says that something about the vault can be read anew.
type VaultEvent struct {
	Time     time.Time `json:"time"`
	Change   string    `json:"change"`             // VaultSnapshot, VaultImport, JobPrune, JobCheck, JobMirror
	Name     string    `json:"name,omitempty"`     // of a mirror
	Device   string    `json:"device,omitempty"`   // of a snapshot
	Snapshot string    `json:"snapshot,omitempty"` // its ID
	Failed   bool      `json:"failed,omitempty"`
	Cause    Cause     `json:"cause,omitempty"`
}

// ResetEvent says why events are missing. The jobs and the transfers that run follow; what else
// a client shows, it reads again.
type ResetEvent struct {
	Reason string `json:"reason"`
}
