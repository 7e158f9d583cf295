// Package imagefile inspects image files without a device. It reads the name and
// the version from the file, and checks the file with the sizes, checksums and
// digests in it.
//
// The layout of classic images is known from the NAFT tools of Didier Stevens. A
// file is read once, from beginning to end, with buffers of fixed size. The
// unpacked image is not kept.
package imagefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// The formats that a file may have.
const (
	FormatELFZip  = "elf-zip" // classic IOS: an ELF that unpacks itself from a ZIP archive
	FormatELF     = "elf"     // classic IOS without a ZIP archive that we know
	FormatMzip    = "mzip"    // classic IOS, packed in an unpublished format
	FormatIOSXE   = "iosxe"   // a package or super-package of IOS-XE
	FormatTar     = "tar"     // an archive for archive download-sw
	FormatUnknown = "unknown"
)

// Verdict is the result of all checks of a file.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "good"    // all checks passed
	Bad     Verdict = "bad"     // a check failed: the file is truncated or altered
	Unknown Verdict = "unknown" // the file contains nothing that we can check
)

// The checks, in the order in which they run.
const (
	CheckStructure    = "structure"             // every part that the headers name is in the file
	CheckSizes        = "sizes"                 // the sizes in the FEEDFACE header and in the archive match the data
	CheckZip          = "zip"                   // the archive can be unpacked
	CheckUncompressed = "uncompressed-checksum" // of the unpacked image, in the FEEDFACE header
	CheckCRC          = "zip-crc"               // of the unpacked image, in the archive
	CheckCompressed   = "compressed-checksum"   // of the archive, in the FEEDFACE header
	CheckMD5          = "embedded-md5"          // of the sections
)

// Report has the labels of an image file and the results of its checks. A label is
// empty if the file does not have it.
type Report struct {
	Format     string // FormatELFZip and so on
	Name       string // CW_IMAGE: C3750-IPSERVICESK9-M
	Family     string // CW_FAMILY: C3750
	FeatureSet string // CW_FEATURE
	Version    string // CW_VERSION: 15.0(2)SE8
	Verdict    Verdict
	Checks     []string // the checks that passed
	Failed     *Failure // the check that failed; only if the verdict is Bad
	Reason     string   // why the file cannot be checked; only if the verdict is Unknown
}

// Failure is a failed check.
type Failure struct {
	Check    string // CheckStructure and so on
	At       int64  // offset in the file, in bytes
	Expected string // according to the file's own headers
	Seen     string // in the file
}

// Error describes the failed check in one line.
func (f *Failure) Error() string {
	return fmt.Sprintf("%s at byte %d: expected %s, seen %s", f.Check, f.At, f.Expected, f.Seen)
}

// errShort reports that the file ends before the size that the caller gave. It
// differs from io.ErrUnexpectedEOF, which reports a truncated archive.
var errShort = errors.New("the file is shorter than its size")

// unjudged is an error with the reason why a file cannot be checked.
type unjudged string

// Error returns the reason.
func (u unjudged) Error() string { return string(u) }

// tagReach limits the search for tags in bytes, for formats without a known place
// of the tags.
const tagReach = 64 << 20

// Inspect reads and checks the image file r of size bytes. It returns an error only
// if r cannot be read, or the cause of ctx when ctx ends. A damaged file is no
// error: it gets the verdict Bad.
func Inspect(ctx context.Context, r io.ReaderAt, size int64) (Report, error) {
	s := &scan{ctx: ctx, file: r, size: size, Report: Report{Format: FormatUnknown}}
	err := s.inspect()
	var failed *Failure
	var why unjudged
	switch {
	case errors.As(err, &failed):
		s.Verdict, s.Failed = Bad, failed
	case errors.As(err, &why):
		s.Verdict, s.Reason = Unknown, string(why)
	case err != nil:
		return Report{}, fmt.Errorf("inspect image: %w", err)
	default:
		s.Verdict = Good
	}
	s.addTags()
	return s.Report, nil
}

// scan is one inspection. Its steps return nil, a *Failure, an unjudged, or a read
// error.
type scan struct {
	Report
	ctx  context.Context
	file io.ReaderAt
	size int64
	tags tagFinder
}

func (s *scan) inspect() error {
	var head [tarBlock]byte
	n := min(int64(len(head)), s.size)
	if err := s.readAt(head[:n], 0); err != nil {
		return err
	}
	switch {
	case bytes.HasPrefix(head[:], []byte("\x7fELF")):
		return s.elf()
	case bytes.HasPrefix(head[:], []byte("MZIP")):
		s.Format = FormatMzip
		return s.searchTags("an mzip image contains no known check")
	case bytes.HasPrefix(head[:], []byte(".IOSXE")):
		s.Format = FormatIOSXE
		return s.searchTags("the checks inside packages of IOS-XE are not published")
	case isTarHeader(head[:]):
		s.Format = FormatTar
		return s.tar()
	}
	return s.searchTags("unknown image format")
}

// searchTags looks for tags in a file that cannot be checked.
func (s *scan) searchTags(why string) error {
	if err := s.stream(0, min(s.size, tagReach), &s.tags); err != nil && !errors.Is(err, errTagsFound) {
		return err
	}
	return unjudged(why)
}

// buffer is the size of one read in bytes.
const buffer = 64 << 10

// stream writes a part of the file to w.
func (s *scan) stream(at, size int64, w io.Writer) error {
	_, err := io.CopyBuffer(w, onlyReader{s.section(at, size)}, make([]byte, buffer))
	return err
}

// section returns a reader for a part of the file. The caller has checked that the
// part is within the file.
func (s *scan) section(at, size int64) io.Reader {
	return &section{s, at, at + size}
}

type section struct {
	scan    *scan
	at, end int64
}

// Read implements io.Reader.
func (r *section) Read(p []byte) (int, error) {
	if r.at >= r.end {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), r.end-r.at)]
	if err := r.scan.readAt(p, r.at); err != nil {
		return 0, err
	}
	r.at += int64(len(p))
	return len(p), nil
}

// readAt fills p. A file that ends before its size is a read error.
func (s *scan) readAt(p []byte, at int64) error {
	if s.ctx.Err() != nil {
		return context.Cause(s.ctx)
	}
	n, err := s.file.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case err == nil || err == io.EOF:
		err = errShort
	}
	return fmt.Errorf("read %d bytes at %d: %w", len(p), at, err)
}

// onlyReader hides the WriteTo method of a reader, so that io.CopyBuffer uses its
// buffer.
type onlyReader struct{ io.Reader }

func (s *scan) holds(check string) { s.Checks = append(s.Checks, check) }
