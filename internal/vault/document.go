package vault

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"flashwarden/api"
)

// Format is the version of the vault that this package reads and writes.
const Format = 2

// normalise brings s into the form that is written.
func normalise(s api.Snapshot) api.Snapshot {
	if s.Format == 0 {
		s.Format = Format
	}
	s.Started = s.Started.UTC().Truncate(time.Second)
	if s.Files == nil {
		s.Files = []api.File{}
	}
	s.Listings = normaliseListings(s.Listings)
	return s
}

func normaliseListings(listings []api.Listing) []api.Listing {
	if listings == nil {
		return []api.Listing{}
	}
	listings = slices.Clone(listings)
	for i := range listings {
		if listings[i].Entries == nil {
			listings[i].Entries = []api.Entry{}
		}
	}
	return listings
}

// document is a snapshot as the vault keeps it: without its listings, which are
// a blob, and without its own name.
type document struct {
	api.Snapshot
	Listings *struct{} `json:"listings,omitempty"`
	Document *struct{} `json:"document,omitempty"`
}

// encode returns the document of a snapshot. What decode would refuse is an
// error: nothing is written that cannot be read.
func encode(s api.Snapshot) ([]byte, error) {
	data, err := encodeJSON(document{Snapshot: s})
	if err != nil {
		return nil, err
	}
	if len(data) > maxDocument {
		return nil, fmt.Errorf("its document has %d bytes, more than %d", len(data), maxDocument)
	}
	_, err = decode(data)
	return data, err
}

// DocumentSize returns the size in bytes of the document of a snapshot that PutSnapshot
// returned; -1 for any other one.
func DocumentSize(s api.Snapshot) int64 {
	data, err := encodeJSON(document{Snapshot: s})
	if _, want, _ := SplitName(s.Document); err != nil || hexSum(data) != want {
		return -1
	}
	return int64(len(data))
}

// hexSum returns the SHA-256 of data in hexadecimal.
func hexSum(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// encodeJSON returns v as JSON for people: indented, and ending with a newline.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(v)
	return b.Bytes(), err
}

// decodeJSON reads exactly one JSON value. Unknown fields are ignored: a later
// version wrote them.
func decodeJSON(data []byte, v any) error { return json.Unmarshal(data, v) }

// decode reads one snapshot document. The error is ErrNewer for a format of a
// later version, whatever else it holds.
func decode(data []byte) (api.Snapshot, error) {
	var s api.Snapshot
	if err := decodeJSON(data, &s); err != nil {
		return api.Snapshot{}, cmp.Or(newer(data), err)
	}
	if err := validate(s); err != nil {
		return api.Snapshot{}, err
	}
	s.Document = ""
	return normalise(s), nil
}

// newer returns the ErrNewer of a document of a later format, else nil.
func newer(data []byte) error {
	var d struct {
		Format int `json:"format"`
	}
	if err := decodeJSON(data, &d); err != nil || d.Format <= Format {
		return nil
	}
	return checkFormat(d.Format)
}

// checkFormat refuses formats that this package does not read.
func checkFormat(format int) error {
	switch {
	case format > Format:
		return fmt.Errorf("its format is %d, %w; this one reads format %d", format, ErrNewer, Format)
	case format != Format:
		return fmt.Errorf("its format is %d, not %d", format, Format)
	}
	return nil
}

// validate returns why s cannot be a snapshot, whatever the blobs are.
func validate(s api.Snapshot) error {
	switch {
	case s.Format != Format:
		return checkFormat(s.Format)
	case !isID(s.ID):
		return fmt.Errorf("%q is not a snapshot ID", s.ID)
	case s.Device == "":
		return errors.New("it names no device")
	case s.Started.IsZero():
		return errors.New("it has no time")
	case s.Status != api.StatusOK && s.Status != api.StatusIncomplete:
		return fmt.Errorf("its status is %q", s.Status)
	case s.Previous != "" && !isName(s.Previous):
		return fmt.Errorf("%q is not the name of a snapshot document", s.Previous)
	case s.ListingBlob != nil && (!validSHA256(s.ListingBlob.SHA256) || s.ListingBlob.Size < 0):
		return errors.New("its listing_blob names no blob")
	}
	for _, f := range s.Files {
		if err := validateFile(f); err != nil {
			return fmt.Errorf("file %q: %w", f.Path, err)
		}
		if s.Status == api.StatusOK && f.SHA256 == "" {
			return fmt.Errorf("its status is ok, but file %q is missing (%s)", f.Path, f.Cause)
		}
	}
	return nil
}

func validateFile(f api.File) error {
	switch {
	case f.Path == "":
		return errors.New("it has no path")
	case f.SHA256 == "" && f.Cause == "":
		return errors.New("it has neither a SHA-256 nor a cause")
	case f.SHA256 != "" && f.Cause != "":
		return errors.New("it has both a SHA-256 and a cause")
	case f.SHA256 != "" && !validSHA256(f.SHA256):
		return fmt.Errorf("%q is not a SHA-256 in lower-case hexadecimal", f.SHA256)
	case f.MD5 != "" && !validHex(f.MD5, 2*md5.Size):
		return fmt.Errorf("%q is not an MD5 in lower-case hexadecimal", f.MD5)
	case f.SHA256 != "" && f.Size < 0:
		return fmt.Errorf("its size is %d", f.Size)
	}
	return nil
}
