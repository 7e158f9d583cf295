// Package sealed is an encrypted mirror of a vault. The place of the mirror sees
// sizes and times, and no names and contents.
//
// An encrypted mirror is a vault itself: docs/vault-format.md describes both. Its
// blobs are files of age (age-encryption.org/v1), named by the SHA-256 of the
// ciphertext. For each document of the vault it has a snapshot document, which
// names the blobs of its contents, and one blob more: the manifest, with the
// document and the SHA-256 of each content. The name of the device is a keyed
// digest. So a check and a prune work without the identity, and with it the whole
// vault comes back.
package sealed

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"strings"

	"filippo.io/age"

	"flashwarden/internal/vault"
)

// manifest is what a snapshot document of the mirror stands for.
type manifest struct {
	Key      string   `json:"key"`      // of the document in the vault
	Document string   `json:"document"` // its text
	Contents []object `json:"contents"` // what it names, each once
}

// object is one content and the blob of the mirror that has it.
type object struct {
	SHA256 string `json:"sha256"` // of the content
	Size   int64  `json:"size"`   // of the content, in bytes
	Blob   string `json:"blob"`   // the SHA-256 of the ciphertext
	Sealed int64  `json:"sealed"` // the size of the ciphertext
}

// The kinds of blobs of the mirror: the beginning of the path in its documents.
const (
	contentPath  = "content/"
	manifestPath = "manifest"
)

// labels make names that only the holder of the secret can connect with those of
// the vault.
type labels struct{ secret []byte }

// of returns the label of a text: 32 hexadecimal digits.
func (l labels) of(kind, text string) string {
	mac := hmac.New(sha256.New, l.secret)
	fmt.Fprintf(mac, "%s\x00%s", kind, text)
	return hex.EncodeToString(mac.Sum(nil)[:16])
}

// id returns the ID of the mirror's document for the document of the vault with
// this key: the time and the random characters of its ID, and a label in place of
// the device.
func (l labels) id(key string) (id, device string) {
	name := strings.TrimSuffix(path.Base(key), ".json")
	plain, _, _ := vault.SplitName(name)
	kind, _, _ := strings.Cut(key, "/")
	const begin, end = len("20261122T141503Z-"), len("-k3f9")
	device = l.of(kind, plain[begin:len(plain)-end])
	return plain[:begin] + device + plain[len(plain)-end:], device
}

// encrypt writes what age makes of r for one recipient, and returns the SHA-256
// and the size of that.
func encrypt(w io.Writer, r io.Reader, to age.Recipient) (sum string, size int64, err error) {
	h := sha256.New()
	count := &counter{w: io.MultiWriter(w, h)}
	in, err := age.Encrypt(count, to)
	if err != nil {
		return "", 0, err
	}
	if _, err := io.Copy(in, r); err != nil {
		return "", 0, err
	}
	if err := in.Close(); err != nil {
		return "", 0, err
	}
	return hex.EncodeToString(h.Sum(nil)), count.n, nil
}

// counter counts the bytes that pass.
type counter struct {
	w io.Writer
	n int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// readManifest reads and decrypts one manifest. The error is vault.ErrDamaged if its blob is
// not what it was: then its key is not wrong.
func readManifest(ctx context.Context, s vault.Store, blob string, identities []age.Identity) (manifest, error) {
	f, err := s.Get(ctx, vault.BlobKey(blob), 0)
	if err != nil {
		return manifest{}, fmt.Errorf("blob %s: %w", blob, err)
	}
	defer f.Close()
	h := sha256.New()
	whole := io.TeeReader(f, h)
	m, err := decryptManifest(whole, identities)
	if err == nil {
		return m, nil
	}
	if _, unread := io.Copy(io.Discard, whole); unread == nil && hex.EncodeToString(h.Sum(nil)) != blob {
		err = fmt.Errorf("%w: %w", vault.ErrDamaged, err)
	}
	return m, fmt.Errorf("blob %s: %w", blob, err)
}

// decryptManifest decrypts a manifest and proves its document.
func decryptManifest(ciphertext io.Reader, identities []age.Identity) (m manifest, err error) {
	r, err := age.Decrypt(ciphertext, identities...)
	if err != nil {
		return m, err
	}
	if err := json.NewDecoder(r).Decode(&m); err != nil {
		return m, err
	}
	_, want, ok := vault.SplitName(strings.TrimSuffix(path.Base(m.Key), ".json"))
	if sum := sha256.Sum256([]byte(m.Document)); !ok || hex.EncodeToString(sum[:]) != want {
		return m, fmt.Errorf("%w: it has not the document %s", vault.ErrDamaged, m.Key)
	}
	return m, nil
}

// text returns a manifest as it is encrypted.
func (m manifest) text() (io.Reader, error) {
	data, err := json.Marshal(m)
	return bytes.NewReader(data), err
}
