package imagefile

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"
)

// Sizes in a 32-bit ELF, in bytes (System V ABI, "ELF Header", "Sections",
// "Program Header").
const (
	elfHeader     = 52
	programHeader = 32
	sectionHeader = 40
	noBits        = 8 // type of a section without bytes in the file
	maxHeaders    = 256
)

var (
	feedface = []byte{0xfe, 0xed, 0xfa, 0xce}
	fadefad1 = []byte{0xfa, 0xde, 0xfa, 0xd1, 0, 0, 0, 0x18}
)

// span is the place of a section in the file, in bytes.
type span struct{ at, size int64 }

// elf inspects a classic image: a big-endian 32-bit ELF that unpacks itself.
func (s *scan) elf() error {
	s.Format = FormatELF
	if s.size < elfHeader {
		return &Failure{CheckStructure, s.size, fmt.Sprintf("an ELF header of %d bytes", elfHeader), "the end of the file"}
	}
	var h [elfHeader]byte
	if err := s.readAt(h[:], 0); err != nil {
		return err
	}
	if h[4] != 1 || h[5] != 2 {
		return unjudged("not a classic image: the ELF is not 32-bit and big-endian")
	}
	sections, hollow, err := s.layout(h[:])
	if err != nil {
		return err
	}
	s.holds(CheckStructure)
	return s.sections(sections, hollow)
}

// layout reads the places of the sections. Everything that the headers name must be
// in the file. hollow reports sections that have a size but no bytes in the file.
func (s *scan) layout(h []byte) (sections []span, hollow bool, err error) {
	be := binary.BigEndian
	segments, err := s.headers("program header", int64(be.Uint32(h[28:])), int(be.Uint16(h[42:])), int(be.Uint16(h[44:])), programHeader)
	if err != nil {
		return nil, false, err
	}
	for i, p := range segments {
		if err := s.inside(fmt.Sprintf("segment %d", i), span{int64(be.Uint32(p[4:])), int64(be.Uint32(p[16:]))}); err != nil {
			return nil, false, err
		}
	}
	table, err := s.headers("section header", int64(be.Uint32(h[32:])), int(be.Uint16(h[46:])), int(be.Uint16(h[48:])), sectionHeader)
	if err != nil {
		return nil, false, err
	}
	var total int64
	for i, e := range table {
		section := span{int64(be.Uint32(e[16:])), int64(be.Uint32(e[20:]))}
		if be.Uint32(e[4:]) == noBits || be.Uint32(e[4:]) == 0 {
			hollow = hollow || section.size > 0
			section = span{}
		}
		if err := s.inside(fmt.Sprintf("section %d", i), section); err != nil {
			return nil, false, err
		}
		total += section.size
		sections = append(sections, section)
	}
	if total > s.size {
		return nil, false, unjudged("its sections overlap")
	}
	return sections, hollow, nil
}

// headers reads a table of n headers. Each has each bytes and must have at least
// least bytes; the rest is unknown and is not returned.
func (s *scan) headers(what string, at int64, each, n, least int) ([][]byte, error) {
	switch {
	case n == 0:
		return nil, nil
	case each < least || each > 2*least || n > maxHeaders:
		return nil, unjudged(fmt.Sprintf("%d %ss of %d bytes", n, what, each))
	}
	if err := s.inside("the table of "+what+"s", span{at, int64(n) * int64(each)}); err != nil {
		return nil, err
	}
	table := make([]byte, n*each)
	if err := s.readAt(table, at); err != nil {
		return nil, err
	}
	headers := make([][]byte, n)
	for i := range headers {
		headers[i] = table[i*each:][:least]
	}
	return headers, nil
}

// inside checks that a part lies within the file.
func (s *scan) inside(what string, p span) error {
	if end := p.at + p.size; p.size > 0 && end > s.size {
		return &Failure{CheckStructure, s.size, fmt.Sprintf("%s up to byte %d", what, end), "the end of the file"}
	}
	return nil
}

// sections reads each section once. The embedded MD5 covers all sections except
// numbers 3 and 4, which are the MD5 itself and the tags. If the MD5 matches,
// nothing is damaged. A failed check of the archive then means that this image has a
// layout that we do not know.
func (s *scan) sections(all []span, hollow bool) error {
	digest := md5.New()
	var failed *Failure
	var embedded []byte
	var embeddedAt int64
	for i, section := range all {
		magic := make([]byte, min(section.size, int64(len(fadefad1)+md5.Size)))
		if err := s.readAt(magic, section.at); err != nil {
			return err
		}
		sink := io.Discard
		if i != 3 && i != 4 {
			sink = digest
		} else if bytes.HasPrefix(magic, fadefad1) && len(magic) == len(fadefad1)+md5.Size {
			embedded, embeddedAt = magic[len(fadefad1):], section.at
		}
		err := s.readSection(section, magic, sink)
		if err != nil && !errors.As(err, &failed) {
			return err
		}
	}
	err := s.compareMD5(embedded, embeddedAt, digest, hollow)
	if failed != nil && !slices.Contains(s.Checks, CheckMD5) {
		return failed
	}
	return err
}

// readSection passes a section to sink, and checks it if it holds the image.
func (s *scan) readSection(p span, magic []byte, sink io.Writer) error {
	switch {
	case bytes.HasPrefix(magic, feedface):
		s.Format = FormatELFZip
		r := bufio.NewReaderSize(io.TeeReader(s.section(p.at, p.size), sink), buffer)
		found := s.image(r, p)
		_, err := io.Copy(io.Discard, r) // the rest, for sink
		return cmp.Or(found, err)
	case bytes.HasPrefix(magic, []byte("MZIP")):
		s.Format = FormatMzip
	}
	return s.stream(p.at, p.size, io.MultiWriter(sink, tagSink{&s.tags}))
}

// compareMD5 ends the inspection of an ELF.
func (s *scan) compareMD5(embedded []byte, at int64, digest hash.Hash, hollow bool) error {
	switch got := digest.Sum(nil); {
	case embedded == nil, hollow && !bytes.Equal(got, embedded): // NAFT does not say how the MD5 counts hollow sections
		if s.Format == FormatELFZip {
			return nil
		}
		return unjudged("no packed image and no embedded MD5 in a known place")
	case !bytes.Equal(got, embedded):
		return &Failure{CheckMD5, at, fmt.Sprintf("%x", embedded), fmt.Sprintf("%x", got)}
	}
	s.holds(CheckMD5)
	return nil
}
