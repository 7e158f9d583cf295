package api

import "time"

// Step is one stage of an operation on a device.
type Step string

// The steps.
const (
	StepQueued Step = "queued" // Device is selected, and has not begun
	StepLogin  Step = "login"
	StepLook   Step = "look"   // reading facts and listings
	StepVerify Step = "verify" // the device computes a digest of File
	StepWait   Step = "wait"   // another device copies the same content, or a retry is due
	StepCopy   Step = "copy"
	StepKept   Step = "kept"   // File is proved and in the vault
	StepChange Step = "change" // File is the command that changes the device
	StepProved Step = "proved" // File is on the device, and proved
	StepReload Step = "reload" // waiting for the device to answer again
	StepTry    Step = "try"    // a test transfer; File describes it
	StepRead   Step = "read"   // of the vault: Bytes of Size
	StepMirror Step = "mirror" // bringing the vault's content to a mirror: Bytes of Size
	StepDone   Step = "done"
)

// The steps of a transfer that a permit lets in, or that is refused.
const (
	StepServing  Step = "serving" // the standing permissions hold from now on
	StepRequest  Step = "request"
	StepTransfer Step = "transfer"
	StepEnded    Step = "ended" // Error says why, where it was not complete
	StepRefused  Step = "refused"
	StepReceived Step = "received" // Received reports the file
)

// Event reports progress of an operation on one device.
type Event struct {
	Time     time.Time `json:"time,omitzero"`
	Device   string    `json:"device,omitempty"`
	Job      string    `json:"job,omitempty"` // with StepQueued: the job's ID; empty: it is no job
	Why      string    `json:"why,omitempty"` // with StepQueued: what the job waits for; empty: not known
	Step     Step      `json:"step"`
	File     string    `json:"file,omitempty"`
	Bytes    int64     `json:"bytes,omitempty"`    // of File so far; with StepDone all bytes that were copied
	Size     int64     `json:"size,omitempty"`     // of File; -1: not known
	Marks    int       `json:"marks,omitempty"`    // of progress that the device printed, with StepVerify
	Status   string    `json:"status,omitempty"`   // with StepDone
	Cause    Cause     `json:"cause,omitempty"`    // with StepDone
	Warnings int       `json:"warnings,omitempty"` // with StepDone
	Seconds  float64   `json:"seconds,omitempty"`  // with StepDone

	Retransmits int `json:"retransmits,omitempty"` // packets that our server repeated, with StepCopy

	Remote   string        `json:"remote,omitempty"` // IP:PORT of the peer of a transfer
	Sends    bool          `json:"sends,omitempty"`  // the peer sends; false: it fetches
	Error    string        `json:"error,omitempty"`
	Received *BackupResult `json:"received,omitempty"`
}
