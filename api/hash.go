package api

// Hash is one line of a list of published digests. Digests are lower-case
// hexadecimal; an empty one is not in the list.
type Hash struct {
	Name   string `json:"name"` // of the file, without directories
	MD5    string `json:"md5,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	SHA512 string `json:"sha512,omitempty"`
}

// Hashes is a list of published digests. A face may leave out lines that match no
// image, neither by name nor by digest.
type Hashes struct {
	Hashes []Hash `json:"hashes"`
}

// What a list of published digests says of an image.
const (
	PublishedYes     = "published" // the list has its digest
	PublishedUnknown = "unknown"   // the list has neither its digest nor its name
	PublishedDiffers = "differs"   // the list has its name with another digest
)
