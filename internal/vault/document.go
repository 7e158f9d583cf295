package vault

import (
	"bytes"
	"crypto/md5"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"flashwarden/api"
)

// Format is the version of the snapshot document that this package writes.
const Format = 1

// normalise brings s into the form that is written.
func normalise(s api.Snapshot) api.Snapshot {
	if s.Format == 0 {
		s.Format = Format
	}
	s.Started = s.Started.UTC().Truncate(time.Second)
	if s.Files == nil {
		s.Files = []api.File{}
	}
	s.Listings = slices.Clone(s.Listings)
	if s.Listings == nil {
		s.Listings = []api.Listing{}
	}
	for i := range s.Listings {
		if s.Listings[i].Entries == nil {
			s.Listings[i].Entries = []api.Entry{}
		}
	}
	return s
}

func encode(s api.Snapshot) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(s)
	return b.Bytes(), err
}

// decode reads one snapshot document. Fields that it does not know are left
// to the version that wrote them.
func decode(data []byte) (api.Snapshot, error) {
	var s api.Snapshot
	d := json.NewDecoder(bytes.NewReader(data))
	if err := d.Decode(&s); err != nil {
		return api.Snapshot{}, err
	}
	if _, err := d.Token(); err != io.EOF {
		return api.Snapshot{}, errors.New("something follows the document")
	}
	if err := validate(s); err != nil {
		return api.Snapshot{}, err
	}
	return s, nil
}

// validate returns why s cannot be a snapshot, whatever the blobs are.
func validate(s api.Snapshot) error {
	switch {
	case s.Format > Format:
		return fmt.Errorf("its format is %d, made by a newer flashwarden; this one reads up to %d", s.Format, Format)
	case s.Format < 1:
		return fmt.Errorf("its format is %d", s.Format)
	case !validID.MatchString(s.ID):
		return fmt.Errorf("%q is not a snapshot ID", s.ID)
	case s.Device == "":
		return errors.New("it names no device")
	case s.Started.IsZero():
		return errors.New("it has no time")
	case s.Status != api.StatusOK && s.Status != api.StatusIncomplete:
		return fmt.Errorf("its status is %q", s.Status)
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
