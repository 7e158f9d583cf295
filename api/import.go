package api

// Import asks to take the files of a directory into the vault, such as that of
// another TFTP server. The directory is one of the host that serves the data
// directory.
type Import struct {
	Dir string `json:"dir"` // an absolute path
}

// The values of Status of an ImportedFile. StatusFailed is the third one.
const (
	ImportedNew   = "imported"
	ImportedKnown = "known" // an earlier import has the same content under this name
)

// ImportedFile reports one file of an import.
type ImportedFile struct {
	File     string      `json:"file"` // below the directory
	Status   string      `json:"status"`
	Cause    Cause       `json:"cause,omitempty"`
	Message  string      `json:"message,omitempty"`
	Hint     string      `json:"hint,omitempty"`
	Kind     string      `json:"kind"`
	Size     int64       `json:"size"` // bytes
	SHA256   string      `json:"sha256,omitempty"`
	Snapshot string      `json:"snapshot,omitempty"` // that names it
	Image    *Inspection `json:"image,omitempty"`    // what an image says of itself
	Notes    []string    `json:"notes,omitempty"`
}
