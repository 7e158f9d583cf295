package api

import "time"

// Mirror asks to bring a copy of the vault to another place. Nothing is ever
// removed there.
type Mirror struct {
	// Name is that of a mirror in the configuration, which has its target, recipient and
	// rate; those below have precedence. If there is none with this name, Target counts.
	Name string `json:"name,omitempty"`
	// Target is where the copy goes: a directory, sftp://USER@HOST/DIRECTORY.
	Target string `json:"target"`
	// New makes a mirror in an empty place although this target was a mirror
	// before: the old one was given up.
	New bool `json:"new,omitempty"`
	// EncryptTo is a recipient of age, age1…: the mirror is encrypted, and only the
	// identity of that recipient reads it. Empty: it has the same files as the vault.
	EncryptTo string `json:"encrypt_to,omitempty"`
	// Rate bounds the bytes sent and read back, in bytes per second; 0: no bound.
	Rate int64 `json:"rate,omitempty"`
}

// MirrorResult reports one run of a mirror.
type MirrorResult struct {
	Target    string         `json:"target"`
	Vault     string         `json:"vault"`     // the identity, of the vault and of the mirror
	Made      bool           `json:"made"`      // this run made the mirror
	Snapshots int            `json:"snapshots"` // that this run copied
	Held      int            `json:"held"`      // of the vault's snapshots, those that the mirror has now
	Blobs     int            `json:"blobs"`     // contents that this run copied
	Bytes     int64          `json:"bytes"`     // of these contents
	Replaced  int            `json:"replaced"`  // contents of the mirror that were damaged
	Started   time.Time      `json:"started"`   // UTC
	Seconds   float64        `json:"seconds"`
	Notes     []string       `json:"notes"`
	Problems  []CheckProblem `json:"problems"` // of the vault: why a snapshot was not copied
}
