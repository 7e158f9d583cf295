// Package imagefile inspects image files offline: what a file says of itself,
// and whether it is whole by the sizes, checksums and digests that it carries.
// No device is asked.
//
// The layout of classic images is the one that the NAFT tools of Didier
// Stevens read. A file is read once, from its beginning to its end, with
// buffers of fixed size; what it unpacks to is never kept.
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
	FormatMzip    = "mzip"    // classic IOS, packed in a way that is not published
	FormatIOSXE   = "iosxe"   // a package or super-package of IOS-XE
	FormatTar     = "tar"     // what archive download-sw takes
	FormatUnknown = "unknown"
)

// Verdict is what the file proves of itself.
type Verdict string

// The verdicts.
const (
	Good    Verdict = "good"    // all checks that the file carries hold
	Bad     Verdict = "bad"     // one does not: the file is truncated or altered
	Unknown Verdict = "unknown" // the file carries no check that we know
)

// The checks, in the order in which they are made.
const (
	CheckStructure    = "structure"             // every part that the headers name is in the file
	CheckSizes        = "sizes"                 // the sizes in the FEEDFACE header and in the archive agree with what is there
	CheckZip          = "zip"                   // the archive can be unpacked
	CheckUncompressed = "uncompressed-checksum" // of what was unpacked, by FEEDFACE
	CheckCRC          = "zip-crc"               // of what was unpacked, by the archive
	CheckCompressed   = "compressed-checksum"   // of the archive, by FEEDFACE
	CheckMD5          = "embedded-md5"          // over the sections
)

// Report is what an image file says of itself, and whether it is whole.
type Report struct {
	Format     string
	Name       string // CW_IMAGE: C3750-IPSERVICESK9-M
	Family     string // CW_FAMILY: C3750
	FeatureSet string // CW_FEATURE
	Version    string // CW_VERSION: 15.0(2)SE8
	Verdict    Verdict
	Checks     []string // those that hold
	Failed     *Failure // the check that does not; only when the verdict is Bad
	Reason     string   // why it cannot be judged; only when the verdict is Unknown
}

// Failure is a check that does not hold.
type Failure struct {
	Check    string
	At       int64  // where in the file, in bytes
	Expected string // by what the file says
	Seen     string
}

func (f *Failure) Error() string {
	return fmt.Sprintf("%s at byte %d: expected %s, seen %s", f.Check, f.At, f.Expected, f.Seen)
}

// errShort says that a file ends before the size that it is said to have. It
// is not io.ErrUnexpectedEOF, with which an archive ends too early.
var errShort = errors.New("the file is shorter than its size")

// unjudged is why a file cannot be judged.
type unjudged string

func (u unjudged) Error() string { return string(u) }

// tagReach is how far files are searched for tags whose format does not say
// where they are, in bytes.
const tagReach = 64 << 20

// Inspect reads the image file r of so many bytes. An error says that it could
// not be read, or is the cause of ctx; whatever the file holds is no error.
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

// scan is one inspection. Its steps return nil, a *Failure, an unjudged, or
// an error of reading.
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
		return s.searchTags("an mzip image carries no check that is known")
	case bytes.HasPrefix(head[:], []byte(".IOSXE")):
		s.Format = FormatIOSXE
		return s.searchTags("the checks inside packages of IOS-XE are not published")
	case isTarHeader(head[:]):
		s.Format = FormatTar
		return s.tar()
	}
	return s.searchTags("not a format of image that is known")
}

// searchTags looks for tags in a file that cannot be judged.
func (s *scan) searchTags(why string) error {
	if err := s.stream(0, min(s.size, tagReach), &s.tags); err != nil && !errors.Is(err, errTagsFound) {
		return err
	}
	return unjudged(why)
}

// buffer is how many bytes are read at once.
const buffer = 64 << 10

// stream writes a stretch of the file to w.
func (s *scan) stream(at, size int64, w io.Writer) error {
	_, err := io.CopyBuffer(w, onlyReader{s.section(at, size)}, make([]byte, buffer))
	return err
}

// section reads a stretch of the file that is known to be in it.
func (s *scan) section(at, size int64) io.Reader {
	return &section{s, at, at + size}
}

type section struct {
	scan    *scan
	at, end int64
}

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

// readAt fills p. That the file ends before its size is an error of reading.
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

// onlyReader hides what would keep io.CopyBuffer from using its buffer.
type onlyReader struct{ io.Reader }

func (s *scan) holds(check string) { s.Checks = append(s.Checks, check) }
