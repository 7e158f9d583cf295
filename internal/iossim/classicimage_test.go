package iossim

import (
	"archive/zip"
	"bytes"
	"crypto/md5"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

// The standard library unpacks the images. The test computes sums and digests
// again, from the file alone.
func TestClassicImagesProveThemselves(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	for _, profile := range []string{"c3500xl", "c3750"} {
		t.Run(profile, func(t *testing.T) {
			s, err := New(profile, Options{})
			if err != nil {
				t.Fatal(err)
			}
			data, ok := s.File(image[profile])
			if !ok {
				t.Fatalf("there is no %s", image[profile])
			}
			embedded := checkImage(t, data, strings.ToUpper(profile))
			if got := s.embeddedOf(t, image[profile]); got != fmt.Sprintf("%x", embedded) {
				t.Errorf("verify would print %s, embedded is %x", got, embedded)
			}
		})
	}
}

// Images of every size from the minimum on are correct.
func TestImagesOfAnySize(t *testing.T) {
	t.Parallel()
	im := ClassicImage{Family: "C2960", Features: "LANBASEK9", Version: "15.0(2)SE11", Description: "C2960 Software"}
	for _, size := range []int64{smallestImage, smallestImage + 1, smallestImage + 2, 65_539} {
		data, err := im.Bytes(size)
		if err != nil || int64(len(data)) != size {
			t.Fatalf("%d bytes of %d: %v", len(data), size, err)
		}
		checkImage(t, data, "C2960")
	}
	if _, err := im.Bytes(smallestImage - 1); err == nil {
		t.Error("an image without room for its headers was made")
	}
}

// checkImage unpacks an image and returns its embedded MD5.
func checkImage(t *testing.T, data []byte, family string) (embedded []byte) {
	t.Helper()
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if f.Class != elf.ELFCLASS32 || f.Data != elf.ELFDATA2MSB || len(f.Progs) != 1 {
		t.Errorf("%v %v with %d program headers, want 32 bit, big-endian, 1", f.Class, f.Data, len(f.Progs))
	}
	h := md5.New()
	found := 0
	for i, section := range f.Sections {
		if section.Type == elf.SHT_NULL {
			continue
		}
		b, err := section.Data()
		if err != nil {
			t.Fatal(err)
		}
		if i != 3 && i != 4 {
			h.Write(b)
		}
		switch {
		case bytes.HasPrefix(b, []byte("\xFA\xDE\xFA\xD1\x00\x00\x00\x18")):
			embedded = b[8:24]
			found++
		case bytes.HasPrefix(b, []byte("\xFE\xED\xFA\xCE")):
			checkArchive(t, b)
			found++
		case bytes.HasPrefix(b, []byte("CW_BEGIN$")):
			checkTags(t, string(b), family)
			found++
		}
	}
	if found != 3 {
		t.Errorf("%d of digest, archive and tags are there", found)
	}
	if !bytes.Equal(h.Sum(nil), embedded) {
		t.Errorf("embedded MD5 %x, computed %x", embedded, h.Sum(nil))
	}
	return embedded
}

func (s *Switch) embeddedOf(t *testing.T, path string) string {
	t.Helper()
	f, err := s.flash.lookup(path)
	if err != nil {
		t.Fatal(err)
	}
	return f.body.embeddedMD5()
}

func checkArchive(t *testing.T, section []byte) {
	t.Helper()
	field := func(i int) uint32 { return binary.BigEndian.Uint32(section[4*i:]) }
	archive := section[20:]
	if int(field(2)) != len(archive) || field(3) != plainSum(archive) {
		t.Errorf("compressed: size %d, sum %08X; header says %d, %08X", len(archive), plainSum(archive), field(2), field(3))
	}
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil || len(z.File) != 1 {
		t.Fatalf("the archive has %v members: %v", z, err)
	}
	m, err := z.File[0].Open()
	if err != nil {
		t.Fatal(err)
	}
	inner, err := io.ReadAll(m) // compares the CRC
	if err != nil {
		t.Fatal(err)
	}
	if int(field(1)) != len(inner) || field(4) != plainSum(inner) {
		t.Errorf("uncompressed: size %d, sum %08X; header says %d, %08X", len(inner), plainSum(inner), field(1), field(4))
	}
}

func plainSum(b []byte) uint32 {
	sum := uint64(0)
	b = append(bytes.Clone(b), make([]byte, 3)...) // the last word is padded
	for i := 0; i+4 <= len(b); i += 4 {
		sum += uint64(binary.BigEndian.Uint32(b[i:]))
		sum = sum&0xFFFFFFFF + sum>>32
	}
	return uint32(sum)
}

func checkTags(t *testing.T, tags, family string) {
	t.Helper()
	for _, want := range []string{"CW_FAMILY$" + family + "$", "CW_VERSION$1", "CW_END$"} {
		if !strings.Contains(tags, want) {
			t.Errorf("no %s in %s", want, tags)
		}
	}
}

func TestPackagesBeginAsIOSXEDoes(t *testing.T) {
	t.Parallel()
	s, err := New("c9300", Options{})
	if err != nil {
		t.Fatal(err)
	}
	conf, _ := s.File("flash:packages.conf")
	named := map[string]bool{}
	for _, word := range strings.Fields(string(conf)) {
		if strings.HasSuffix(word, ".pkg") {
			named[word] = true
		}
	}
	if len(named) != 10 {
		t.Errorf("packages.conf names %d packages, want 10", len(named))
	}
	for name := range named {
		f, err := s.flash.lookup(name)
		if err != nil {
			t.Errorf("packages.conf names %s: %v", name, err)
			continue
		}
		head := make([]byte, 10)
		if f.body.ReadAt(head, 0); string(head) != ".IOSXE2.0\x00" {
			t.Errorf("%s begins %q", name, head)
		}
	}
}
