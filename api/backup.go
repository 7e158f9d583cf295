package api

import (
	"path"
	"time"
)

// Policy says which files a backup takes.
type Policy string

// The policies.
const (
	PolicyImage   Policy = "image"   // what boots: the image, or packages.conf and its packages
	PolicyRebuild Policy = "rebuild" // and all else that is needed to rebuild the device
	PolicyAll     Policy = "all"     // every file in flash
)

// Select names devices. All conditions hold together; the zero Select means
// every device.
type Select struct {
	Names []string `json:"devices,omitempty"`
	Group string   `json:"group,omitempty"`
	Site  string   `json:"site,omitempty"`
}

// Backup asks for backups of devices.
type Backup struct {
	Select
	All    bool   `json:"all,omitempty"`
	Files  Policy `json:"files,omitempty"`   // empty: the device's own policy, else the configured one
	Recopy bool   `json:"recopy,omitempty"`  // copy also content that the vault holds
	DryRun bool   `json:"dry_run,omitempty"` // look only, and return the plan
	Look   bool   `json:"look,omitempty"`    // a device that is as its newest snapshot has it gets no new one; the schedule asks for it
}

// BackupResult reports the backup of one device.
type BackupResult struct {
	Device      string      `json:"device"`
	Status      string      `json:"status"` // StatusOK, StatusIncomplete, StatusFailed, StatusUnchanged
	Cause       Cause       `json:"cause"`
	Message     string      `json:"message"`
	Hint        string      `json:"hint"`
	Attempts    int         `json:"attempts"`
	Snapshot    string      `json:"snapshot"`
	Started     time.Time   `json:"started"`
	Seconds     float64     `json:"seconds"`
	BytesCopied int64       `json:"bytes_copied"` // the sizes of the files with copied: true, added up
	Retransmits int         `json:"retransmits"`  // packets that our TFTP server repeated, in all attempts
	Facts       Facts       `json:"facts"`
	Files       []File      `json:"files"`
	Notes       []string    `json:"notes,omitempty"`            // remarks for people; nothing failed because of them
	Warnings    []string    `json:"warnings,omitempty"`         // those of Notes that need attention
	Pinned      []HostKey   `json:"pinned_host_keys,omitempty"` // by the first login
	NotTried    bool        `json:"not_tried,omitempty"`        // the command ended before it came to this device
	Plan        *BackupPlan `json:"plan,omitempty"`             // of a dry run
}

// Succeeded reports whether the backup did all that it was asked for.
func (r BackupResult) Succeeded() bool { return r.Status == StatusOK || r.Status == StatusUnchanged }

// BackupPlan is the outcome of a dry run.
type BackupPlan struct {
	Commands []string `json:"commands"`   // exactly as typed; TICKET stands for the one-time name
	Bytes    int64    `json:"bytes"`      // to copy at most
	Known    int64    `json:"known"`      // bytes of the files that did not change since the newest snapshot, and are not copied again
	Free     int64    `json:"free_bytes"` // in the spool's file system

	Copies []PlannedCopy `json:"copies"` // the files that Bytes counts
}

// PlannedCopy is a file that a backup copies if no other device sends the same content, and
// the vault does not have it.
type PlannedCopy struct {
	Path   string `json:"path"`
	Size   int64  `json:"size"`
	Shared bool   `json:"shared"` // an image or a package: other devices mostly have the same one
	Held   bool   `json:"held"`   // the vault has content of this size: mostly the same
}

// Likely returns the bytes that backups with these plans copy together, if images and packages
// of one name and size are the same.
func Likely(plans ...*BackupPlan) (bytes int64) {
	type content struct {
		name string
		size int64
	}
	sent := make(map[content]bool)
	for _, p := range plans {
		for _, c := range p.Copies {
			one := content{path.Base(c.Path), c.Size}
			if c.Held || c.Shared && sent[one] {
				continue
			}
			sent[one] = true
			bytes += max(c.Size, 0)
		}
	}
	return bytes
}
