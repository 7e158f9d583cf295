package imagefile

import (
	"bufio"
	"compress/flate"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// maxUnpacked is the largest accepted size of an unpacked image in bytes. Real
// images are much smaller.
const maxUnpacked = 512 << 20

// feedfaceHeader is the size in bytes of FEEDFACE, two sizes and two checksums.
const feedfaceHeader = 20

// image checks the section that contains the image: the FEEDFACE header and a ZIP
// archive with one member.
func (s *scan) image(r *bufio.Reader, p span) error {
	var h [feedfaceHeader]byte
	if p.size < feedfaceHeader {
		return &Failure{CheckSizes, p.at, fmt.Sprintf("a header of %d bytes", feedfaceHeader), fmt.Sprintf("a section of %d bytes", p.size)}
	}
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return err
	}
	be := binary.BigEndian
	unpacked, packed := int64(be.Uint32(h[4:])), int64(be.Uint32(h[8:]))
	switch {
	case packed > p.size-feedfaceHeader:
		return &Failure{CheckSizes, p.at, fmt.Sprintf("%d bytes of packed image", packed), fmt.Sprintf("%d bytes of section", p.size-feedfaceHeader)}
	case unpacked > maxUnpacked:
		return unjudged(fmt.Sprintf("the header announces an unpacked image of %d bytes; the limit is %d", unpacked, maxUnpacked))
	}
	var sum wordSum
	archive := bufio.NewReader(io.TeeReader(io.LimitReader(r, packed), &sum))
	if err := s.member(archive, p.at+feedfaceHeader, unpacked, be.Uint32(h[16:])); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, archive); err != nil { // the directory of the archive
		return err
	}
	return s.compare(CheckCompressed, p.at, be.Uint32(h[12:]), sum.sum())
}

// member is the local header of the archive's member (PKWARE APPNOTE 4.3.7).
type member struct {
	flags, method uint16
	crc           uint32
	size          uint32 // unpacked
}

const (
	zipLocal      = 30
	zipEncrypted  = 1 << 0
	zipDescriptor = 1 << 3 // CRC and sizes follow the data
)

// member unpacks the archive's member. It must have unpacked bytes, the given
// checksum, and the CRC in the archive.
func (s *scan) member(r *bufio.Reader, at, unpacked int64, checksum uint32) error {
	m, err := s.local(r, at, unpacked)
	if err != nil {
		return err
	}
	var sum wordSum
	crc := crc32.NewIEEE()
	n, err := unpack(io.MultiWriter(crc, &sum), r, m.method, unpacked)
	var corrupt flate.CorruptInputError
	switch {
	case errors.As(err, &corrupt), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Failure{CheckZip, at, fmt.Sprintf("%d bytes, packed", unpacked), fmt.Sprintf("damage after %d bytes", n)}
	case err != nil:
		return err
	case n != unpacked:
		return &Failure{CheckSizes, at, fmt.Sprintf("an image of %d bytes", unpacked), sizeSeen(n, unpacked)}
	}
	s.holds(CheckSizes)
	s.holds(CheckZip)
	if err := s.compare(CheckUncompressed, at, checksum, sum.sum()); err != nil {
		return err
	}
	if m.flags&zipDescriptor != 0 {
		if m.crc, err = descriptorCRC(r); err != nil {
			return &Failure{CheckZip, at, "a CRC after the packed image", "the end of the archive"}
		}
	}
	return s.compare(CheckCRC, at, m.crc, crc.Sum32())
}

func sizeSeen(n, want int64) string {
	if n > want {
		return fmt.Sprintf("more than %d bytes", want)
	}
	return fmt.Sprintf("%d bytes", n)
}

// local reads the header of the member.
func (s *scan) local(r *bufio.Reader, at, unpacked int64) (member, error) {
	var h [zipLocal]byte
	if _, err := io.ReadFull(r, h[:]); errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF || err == nil && string(h[:4]) != "PK\x03\x04" {
		return member{}, &Failure{CheckZip, at, "a ZIP archive", fmt.Sprintf("%x", h[:4])}
	} else if err != nil {
		return member{}, err
	}
	le := binary.LittleEndian
	m := member{flags: le.Uint16(h[6:]), method: le.Uint16(h[8:]), crc: le.Uint32(h[14:]), size: le.Uint32(h[22:])}
	switch {
	case m.flags&zipEncrypted != 0 || m.method != 0 && m.method != 8:
		return member{}, unjudged(fmt.Sprintf("its ZIP archive uses method %d with flags %#x, which are not supported", m.method, m.flags))
	case m.flags&zipDescriptor == 0 && int64(m.size) != unpacked:
		return member{}, &Failure{CheckSizes, at, fmt.Sprintf("an image of %d bytes", unpacked), fmt.Sprintf("%d bytes in the archive", m.size)}
	}
	names := int64(le.Uint16(h[26:])) + int64(le.Uint16(h[28:]))
	if n, err := io.CopyN(io.Discard, r, names); err == io.EOF {
		return member{}, &Failure{CheckZip, at, fmt.Sprintf("a name of %d bytes", names), fmt.Sprintf("%d bytes", n)}
	} else if err != nil {
		return member{}, err
	}
	return m, nil
}

// unpack writes the member to w, at most one byte more than most.
func unpack(w io.Writer, r *bufio.Reader, method uint16, most int64) (int64, error) {
	if method == 0 {
		return io.CopyN(w, r, most)
	}
	z := flate.NewReader(r) // reads r byte by byte, so it stops at the end of the packed data
	defer z.Close()
	return io.CopyBuffer(w, onlyReader{io.LimitReader(z, most+1)}, make([]byte, buffer))
}

// descriptorCRC reads the CRC that follows packed data (APPNOTE 4.3.9); the
// signature before it is optional.
func descriptorCRC(r io.Reader) (uint32, error) {
	var b [4]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, err
	}
	if string(b[:]) == "PK\x07\x08" {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return 0, err
		}
	}
	return binary.LittleEndian.Uint32(b[:]), nil
}

// compare runs one check of a 32-bit value.
func (s *scan) compare(check string, at int64, want, got uint32) error {
	if want != got {
		return &Failure{check, at, fmt.Sprintf("%08x", want), fmt.Sprintf("%08x", got)}
	}
	s.holds(check)
	return nil
}

// wordSum is the sum of the big-endian 32-bit words written to it, with the carry
// added back. An incomplete last word is padded with zeros.
type wordSum struct {
	total uint64 // of at most 2^32 words
	word  uint32 // the bytes of an incomplete word
	n     int    // number of those bytes
}

// Write adds p. It never fails.
func (w *wordSum) Write(p []byte) (int, error) {
	for i, b := range p {
		if w.n == 0 && len(p)-i >= 4 {
			return len(p), w.words(p[i:])
		}
		w.byte(b)
	}
	return len(p), nil
}

// words adds whole words, then the remaining bytes.
func (w *wordSum) words(p []byte) error {
	for ; len(p) >= 4; p = p[4:] {
		w.total += uint64(binary.BigEndian.Uint32(p))
	}
	for _, b := range p {
		w.byte(b)
	}
	return nil
}

func (w *wordSum) byte(b byte) {
	w.word |= uint32(b) << (24 - 8*w.n)
	if w.n++; w.n == 4 {
		w.total, w.word, w.n = w.total+uint64(w.word), 0, 0
	}
}

func (w *wordSum) sum() uint32 {
	total := w.total + uint64(w.word)
	for total>>32 != 0 {
		total = total&0xffffffff + total>>32
	}
	return uint32(total)
}
