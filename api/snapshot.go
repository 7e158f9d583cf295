package api

import (
	"strings"
	"time"
)

// The states of a snapshot and of a result.
const (
	StatusOK         = "ok"         // every selected file is kept and proved
	StatusIncomplete = "incomplete" // at least one selected file is missing
	StatusFailed     = "failed"     // nothing is kept; never the status of a Snapshot
)

// How a file was proved.
const (
	EvidenceMD5    = "device-md5"    // size and the MD5 that the device computed
	EvidenceSHA512 = "device-sha512" // size and the SHA-512 that the device computed
	EvidenceSize   = "size-only"     // the size alone: the device cannot compute a digest

	// EvidenceCarried is never in a Snapshot: a look found the same path, size and time as in
	// the snapshot that proved the file.
	EvidenceCarried = "carried"
)

// The kinds of files.
const (
	KindImage       = "image"        // a bootable system image
	KindPackage     = "package"      // a .pkg of install mode
	KindBootPointer = "boot-pointer" // packages.conf
	KindConfig      = "config"       // startup-config, running-config, config.text, private-config.text
	KindVLAN        = "vlan"         // vlan.dat
	KindOther       = "other"
)

// Snapshot records one backup of one device. The vault keeps it as one JSON
// document; docs/vault-format.md describes it.
type Snapshot struct {
	Format      int       `json:"format"` // 2
	ID          string    `json:"snapshot"`
	Document    string    `json:"document,omitempty"` // its name in the vault, ID.SHA256; not part of the document
	Previous    string    `json:"previous,omitempty"` // the name of the device's snapshot before this one; empty: the first
	Device      string    `json:"device"`
	Address     string    `json:"address"`
	Status      string    `json:"status"`
	Started     time.Time `json:"started"` // UTC, whole seconds
	Seconds     float64   `json:"seconds"`
	BytesCopied int64     `json:"bytes_copied"`
	Facts       Facts     `json:"facts"`
	Files       []File    `json:"files"`
	Listings    []Listing `json:"listings"` // not part of the document: they are the blob ListingBlob
	ListingBlob *Blob     `json:"listing_blob,omitempty"`
	Compared    []string  `json:"compared,omitempty"` // what a later look compares beside the files and listings, one line each
	Notes       []string  `json:"notes,omitempty"`    // remarks for people; nothing failed because of them
	Warnings    []string  `json:"warnings,omitempty"` // those of Notes that need attention
}

// Blob names content of the vault.
type Blob struct {
	SHA256 string `json:"sha256"`
	Size   int64  `json:"size"` // bytes
}

// Facts identify a device at one time.
type Facts struct {
	Hostname string `json:"hostname"`
	OS       string `json:"os"`      // ios or iosxe
	Version  string `json:"version"` // as show version prints it: 15.0(2)SE8, 17.09.04a
	Model    string `json:"model"`   // "Model number", else the "cisco X" line
	Serial   string `json:"serial"`  // "System serial number", else "Processor board ID"
	Mode     string `json:"mode"`    // bundle or install
	Image    string `json:"image"`   // the system image file, with its file system

	Install []Installed `json:"install,omitempty"` // show install summary of a device in install mode
}

// Installed is one row of show install summary.
type Installed struct {
	Where string `json:"where"` // "Switch 1 2 3", "R0", as printed
	Type  string `json:"type"`  // IMG, SMU, APSP, …
	State string `json:"state"` // one of the states below, or the letter of another one
	Name  string `json:"name"`  // a file of the device, or the version of IMG
}

// The states of Installed. Activated and deactivated are not committed: the
// device goes back to its committed software when it restarts.
const (
	StateCommitted   = "committed"
	StateActivated   = "activated"
	StateDeactivated = "deactivated"
	StateInactive    = "inactive"
)

// File is one selected file. A file with a Cause is missing from the vault.
type File struct {
	Path     string      `json:"path"` // flash:/x.bin
	Kind     string      `json:"kind"`
	Size     int64       `json:"size"` // bytes
	MD5      string      `json:"md5,omitempty"`
	SHA256   string      `json:"sha256,omitempty"` // names the blob
	Copied   bool        `json:"copied"`           // false: it did not cross the wire
	SHA512   string      `json:"sha512,omitempty"` // where the device computed this in place of the MD5
	Evidence string      `json:"evidence,omitempty"`
	ProvedAt time.Time   `json:"proved_at,omitzero"`  // of EvidenceCarried: when that snapshot was made
	ProvedBy string      `json:"proved_by,omitempty"` // of EvidenceCarried: the evidence in that snapshot
	Proof    []string    `json:"proof,omitempty"`     // step by step, in words: our questions and the device's answers
	Image    *Inspection `json:"image,omitempty"`     // of an image or a package
	Cause    Cause       `json:"cause,omitempty"`
	Message  string      `json:"message,omitempty"`
	Hint     string      `json:"hint,omitempty"`
	Unit     string      `json:"unit,omitempty"`      // of an image: the unit beside the active one that starts from it, not from the running image
	NotTried bool        `json:"not_tried,omitempty"` // something else ended the backup before its turn
}

// Listing is one directory of the device, kept whole.
type Listing struct {
	Path    string  `json:"path"`
	Total   int64   `json:"total_bytes"` // -1: the device did not say
	Free    int64   `json:"free_bytes"`  // -1: the device did not say
	Entries []Entry `json:"entries"`
}

// Entry is one line of a Listing.
type Entry struct {
	Name      string `json:"name"`
	Size      int64  `json:"size"` // bytes; -1: the device did not say
	Directory bool   `json:"directory,omitempty"`
	Modified  string `json:"modified,omitempty"`
	Deleted   bool   `json:"deleted,omitempty"` // marked as deleted, on file systems that keep such files until they are squeezed
}

// RunningConfigPath is where IOS keeps the configuration in force. A backup reads
// it from the terminal; it is never restored.
const RunningConfigPath = "system:running-config"

// receivedFrom begins the path of a file that a device sent outside a backup:
// its place on the device is not known.
const receivedFrom = "tftp:/"

// ReceivedPath returns the path of a file that was sent under this name.
func ReceivedPath(name string) string { return receivedFrom + strings.TrimLeft(name, "/") }

// Received reports whether s records no backup, but one file that a device
// sent by itself.
func (s Snapshot) Received() bool {
	return len(s.Files) == 1 && strings.HasPrefix(s.Files[0].Path, receivedFrom)
}

// SnapshotRow is one line of the list of snapshots.
type SnapshotRow struct {
	ID      string    `json:"snapshot"`
	Device  string    `json:"device"`
	Started time.Time `json:"started"` // UTC
	Status  string    `json:"status"`
	Version string    `json:"version"`
	Image   string    `json:"image"`
	Files   int       `json:"files"` // kept in the vault
	Bytes   int64     `json:"bytes"` // of those files

	Warnings int `json:"warnings"` // number of its warnings
}
