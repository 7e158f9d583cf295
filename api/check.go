package api

import "time"

// Check asks for a check of the vault.
type Check struct {
	ReadData bool `json:"read_data,omitempty"` // read the blobs and compute their digests
	// Share is the part of the bytes to read, as 1/30: the blobs whose last proof is
	// the oldest. Empty: all. It implies ReadData.
	Share string `json:"share,omitempty"`
	// OutdatedAfter leaves out blobs that were proved within this time, in
	// nanoseconds. 0: none. It implies ReadData.
	OutdatedAfter time.Duration `json:"outdated_after,omitempty"`
	// RepairFrom is a copy of the vault. Damaged and missing content is fetched from
	// there, proved and replaced. Empty: nothing is repaired.
	RepairFrom string `json:"repair_from,omitempty"`
}

// CheckResult reports a check of the vault. Problems are those that are left
// after a repair.
type CheckResult struct {
	OK        bool           `json:"ok"` // there are no problems
	Problems  []CheckProblem `json:"problems"`
	Snapshots int            `json:"snapshots"`  // that were read
	Blobs     int            `json:"blobs"`      // that exist
	Bytes     int64          `json:"bytes"`      // of these blobs
	BlobsRead int            `json:"blobs_read"` // whose digests were compared
	BytesRead int64          `json:"bytes_read"` // of these blobs
	Repaired  []string       `json:"repaired"`   // the paths that were repaired, sorted
	Notes     []string       `json:"notes"`      // what could not be compared, and why
}

// The kinds of problems that a check of the vault finds.
const (
	CheckSnapshotMissing = "snapshot_missing" // a snapshot that something names does not exist, and no prune removed it
	CheckNotIndexed      = "not_indexed"      // the catalog does not know a snapshot
	CheckSnapshotDamaged = "snapshot_damaged" // the SHA-256 of a document is not the one in its name, or it cannot be understood
	CheckNewer           = "newer_format"     // only a later version of flashwarden reads it
	CheckBlobMissing     = "blob_missing"     // a snapshot names a blob that does not exist
	CheckBlobSize        = "blob_size"        // the size of a blob is not the one in a snapshot
	CheckBlobDamaged     = "blob_damaged"     // the SHA-256 of a blob is not its name
	CheckMD5             = "md5_mismatch"     // the MD5 of a blob is not the one in a snapshot
	CheckUnreadable      = "unreadable"       // the system could not read something
	CheckStray           = "stray_file"       // something that the vault did not put there
	CheckPermissions     = "permissions"      // others may write or read the vault
)

// CheckProblem is one problem of the vault.
type CheckProblem struct {
	Kind    string   `json:"kind"`
	Path    string   `json:"path"`              // of the file, within the vault
	Message string   `json:"message"`           // the observation and, where possible, the next step
	Devices []string `json:"devices,omitempty"` // whose snapshots suffer from it, sorted
}
