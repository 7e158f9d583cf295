package sealed

import (
	"bufio"
	"encoding/gob"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/vault"
)

// memory remembers in a file what the documents of a mirror say, so that a run need not
// read each of them again from a server. The file is no proof: whoever uses it compares the
// list of the mirror with it, and without it all documents are read.
type memory struct {
	path string
	file *os.File // the new file; nil: nothing is remembered any more
	to   *bufio.Writer
	enc  *gob.Encoder
	live bool // the new file is in its place
}

// remembered is one document in the file.
type remembered struct {
	Document string // its name
	Size     int64  // bytes
	Read     int64  // when it was last read or written, in seconds since 1970
	Previous string
	Blobs    []blob
}

// blob is one of the files that a document names.
type blob struct {
	Label  []byte // of the content; empty for the manifest
	Blob   []byte // SHA-256 of the ciphertext
	Sealed int64  // its size in bytes
}

// memoryLasts is how long a document is not read again: half of this time to all of it,
// depending on its name, so that not all are due on one day.
const memoryLasts = 30 * 24 * time.Hour

// fresh reports whether a document need not be read again.
func (r remembered) fresh(now time.Time) bool {
	_, sum, ok := vault.SplitName(r.Document)
	if _, _, before := vault.SplitName(r.Previous); !ok || !before && r.Previous != "" {
		return false
	}
	raw, err := hex.DecodeString(sum[:2])
	age := now.Sub(time.Unix(r.Read, 0))
	return err == nil && age > -time.Hour && age < memoryLasts/2+memoryLasts/2*time.Duration(raw[0])/256
}

// snapshot returns the document as it is in the mirror.
func (r remembered) snapshot() api.Snapshot {
	id, _, _ := vault.SplitName(r.Document)
	s := api.Snapshot{ID: id, Document: r.Document, Previous: r.Previous}
	for _, b := range r.Blobs {
		path := manifestPath
		if len(b.Label) > 0 {
			path = contentPath + hex.EncodeToString(b.Label)
		}
		s.Files = append(s.Files, file(path, object{Blob: hex.EncodeToString(b.Blob), Sealed: b.Sealed}))
	}
	return s
}

// remember makes the entry of a document with this size in bytes. ok is false for one that
// is not ours.
func remember(s api.Snapshot, size int64, read time.Time) (r remembered, ok bool) {
	r = remembered{Document: s.Document, Size: size, Read: read.Unix(), Previous: s.Previous}
	for _, f := range s.Files {
		label, content := strings.CutPrefix(f.Path, contentPath)
		b := blob{Sealed: f.Size}
		var err, wrong error
		if content {
			b.Label, err = hex.DecodeString(label)
		}
		b.Blob, wrong = hex.DecodeString(f.SHA256)
		if errors.Join(err, wrong) != nil || content == (len(b.Label) == 0) || !content && f.Path != manifestPath {
			return r, false
		}
		r.Blobs = append(r.Blobs, b)
	}
	return r, size >= 0
}

// deadAfter is how long after its last change a new file belongs to no living process.
const deadAfter = time.Hour

// openMemory begins a new file beside the old one, whose entries each yields.
func openMemory(path string) *memory {
	m := &memory{path: path}
	if path == "" || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return m
	}
	if left, err := os.Stat(path + ".new"); err == nil && time.Since(left.ModTime()) > deadAfter {
		os.Remove(path + ".new") // the next line says whether that failed
	}
	f, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil { // another run may be writing it
		return m
	}
	m.file, m.to = f, bufio.NewWriterSize(f, 64<<10)
	m.enc = gob.NewEncoder(m.to)
	return m
}

// each yields the entries of the old file, up to the first that cannot be read.
func (m *memory) each(yield func(remembered)) {
	if m.path == "" {
		return
	}
	f, err := os.Open(m.path)
	if err != nil {
		return
	}
	defer f.Close()
	for entries := gob.NewDecoder(bufio.NewReaderSize(f, 64<<10)); ; {
		var r remembered
		if entries.Decode(&r) != nil {
			return
		}
		yield(r)
	}
}

// add enters a document into the new file. If it cannot be written, nothing is remembered.
func (m *memory) add(s api.Snapshot, size int64, read time.Time) {
	r, ok := remember(s, size, read)
	if !ok || m.file == nil {
		return
	}
	err := m.enc.Encode(r)
	if err == nil && m.live { // the run may break off at any moment
		err = m.to.Flush()
	}
	if err != nil {
		m.drop()
	}
}

// replace puts the new file in the place of the old one. Entries still follow.
func (m *memory) replace() {
	if m.file != nil && errors.Join(m.to.Flush(), os.Rename(m.path+".new", m.path)) != nil {
		m.drop()
	}
	m.live = true
}

// close ends the file.
func (m *memory) close() {
	if m.file != nil {
		m.to.Flush() // an entry that breaks off is left out
		m.drop()
	}
}

func (m *memory) drop() {
	m.file.Close()
	m.file, m.to, m.enc = nil, bufio.NewWriter(io.Discard), nil
}
