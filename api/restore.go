package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"
)

// Restore asks for a plan that puts files of a snapshot onto a device.
type Restore struct {
	Device   string   `json:"device"`
	Snapshot string   `json:"snapshot,omitempty"` // empty: the newest backup of the device
	Files    []string `json:"files,omitempty"`    // paths in the snapshot, or their last parts; none: all files, unless DeletesOnly
	To       string   `json:"to,omitempty"`       // the file system to write to: "flash2:"; empty: as in the snapshot
	SetBoot  bool     `json:"set_boot,omitempty"` // make the restored image the next to boot
	Reload   bool     `json:"reload,omitempty"`   // start the device again
	Replace  bool     `json:"replace,omitempty"`  // delete files that differ, then restore them
	Delete   []string `json:"delete,omitempty"`   // files to delete for space, once the vault is proved to hold them
}

// DeletesOnly reports whether r names files to delete and nothing to restore:
// then the plan restores no file.
func (r Restore) DeletesOnly() bool {
	return len(r.Delete) > 0 && len(r.Files) == 0 && r.Snapshot == "" && r.To == "" && !r.SetBoot && !r.Replace
}

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

// Plan is a restore as data: what the device looked like, and each step with
// its commands. Only these steps are carried out, and only while the device
// still looks as it was seen.
type Plan struct {
	Request  Restore       `json:"request"`
	Snapshot string        `json:"snapshot"` // the ID; Request may leave it open
	Files    []PlannedFile `json:"files"`
	Steps    []PlanStep    `json:"steps"`
	Commands []string      `json:"commands"` // of all steps, exactly as typed; TICKET stands for a one-time name, PASSWORD for its password
	Bytes    int64         `json:"bytes"`    // to copy
	Space    []Space       `json:"space"`
	Notes    []string      `json:"notes"`
	Refusals []Problem     `json:"refusals"` // why it cannot be carried out; then it has no steps
	Server   string        `json:"server"`   // our address in the copy commands
	VRF      string        `json:"vrf,omitempty"`
	CopyBy   string        `json:"copy_by,omitempty"` // CopySCP or CopyHTTPS; empty: CopyTFTP
	Port     uint16        `json:"port,omitempty"`    // TCP port of our HTTPS server
	Seen     Seen          `json:"seen"`
	Digest   string        `json:"digest"` // as Sum computes it
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
	Path     string `json:"path"` // on the device
	State    string `json:"state"`
	Size     int64  `json:"size"`       // bytes
	There    int64  `json:"size_there"` // bytes of the file on the device; -1: there is none, or its size is not known
	From     string `json:"from"`       // its path in the snapshot
	Kind     string `json:"kind"`
	MD5      string `json:"md5,omitempty"`
	SHA256   string `json:"sha256"`
	SHA512   string `json:"sha512,omitempty"`
	Evidence string `json:"evidence,omitempty"` // how it was found to be equal
}

// File returns f as a file on the device.
func (f PlannedFile) File() File {
	return File{Path: f.Path, Kind: f.Kind, Size: f.Size, MD5: f.MD5, SHA256: f.SHA256, SHA512: f.SHA512, Evidence: f.Evidence}
}

// The kinds of steps, in the order in which a plan has them.
const (
	PlanDelete  = "delete"  // a file goes, once the vault is proved to hold its content
	PlanMkdir   = "mkdir"   // a directory is made
	PlanCopy    = "copy"    // a file is copied and proved
	PlanHeld    = "held"    // the vault is proved to hold a file that a later step overwrites
	PlanProve   = "prove"   // a file that is there is read back and compared
	PlanBoot    = "boot"    // the boot lines are set, saved and proved
	PlanStartup = "startup" // as copy, after the boot lines are saved: a file that the next start reads
	PlanReload  = "reload"  // the device starts again; unsaved changes of its running-config are lost
	PlanInstall = "install" // the image is expanded into packages, and the device starts again with them
)

// PlanStep is one step of a plan.
type PlanStep struct {
	Kind      string   `json:"kind"`
	Commands  []string `json:"commands"`            // exactly as typed; TICKET stands for a one-time name, PASSWORD for its password
	Path      string   `json:"path,omitempty"`      // on the device
	Size      int64    `json:"size,omitempty"`      // bytes of the file; -1: not known
	FileKind  string   `json:"file_kind,omitempty"` // KindImage, …
	MD5       string   `json:"md5,omitempty"`       // of the content: to copy, or to delete
	SHA256    string   `json:"sha256,omitempty"`
	SHA512    string   `json:"sha512,omitempty"`
	ReadBack  bool     `json:"read_back,omitempty"` // the device computes no digest: the file is read back and compared
	Unless    bool     `json:"unless,omitempty"`    // the copy is left out if the file is equal by then: another step may have written it
	Overwrite bool     `json:"overwrite,omitempty"` // the copy overwrites an existing file
	Lines     []string `json:"lines,omitempty"`     // of configuration mode
	Boot      []string `json:"boot,omitempty"`      // the files that the device then boots, in order
	Image     string   `json:"image,omitempty"`     // that the device has to return with; empty: any
	Version   string   `json:"version,omitempty"`   // that the device has to return with; empty: any
}

// Space is the room in one file system, in bytes.
type Space struct {
	FileSystem string `json:"file_system"`
	Before     int64  `json:"free_bytes"`
	After      int64  `json:"free_bytes_after"`
}

// Seen is a device as a plan depends on it.
type Seen struct {
	Facts    Facts      `json:"facts"`
	Boot     []BootUnit `json:"boot"`
	Listings []Listing  `json:"listings"` // the outermost directory of each file system, and each directory with a file of the plan
}

// BootUnit is what one unit of a device starts from next.
type BootUnit struct {
	Unit     string   `json:"unit"` // "active", "standby", "switch 2"
	Next     []string `json:"next"` // in the order tried
	Register string   `json:"register,omitempty"`
	Manual   bool     `json:"manual,omitempty"` // it waits in its boot loader
}

// Sum returns the digest of p: SHA-256, in hexadecimal, of its JSON with
// sorted keys and no blanks, without the digest itself.
func (p Plan) Sum() (string, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var document map[string]any
	if err := d.Decode(&document); err != nil {
		return "", err
	}
	delete(document, "digest")
	var canonical bytes.Buffer
	e := json.NewEncoder(&canonical)
	e.SetEscapeHTML(false)
	if err := e.Encode(document); err != nil {
		return "", err
	}
	sum := sha256.Sum256(bytes.TrimSuffix(canonical.Bytes(), []byte("\n")))
	return hex.EncodeToString(sum[:]), nil
}

// Result returns the result of a plan that nobody has carried out: the files
// that are equal, and the refusals.
func (p Plan) Result() RestoreResult {
	r := RestoreResult{Device: p.Request.Device, Status: StatusOK, Attempts: 1, Snapshot: p.Snapshot, Facts: p.Seen.Facts,
		Files: []File{}, Notes: p.Notes, Plan: &p}
	for _, f := range p.Files {
		if f.State == Equal {
			r.Files = append(r.Files, f.File())
		}
	}
	if len(p.Refusals) == 0 {
		return r
	}
	var seen, hints []string
	for _, refusal := range p.Refusals {
		seen = append(seen, refusal.Detail)
		if hint := refusal.Fix.String(); hint != "" {
			hints = append(hints, hint)
		}
	}
	first := p.Refusals[0]
	r.Status, r.Cause, r.Refused = StatusFailed, first.Cause, first.Exit == ExitRefused
	r.Message, r.Hint = strings.Join(seen, "; ")+": nothing was changed on the device", strings.Join(hints, "; ")
	return r
}
