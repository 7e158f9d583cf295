package api

// The kinds of problems that a check of the vault finds.
const (
	CheckSnapshotMissing = "snapshot_missing" // a snapshot that something names does not exist, and no prune removed it
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
