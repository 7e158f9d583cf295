package imagefile

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"crypto/md5"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

const someTags = "CW_BEGIN$C2960-LANBASEK9-M$CW_FAMILY$C2960$CW_FEATURE$LANBASEK9|MIN_DRAM=64$" +
	"CW_IMAGE$C2960-LANBASEK9-M$CW_VERSION$15.0(2)SE11, $CW_MEDIA$RAM$CW_END$C2960-LANBASEK9-M$\x00\x00"

// made is an image to be built.
type made struct {
	inner   []byte // the real image; nil: 9 kB that can hardly be packed
	tags    string
	noMD5   bool
	magic   string // of the section with the image; empty: FEEDFACE
	store   bool   // do not pack
	claims  uint32 // unpacked size in FEEDFACE; 0: the true one
	behind  []byte // after the last section, as a signature is
	archive []byte // in place of the ZIP archive
}

// build makes an image; the archive is made by archive/zip, which judges our
// reading of it. spans is where the sections lie.
func build(t testing.TB, m made) (image []byte, spans []span) {
	t.Helper()
	if m.inner == nil {
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 9001 {
			m.inner = append(m.inner, byte(rnd.IntN(64)))
		}
	}
	if m.archive == nil {
		m.archive = zipped(t, m.inner, m.store)
	}
	be := binary.BigEndian
	payload := append([]byte{}, feedface...)
	if m.magic != "" {
		payload = []byte(m.magic)
	}
	payload = be.AppendUint32(payload, max(m.claims, uint32(len(m.inner))))
	payload = be.AppendUint32(payload, uint32(len(m.archive)))
	payload = be.AppendUint32(payload, naiveSum(m.archive))
	payload = be.AppendUint32(payload, naiveSum(m.inner))
	payload = append(payload, m.archive...)
	sections := [][]byte{nil, bytes.Repeat([]byte("code"), 100), []byte("data CW_BEGIN$ is what I look for"), nil, []byte(m.tags), payload}
	if !m.noMD5 {
		sum := md5.Sum(slices.Concat(sections[0], sections[1], sections[2], sections[5]))
		sections[3] = append(slices.Clone(fadefad1), sum[:]...)
	}
	return layELF(sections, m.behind)
}

func layELF(sections [][]byte, behind []byte) (image []byte, spans []span) {
	be := binary.BigEndian
	at := uint32(elfHeader + programHeader + len(sections)*sectionHeader)
	h := append([]byte("\x7fELF\x01\x02\x01"), make([]byte, 9)...)
	h = be.AppendUint16(be.AppendUint16(h, 2), 20)
	for _, v := range []uint32{1, 0, elfHeader, elfHeader + programHeader, 0} {
		h = be.AppendUint32(h, v)
	}
	for _, v := range []int{elfHeader, programHeader, 1, sectionHeader, len(sections), 0} {
		h = be.AppendUint16(h, uint16(v))
	}
	body := slices.Concat(sections...)
	for _, v := range []uint32{1, at, 0, 0, uint32(len(body)), uint32(len(body)), 7, 4} {
		h = be.AppendUint32(h, v)
	}
	for i, s := range sections {
		for _, v := range []uint32{0, uint32(min(i, 1)), 0, 0, at, uint32(len(s)), 0, 0, 0, 0} {
			h = be.AppendUint32(h, v)
		}
		spans = append(spans, span{int64(at), int64(len(s))})
		at += uint32(len(s))
	}
	return slices.Concat(h, body, behind), spans
}

func zipped(t testing.TB, inner []byte, store bool) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	method := zip.Deflate
	if store {
		method = zip.Store
	}
	w, err := z.CreateHeader(&zip.FileHeader{Name: "c2960.bin", Method: method})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(inner); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// naiveSum is the checksum by its definition, one word and one carry at a time.
func naiveSum(b []byte) uint32 {
	sum := uint64(0)
	b = append(bytes.Clone(b), make([]byte, (4-len(b)%4)%4)...)
	for ; len(b) > 0; b = b[4:] {
		if sum += uint64(binary.BigEndian.Uint32(b)); sum > 0xffffffff {
			sum = sum&0xffffffff + 1
		}
	}
	return uint32(sum)
}

func inspect(t testing.TB, data []byte) Report {
	t.Helper()
	r, err := Inspect(t.Context(), bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if (r.Verdict == Bad) != (r.Failed != nil) || (r.Verdict == Unknown) != (r.Reason != "") || r.Verdict == "" || r.Format == "" {
		t.Fatalf("it contradicts itself: %+v", r)
	}
	return r
}

var allChecks = []string{CheckStructure, CheckSizes, CheckZip, CheckUncompressed, CheckCRC, CheckCompressed, CheckMD5}

func TestGoodImages(t *testing.T) {
	sim, err := iossim.ClassicImage{Family: "C3750", Features: "IPSERVICESK9", Version: "15.0(2)SE8", Description: "x"}.Bytes(80_001)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		data []byte
		want Report
	}{
		"stored, by iossim":       {sim, Report{Format: FormatELFZip, Name: "C3750-IPSERVICESK9-M", Family: "C3750", FeatureSet: "IPSERVICESK9", Version: "15.0(2)SE8", Checks: allChecks}},
		"packed":                  {first(build(t, made{tags: someTags})), Report{Format: FormatELFZip, Name: "C2960-LANBASEK9-M", Family: "C2960", FeatureSet: "LANBASEK9|MIN_DRAM=64", Version: "15.0(2)SE11", Checks: allChecks}},
		"stored":                  {first(build(t, made{store: true})), Report{Format: FormatELFZip, Checks: allChecks}},
		"without an MD5":          {first(build(t, made{noMD5: true})), Report{Format: FormatELFZip, Checks: allChecks[:6]}},
		"signed":                  {first(build(t, made{behind: []byte("signature")})), Report{Format: FormatELFZip, Checks: allChecks}},
		"empty inside":            {first(build(t, made{inner: []byte{}})), Report{Format: FormatELFZip, Checks: allChecks}},
		"another archive":         {first(build(t, made{magic: "????"})), Report{Format: FormatELF, Checks: []string{CheckStructure, CheckMD5}}},
		"laid out in another way": {first(build(t, made{claims: 10_000})), Report{Format: FormatELFZip, Checks: []string{CheckStructure, CheckMD5}}},
		"mzip in an ELF":          {first(build(t, made{magic: "MZIP"})), Report{Format: FormatMzip, Checks: []string{CheckStructure, CheckMD5}}},
	} {
		test.want.Verdict = Good
		if got := inspect(t, test.data); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v (%v), want %+v", name, got, got.Failed, test.want)
		}
	}
}

func first[A, B any](a A, _ B) A { return a }

// TestDamageIsFound inverts bits at many places of an image, and cuts it at many
// places. No image with a changed or missing byte of code, data or archive may get
// the verdict Good.
func TestDamageIsFound(t *testing.T) {
	image, spans := build(t, made{tags: someTags})
	covered := func(at int64) bool { // by a check: everything but the headers and the tags
		for i, s := range spans {
			if i != 4 && at >= s.at && at < s.at+s.size {
				return true
			}
		}
		return false
	}
	for at := range image {
		if at%testlevel.Of(15, 5, 1) != 0 && at < len(image)-200 {
			continue
		}
		damaged := bytes.Clone(image)
		damaged[at] ^= 1 << (at % 8)
		r := inspect(t, damaged)
		if covered(int64(at)) && (r.Verdict != Bad || r.Failed.At < 0 || r.Failed.At > int64(len(image))) {
			// A change in the eight bytes before the digest hides the digest.
			if announces := at >= int(spans[3].at) && at < int(spans[3].at)+8; !announces {
				t.Errorf("byte %d changed: %+v", at, r)
			}
		}
	}
	for n := 0; n < len(image); n += testlevel.Of(7, 1, 1) {
		if r := inspect(t, image[:n]); r.Verdict == Good || n >= elfHeader && r.Verdict != Bad {
			t.Fatalf("cut to %d of %d bytes: %+v", n, len(image), r)
		}
	}
	if r := inspect(t, image[:len(image)-1]); r.Failed.Check != CheckStructure || !strings.Contains(r.Failed.Error(), "the end of the file") {
		t.Errorf("one byte short: %v", r.Failed)
	}
}

func TestBadImages(t *testing.T) {
	flip := func(section int, off int64, value byte) []byte {
		image, spans := build(t, made{})
		image[spans[section].at+off] ^= value
		return image
	}
	bomb := zipped(t, make([]byte, 8<<20), false)
	for name, test := range map[string]struct {
		data  []byte
		check string
		seen  string
	}{
		"code":                  {flip(1, 5, 1), CheckMD5, ""},
		"embedded digest":       {flip(3, 10, 1), CheckMD5, ""},
		"packed data":           {flip(5, 6000, 0xff), "", ""},
		"unpacked checksum":     {flip(5, 16, 1), CheckUncompressed, ""},
		"packed checksum":       {flip(5, 12, 1), CheckCompressed, ""},
		"smaller than it says":  {first(build(t, made{noMD5: true, claims: 10_000})), CheckSizes, "9001 bytes"},
		"bomb":                  {first(build(t, made{noMD5: true, inner: []byte("x"), archive: bomb})), CheckSizes, "more than 1 bytes"},
		"no archive":            {first(build(t, made{noMD5: true, archive: []byte("PK is not here, really not here")})), CheckZip, "504b2069"},
		"an archive cut short":  {first(build(t, made{noMD5: true, archive: bomb[:20]})), CheckZip, ""},
		"a name beyond the end": {first(build(t, made{noMD5: true, archive: zipped(t, nil, true)[:35]})), CheckZip, ""},
	} {
		r := inspect(t, test.data)
		if r.Verdict != Bad || test.check != "" && r.Failed.Check != test.check || !strings.Contains(r.Failed.Seen, test.seen) {
			t.Errorf("%s: %+v (%v)", name, r, r.Failed)
		}
	}
}

// TestCRC has archives whose CRC alone is wrong, behind the data and before it.
func TestCRC(t *testing.T) {
	inner := []byte("the real image")
	behind := zipped(t, inner, false)
	at := bytes.Index(behind, []byte("PK\x07\x08"))
	behind[at+4] ^= 1
	var raw bytes.Buffer
	z := zip.NewWriter(&raw)
	w, err := z.CreateRaw(&zip.FileHeader{Name: "x", CRC32: 1, CompressedSize64: uint64(len(inner)), UncompressedSize64: uint64(len(inner))})
	if err != nil {
		t.Fatal(err)
	}
	w.Write(inner)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	for name, archive := range map[string][]byte{"behind": behind, "before": raw.Bytes()} {
		r := inspect(t, first(build(t, made{noMD5: true, inner: inner, archive: archive})))
		if r.Verdict != Bad || r.Failed.Check != CheckCRC {
			t.Errorf("%s: %+v (%v)", name, r, r.Failed)
		}
	}
}

// TestUnpackStops has data that unpack to far more than they should: no more
// than one byte too many is unpacked.
func TestUnpackStops(t *testing.T) {
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(make([]byte, 1<<20))
	w.Close()
	var out bytes.Buffer
	if n, err := unpack(&out, bufio.NewReader(&packed), 8, 1000); n != 1001 || out.Len() != 1001 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestUnjudged(t *testing.T) {
	image, spans := build(t, made{})
	change := func(do func(b []byte)) []byte {
		b := bytes.Clone(image)
		do(b)
		return b
	}
	be := binary.BigEndian
	third := elfHeader + programHeader + 2*sectionHeader
	for name, test := range map[string]struct {
		data   []byte
		format string
	}{
		"empty":                      {nil, FormatUnknown},
		"text":                       {[]byte("hostname sw1\n"), FormatUnknown},
		"little-endian":              {change(func(b []byte) { b[5] = 1 }), FormatELF},
		"64 bit":                     {change(func(b []byte) { b[4] = 2 }), FormatELF},
		"no sections":                {change(func(b []byte) { be.PutUint16(b[48:], 0) }), FormatELF},
		"too many sections":          {change(func(b []byte) { be.PutUint16(b[48:], 0xffff) }), FormatELF},
		"sections of nothing":        {change(func(b []byte) { be.PutUint16(b[46:], 0) }), FormatELF},
		"sections over one another":  {change(func(b []byte) { be.PutUint32(b[third+16:], 0); be.PutUint32(b[third+20:], uint32(len(b))) }), FormatELF},
		"unpacks to too much":        {change(func(b []byte) { be.PutUint32(b[spans[5].at+4:], maxUnpacked+1) }), FormatELFZip},
		"encrypted":                  {change(func(b []byte) { b[spans[5].at+20+6] |= 1 }), FormatELFZip},
		"packed by another method":   {change(func(b []byte) { b[spans[5].at+20+8] = 12 }), FormatELFZip},
		"neither archive nor digest": {first(build(t, made{magic: "????", noMD5: true})), FormatELF},
		"mzip":                       {[]byte("MZIP and more"), FormatMzip},
		"IOS-XE":                     {[]byte(".IOSXE2.0\x00 and more"), FormatIOSXE},
	} {
		if r := inspect(t, test.data); r.Verdict != Unknown || r.Format != test.format {
			t.Errorf("%s: %+v (%v)", name, r, r.Failed)
		}
	}
}

// TestHollowSections has a section without bytes in the file: whether the
// embedded MD5 covers it is not known, and it proves nothing.
func TestHollowSections(t *testing.T) {
	for _, test := range []struct {
		noMD5, wrong bool
		want         Verdict
	}{{false, false, Good}, {false, true, Good}, {true, false, Good}} {
		image, spans := build(t, made{noMD5: test.noMD5})
		be := binary.BigEndian
		second := image[elfHeader+programHeader+2*sectionHeader:]
		be.PutUint32(second[4:], noBits)
		if test.wrong {
			image[spans[1].at] ^= 1
		}
		r := inspect(t, image)
		if r.Verdict != test.want || slices.Contains(r.Checks, CheckMD5) {
			t.Errorf("%+v: %+v (%v)", test, r, r.Failed)
		}
	}
}

func TestTags(t *testing.T) {
	for name, test := range map[string]struct{ data, version string }{
		"behind other beginnings": {strings.Repeat("CW_BEGIN$", 20) + someTags, "15.0(2)SE11"},
		"behind an empty block":   {"CW_BEGIN$CW_END$" + someTags, "15.0(2)SE11"},
		"behind much else":        {strings.Repeat("x", 3*buffer-5) + someTags, "15.0(2)SE11"},
		"never ending":            {"CW_BEGIN$CW_VERSION$1$" + strings.Repeat("x", maxTags), ""},
		"only beginnings":         {strings.Repeat("CW_BEGIN$", 1000) + someTags, ""},
		"hostile value":           {"CW_BEGIN$CW_VERSION$\x1b[31m1\n2" + strings.Repeat("3", 2*maxTag) + "$CW_END$", "[31m12" + strings.Repeat("3", maxTag-8)},
	} {
		if r := inspect(t, []byte("MZIP"+test.data)); r.Version != test.version {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for n := range len(someTags) { // in two pieces
		var f tagFinder
		f.Write([]byte(someTags[:n]))
		f.Write([]byte(someTags[n:]))
		if f.found["FAMILY"] != "C2960" {
			t.Fatalf("cut at %d: %v", n, f.found)
		}
	}
}

func tarred(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, name := range []string{"info", "x/", "x/x.bin", "info.ver"} {
		data, ok := files[name]
		if !ok {
			continue
		}
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(data)), Mode: 0o644, Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		w.Write(data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTar(t *testing.T) {
	image, spans := build(t, made{tags: someTags})
	whole := tarred(t, map[string][]byte{"info": []byte("info"), "x/": nil, "x/x.bin": image, "info.ver": []byte("v")})
	if r := inspect(t, whole); r.Verdict != Good || r.Version != "15.0(2)SE11" || r.Format != FormatTar || !slices.Equal(r.Checks, allChecks) {
		t.Errorf("%+v", r)
	}
	for n := tarBlock; n < len(whole)-1024; n += 100 {
		if r := inspect(t, whole[:n]); r.Verdict == Good {
			t.Errorf("cut to %d of %d bytes: %+v", n, len(whole), r)
		}
	}
	for n, want := range map[int]Verdict{513: Bad, 1000: Unknown, 1024: Unknown, 1500: Bad, 3000: Bad, len(whole) - 1024: Unknown} {
		if r := inspect(t, whole[:n]); r.Verdict != want {
			t.Errorf("cut to %d bytes: %+v, want %s", n, r, want)
		}
	}
	at := bytes.Index(whole, image) + int(spans[5].at) + 5000
	whole[at] ^= 0xff
	if r := inspect(t, whole); r.Verdict != Bad || r.Failed.At < int64(bytes.Index(whole, []byte("\x7fELF"))) {
		t.Errorf("image damaged: %+v", r)
	}
	if r := inspect(t, tarred(t, map[string][]byte{"info": []byte("info")})); r.Verdict != Unknown {
		t.Errorf("without an image: %+v", r)
	}
	if r := inspect(t, tarred(t, map[string][]byte{"x/x.bin": []byte(".IOSXE2.0")})); r.Verdict != Unknown {
		t.Errorf("with an image that cannot be judged: %+v", r)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

// TestReadErrors checks that a read error is returned and gives no verdict.
func TestReadErrors(t *testing.T) {
	disk := errors.New("disk")
	if _, err := Inspect(t.Context(), failing{disk}, 100); !errors.Is(err, disk) {
		t.Errorf("error %v", err)
	}
	image, _ := build(t, made{})
	for n := 0; n < len(image); n += 97 {
		if r, err := Inspect(t.Context(), bytes.NewReader(image[:n]), int64(len(image))); err == nil {
			t.Fatalf("file of %d bytes said to have %d: %+v", n, len(image), r)
		}
	}
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if _, err := Inspect(ctx, bytes.NewReader(image), int64(len(image))); !errors.Is(err, stop) {
		t.Errorf("error %v", err)
	}
}

// TestMemory has an image far larger than what may be allocated for it.
func TestMemory(t *testing.T) {
	image, _ := build(t, made{inner: make([]byte, testlevel.Of(16, 64, 64)<<20), tags: someTags, behind: make([]byte, 8<<20)})
	whole := tarred(t, map[string][]byte{"x/x.bin": image})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	r := inspect(t, whole)
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 2<<20 || r.Verdict != Good {
		t.Errorf("%d bytes were allocated: %+v", got, r)
	}
}

func TestWordSum(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		data := make([]byte, rnd.IntN(100))
		for i := range data {
			data[i] = byte(rnd.Uint32() | 0xc0)
		}
		var w wordSum
		for left := data; len(left) > 0; {
			n := 1 + rnd.IntN(len(left))
			w.Write(left[:n])
			left = left[n:]
		}
		if w.sum() != naiveSum(data) {
			t.Fatalf("%x: %08x, want %08x", data, w.sum(), naiveSum(data))
		}
	}
}

func FuzzInspect(f *testing.F) {
	image, _ := build(f, made{tags: someTags})
	f.Add(image)
	f.Add(first(build(f, made{store: true, inner: []byte("small"), noMD5: true})))
	f.Add(first(build(f, made{inner: []byte("x"), archive: zipped(f, make([]byte, 1<<20), false)})))
	f.Add(image[:700])
	f.Add([]byte("MZIP" + someTags))
	f.Add([]byte(".IOSXE2.0\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := inspect(t, data)
		for _, text := range []string{r.Name, r.Family, r.FeatureSet, r.Version, r.Reason} {
			if len(text) > maxTag || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' }) {
				t.Errorf("%q", text)
			}
		}
		if r.Failed != nil && (r.Failed.At < 0 || r.Failed.At > int64(len(data))) {
			t.Errorf("%+v", r.Failed)
		}
	})
}
