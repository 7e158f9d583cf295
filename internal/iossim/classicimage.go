package iossim

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"
)

// The layout of a classic image, as the NAFT tools read it: a big-endian
// 32-bit ELF with one program header, which unpacks the real image from a ZIP
// archive in its last section.
const (
	elfHeader     = 52
	programHeader = 32
	sectionHeader = 40
	sections      = 6 // null, code, data, digest, tags, image
	codeOffset    = 0x200
	codeSize      = 0x6000
	dataSize      = 0x800
	digestSize    = 24      // FADEFAD1 00000018 and an MD5
	feedface      = 20      // FEEDFACE, two sizes, two checksums
	loadAddress   = 0x03000 // where the self-decompressor is loaded
	zipLocal      = 30      // fixed part of a ZIP local header
	zipCentral    = 46      // fixed part of a ZIP central directory entry
	zipEnd        = 22      // fixed part of a ZIP end record
	dosDate       = 0x2A21  // 1 January 2001: ZIP members carry a DOS date
)

// ClassicImage describes a classic IOS image, "mz": run from RAM, ZIP inside.
type ClassicImage struct {
	Family      string // C3750
	Features    string // IPSERVICESK9
	Version     string // 15.0(2)SE8
	Description string // the first line of show version, CW_SYSDESCR
}

// smallestImage is the minimum size of a ClassicImage, in bytes: its headers,
// and room for a member of the archive.
const smallestImage = 32 << 10

// Bytes returns a whole image of size bytes: an ELF file with a FEEDFACE
// section, its ZIP archive, an embedded MD5 and CW_ tags, all correct as far as
// NAFT checks them. Equal arguments give equal bytes. A size under 32 KiB is an
// error, because the headers need that much.
func (im ClassicImage) Bytes(size int64) ([]byte, error) {
	if size < smallestImage {
		return nil, fmt.Errorf("an image of %d bytes has no room for its headers; it takes %d", size, smallestImage)
	}
	return im.content(size).all()
}

// content returns the image as a file in flash.
func (im ClassicImage) content(size int64) *content {
	return madeContent(fmt.Sprintf("%+v", im), size, im.lay)
}

// span is the place of a section in the file.
type span struct{ at, size int64 }

// lay computes all headers of an image over c. Their checksums and digests are
// correct, so an offline check finds the file intact.
func (im ClassicImage) lay(c *content) []part {
	tags := im.tags()
	layout := im.layout(c.size, int64(len(tags)))
	zip, member := im.zipParts(c, layout[5].at+feedface, c.size)
	parts := append(zip,
		part{0, im.elf(layout)},
		part{layout[4].at, tags})
	parts = append(parts, feedfacePart(c, parts, layout[5], member))
	return append(parts, digestPart(c, parts, layout))
}

// layout places the sections one after another. The last one gets the rest.
func (im ClassicImage) layout(size, tags int64) [sections]span {
	l := [sections]span{1: {codeOffset, codeSize}, 2: {codeOffset + codeSize, dataSize}}
	l[3] = span{l[2].at + dataSize, digestSize}
	l[4] = span{l[3].at + digestSize, tags}
	at := l[4].at + tags
	l[5] = span{at, size - at}
	return l
}

// tags returns the CW_ block, padded to whole words.
func (im ClassicImage) tags() []byte {
	image := im.Family + "-" + im.Features + "-M"
	b := fmt.Appendf(nil, "CW_BEGIN$%s$", image)
	for _, t := range [][2]string{
		{"FAMILY", im.Family}, {"FEATURE", im.Features}, {"IMAGE", image},
		{"VERSION", im.Version}, {"SYSDESCR", im.Description},
	} {
		b = fmt.Appendf(b, "CW_%s$%s$", t[0], t[1])
	}
	b = fmt.Appendf(b, "CW_END$%s$", image)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

// elf returns the ELF header, the program header and the section headers.
func (im ClassicImage) elf(layout [sections]span) []byte {
	var b bytes.Buffer
	b.Write([]byte{0x7F, 'E', 'L', 'F', 1, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // 32 bit, big-endian
	end := layout[5].at + layout[5].size
	put(&b, uint16(2), uint16(20), uint32(1)) // executable, PowerPC, version 1
	put(&b, uint32(loadAddress), uint32(elfHeader), uint32(elfHeader+programHeader), uint32(0))
	put(&b, uint16(elfHeader), uint16(programHeader), uint16(1), uint16(sectionHeader), uint16(sections), uint16(0))
	put(&b, uint32(1), uint32(codeOffset), uint32(loadAddress), uint32(loadAddress),
		uint32(end-codeOffset), uint32(end-codeOffset), uint32(7), uint32(4)) // load, all of it, rwx
	b.Write(make([]byte, sectionHeader)) // the null section
	for _, s := range layout[1:] {
		put(&b, uint32(0), uint32(1), uint32(7), uint32(loadAddress+s.at-codeOffset),
			uint32(s.at), uint32(s.size), uint32(0), uint32(0), uint32(4), uint32(0))
	}
	return b.Bytes()
}

func put(b *bytes.Buffer, values ...any) {
	for _, v := range values {
		binary.Write(b, binary.BigEndian, v) // into memory: cannot fail
	}
}

// zipParts lays a ZIP archive with one stored member over [at, end). It returns
// the place of the member.
func (im ClassicImage) zipParts(c *content, at, end int64) ([]part, span) {
	name := im.Family + "-" + im.Features + "-M.bin"
	head := int64(zipLocal + len(name))
	member := span{at + head, end - at - head - int64(zipCentral+len(name)) - zipEnd}
	comment := member.size % 4 // so that the member is whole words
	member.size -= comment
	inner := part{member.at, []byte{0x7F, 'E', 'L', 'F', 1, 2, 1, 0}}
	crc := crc32.NewIEEE()
	copySpan(crc, c, []part{inner}, member)

	le := binary.LittleEndian
	var fields []byte // common to the local header and the directory entry
	for _, v := range []uint16{10, 0, 0, 0, dosDate} {
		fields = le.AppendUint16(fields, v)
	}
	fields = le.AppendUint32(fields, crc.Sum32())
	fields = le.AppendUint32(fields, uint32(member.size))
	fields = le.AppendUint32(fields, uint32(member.size))
	fields = le.AppendUint16(fields, uint16(len(name)))
	fields = le.AppendUint16(fields, 0)

	local := append([]byte("PK\x03\x04"), fields...)
	local = append(local, name...)
	central := append([]byte("PK\x01\x02\x0A\x00"), fields...)
	central = append(append(central, make([]byte, 14)...), name...) // no comment, disk 0, offset 0
	tail := append(central, "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...)
	tail = le.AppendUint32(tail, uint32(len(central)))
	tail = le.AppendUint32(tail, uint32(member.at+member.size-at))
	tail = le.AppendUint16(tail, uint16(comment))
	tail = append(tail, make([]byte, comment)...)
	return []part{inner, {at, local}, {member.at + member.size, tail}}, member
}

// feedfacePart returns the header of the image section: FE ED FA CE, the sizes
// of the member and of the archive, the checksums of the archive and of the
// member.
func feedfacePart(c *content, parts []part, section, member span) part {
	archive := span{section.at + feedface, section.size - feedface}
	var b bytes.Buffer
	put(&b, uint32(0xFEEDFACE), uint32(member.size), uint32(archive.size),
		checksum(c, parts, archive), checksum(c, parts, member))
	return part{section.at, b.Bytes()}
}

// digestPart returns the section with the MD5 over all sections except those
// with index 3 and 4.
func digestPart(c *content, parts []part, layout [sections]span) part {
	h := md5.New()
	for i, s := range layout {
		if i != 3 && i != 4 {
			copySpan(h, c, parts, s)
		}
	}
	return part{layout[3].at, h.Sum([]byte{0xFA, 0xDE, 0xFA, 0xD1, 0, 0, 0, digestSize})}
}

// embeddedMD5 returns the digest in the third section of an image, in hex, or
// "" if there is none.
func (c *content) embeddedMD5() string {
	head := make([]byte, codeOffset+codeSize+dataSize+digestSize)
	n, _ := c.ReadAt(head, 0) // a shorter file has no digest
	at := bytes.LastIndex(head[:n], []byte{0xFA, 0xDE, 0xFA, 0xD1, 0, 0, 0, digestSize})
	if at < 0 || at+digestSize > n {
		return ""
	}
	return hex.EncodeToString(head[at+8 : at+digestSize])
}

// copySpan writes a part of the file, with the headers known so far. w is a
// hash, which never fails.
func copySpan(w io.Writer, c *content, parts []part, s span) {
	buf := make([]byte, 64<<10)
	for at, end := s.at, s.at+s.size; at < end; {
		b := buf[:min(int64(len(buf)), end-at)]
		c.fill(b, at)
		for _, p := range parts {
			overlay(b, at, p)
		}
		w.Write(b)
		at += int64(len(b))
	}
}

// checksum returns the sum of the big-endian words of a part, with the carry
// added back in. It pads a last incomplete word with zeros.
func checksum(c *content, parts []part, s span) uint32 {
	var w wordSum
	copySpan(&w, c, parts, s)
	for w.sum>>32 != 0 {
		w.sum = w.sum&0xFFFFFFFF + w.sum>>32
	}
	return uint32(w.sum)
}

type wordSum struct{ sum uint64 }

func (w *wordSum) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) >= 4 {
		w.sum += uint64(binary.BigEndian.Uint32(p))
		p = p[4:]
	}
	if len(p) > 0 {
		var last [4]byte
		copy(last[:], p)
		w.sum += uint64(binary.BigEndian.Uint32(last[:]))
	}
	return n, nil
}

// PackageBytes returns a whole IOS-XE package or super-package (.pkg, .bin) of
// size bytes. Only its beginning is like a real one.
func PackageBytes(name string, size int64) ([]byte, error) {
	return packageContent(name, size).all()
}

// packageContent returns a package as a file in flash. It begins with the text
// of a captured first DATA block of a cat3k_caa 16.06.09.
func packageContent(name string, size int64) *content {
	return madeContent(name, size, func(*content) []part {
		head := make([]byte, 512)
		copy(head, ".IOSXE2.0")
		copy(head[64:], name)
		return []part{{0, head}}
	})
}
