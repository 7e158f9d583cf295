package iossim

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"hash/fnv"
	"io"
	"slices"
	"sync"
)

// content is the bytes of one file. They are computed on reading, so an image
// of a gigabyte costs nothing until then. A content never changes.
type content struct {
	size    int64
	seed    uint64
	damaged bool                    // it differs from the original
	lay     func(c *content) []part // headers laid over the computed bytes; nil: none

	once  sync.Once
	parts []part

	mu      sync.Mutex
	digests map[string]string
}

// part is a piece of given bytes.
type part struct {
	at   int64
	data []byte
}

// textContent returns a file of given bytes.
func textContent(data []byte) *content {
	return &content{size: int64(len(data)), lay: func(*content) []part { return []part{{0, data}} }}
}

// madeContent returns a file of computed bytes under headers.
func madeContent(name string, size int64, lay func(*content) []part) *content {
	h := fnv.New64a()
	io.WriteString(h, name)
	return &content{size: size, seed: h.Sum64(), lay: lay}
}

// withBitInverted returns the same content with one bit in its middle inverted.
func (c *content) withBitInverted() *content {
	return &content{size: c.size, seed: c.seed, damaged: true, lay: func(*content) []part {
		var b [1]byte
		c.ReadAt(b[:], c.size/2) // this also makes the parts; an empty file has no middle
		return append(slices.Clone(c.parts), part{c.size / 2, []byte{b[0] ^ 0x10}})
	}}
}

// ReadAt implements io.ReaderAt.
func (c *content) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read at negative offset %d", off)
	}
	if off >= c.size {
		return 0, io.EOF
	}
	c.prepare()
	n := int(min(int64(len(p)), c.size-off))
	c.fill(p[:n], off)
	for _, part := range c.parts {
		overlay(p[:n], off, part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// prepare computes the headers, once. A large image needs some time for this,
// so a transfer does it before its first packet.
func (c *content) prepare() {
	c.once.Do(func() {
		if c.lay != nil {
			c.parts = c.lay(c)
		}
	})
}

// overlay copies the bytes of part that belong into p, which begins at off.
func overlay(p []byte, off int64, part part) {
	from, to := max(off, part.at), min(off+int64(len(p)), part.at+int64(len(part.data)))
	if from < to {
		copy(p[from-off:to-off], part.data[from-part.at:])
	}
}

// fill computes the bytes at off. Word i of the file is a hash of the seed and
// i (SplitMix64), so every place can be computed alone.
func (c *content) fill(p []byte, off int64) {
	var word [8]byte
	for len(p) > 0 {
		w := mix(c.seed + uint64(off/8)*0x9E3779B97F4A7C15)
		skip := int(off % 8)
		if skip == 0 && len(p) >= 8 {
			binary.LittleEndian.PutUint64(p, w)
			p, off = p[8:], off+8
			continue
		}
		binary.LittleEndian.PutUint64(word[:], w)
		n := copy(p, word[skip:])
		p, off = p[n:], off+int64(n)
	}
}

// mix is the output function of SplitMix64 (Steele, Lea, Flood 2014).
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// reader reads the whole file.
func (c *content) reader() *io.SectionReader { return io.NewSectionReader(c, 0, c.size) }

// all returns the bytes of the whole file.
func (c *content) all() ([]byte, error) { return io.ReadAll(c.reader()) }

// digest returns the hex digest of the whole file by "md5", "sha1" or "sha512".
// It computes each once.
func (c *content) digest(algorithm string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, ok := c.digests[algorithm]; ok {
		return d, nil
	}
	h := map[string]func() hash.Hash{"md5": md5.New, "sha1": sha1.New, "sha512": sha512.New}[algorithm]()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{c.reader()}, make([]byte, 64<<10)); err != nil {
		return "", fmt.Errorf("compute %s: %w", algorithm, err)
	}
	if c.digests == nil {
		c.digests = map[string]string{}
	}
	c.digests[algorithm] = hex.EncodeToString(h.Sum(nil))
	return c.digests[algorithm], nil
}
