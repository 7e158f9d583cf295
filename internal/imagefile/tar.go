package imagefile

import (
	"bytes"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

const (
	tarBlock   = 512
	maxMembers = 10_000
)

// isTarHeader reports whether a block is a header of a tar archive. Its checksum is
// the sum of its bytes, with blanks in place of the checksum (POSIX.1-1988, ustar).
func isTarHeader(b []byte) bool {
	want, ok := octal(b[148:156])
	sum := int64(8 * ' ')
	for i, c := range b[:tarBlock] {
		if i < 148 || i >= 156 {
			sum += int64(c)
		}
	}
	return ok && want == sum && b[0] != 0
}

func octal(field []byte) (int64, bool) {
	n, err := strconv.ParseInt(strings.Trim(string(field), " \x00"), 8, 64)
	return n, err == nil && n >= 0
}

// tar reads the headers of an archive and inspects the image in it. The result for
// the image is the result for the archive, because the other files in it have no
// checksums.
func (s *scan) tar() error {
	why := error(unjudged("the archive contains no image"))
	at := int64(0)
	for range maxMembers {
		var b [tarBlock]byte
		switch left := s.size - at; {
		case left <= 0: // in or after the padding of a file
			return unjudged("the archive has no end mark: files may be missing")
		case left < tarBlock:
			return &Failure{CheckStructure, at, "a header or the end mark of the archive", "the end of the file"}
		}
		if err := s.readAt(b[:], at); err != nil {
			return err
		}
		if b == [tarBlock]byte{} {
			return why
		}
		size, ok := octal(b[124:136])
		if !ok || !isTarHeader(b[:]) {
			return &Failure{CheckStructure, at, "a header of the archive", fmt.Sprintf("%x…", b[:8])}
		}
		name, _, _ := bytes.Cut(b[:100], []byte{0})
		at += tarBlock
		if size > s.size-at {
			return &Failure{CheckStructure, s.size, fmt.Sprintf("%d bytes of %q", size, name), fmt.Sprintf("%d bytes", s.size-at)}
		}
		if path.Ext(string(name)) == ".bin" {
			why = s.inner(at, size)
			if _, cannot := why.(unjudged); why != nil && !cannot {
				return why
			}
		}
		at += (size + tarBlock - 1) / tarBlock * tarBlock
	}
	return unjudged(fmt.Sprintf("more than %d files in the archive", maxMembers))
}

// inner inspects the image in an archive. Offsets in its errors are offsets in the
// archive.
func (s *scan) inner(at, size int64) error {
	in := &scan{ctx: s.ctx, file: io.NewSectionReader(s.file, at, size), size: size}
	var head [4]byte
	if size < int64(len(head)) {
		return unjudged("the image in the archive is too small")
	}
	if err := in.readAt(head[:], 0); err != nil {
		return err
	}
	if string(head[:]) != "\x7fELF" {
		return unjudged("the image in the archive has a format that cannot be checked")
	}
	err := in.elf()
	s.tags, s.Checks = in.tags, in.Checks
	if failed, ok := err.(*Failure); ok {
		failed.At += at
	}
	return err
}
