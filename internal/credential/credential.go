// Package credential encrypts ("seals") device passwords with one key file, so
// that the database and its backups contain no readable password.
//
// The key file is an age X25519 identity (https://age-encryption.org/v1): one line
// of text. age-keygen can create one, too. A sealed text is "age:" followed by an
// age file in base64.
package credential

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	"filippo.io/age"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/disk"
)

// Errors of Unseal; test with errors.Is.
var (
	ErrWrongKey = errors.New("sealed with another key")
	// ErrElsewhere: the text was sealed for another device, address or use. Somebody
	// who can write the database has perhaps moved it, to have it sent to another host.
	ErrElsewhere = errors.New("sealed for another device, address or use")
)

const (
	prefix   = "age:"
	endOfUse = "\x00" // stands between the use and the secret

	maxKeyFile = 64 << 10 // bytes; age-keygen writes under 200
	maxSecret  = 64 << 10 // bytes of an unsealed text
)

// Key seals and unseals secrets. Several goroutines may use it at the same time.
// Printing it does not reveal the key.
type Key struct {
	path     string
	identity *age.X25519Identity
}

// Open reads the key file path. If the file does not exist, Open creates it with
// mode 0600. It returns an error if others than the owner may access the file, or
// the file is not one X25519 identity.
func Open(path string) (*Key, error) {
	identity, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		identity, err = create(path)
	}
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return &Key{path: path, identity: identity}, nil
}

// Load is Open for a key file that exists. The error is a fs.ErrNotExist if it does
// not.
func Load(path string) (*Key, error) {
	identity, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}
	return &Key{path: path, identity: identity}, nil
}

// String returns the path of the key file.
func (k *Key) String() string { return "key " + k.path }

// GoString returns String, so that %#v does not reveal the key either.
func (k *Key) GoString() string { return k.String() }

// CheckValue is a digest by which machines compare their keys. It reveals nothing of them.
func (k *Key) CheckValue() string {
	sum := sha256.Sum256([]byte("flashwarden key check\n" + k.identity.Recipient().String()))
	return hex.EncodeToString(sum[:16])
}

// Seal encrypts a secret of at most 64 KiB for one use: what it is for, and the
// device and the address that it may be sent to. The result is one line of printable
// ASCII, and differs each time. Only the same key can unseal it, for the same use.
func (k *Key) Seal(secret, use string) (string, error) {
	if strings.Contains(use, endOfUse) {
		return "", fmt.Errorf("seal: the use %q has a NUL", use)
	}
	if len(secret) > maxSecret {
		return "", fmt.Errorf("seal: a secret of more than %d bytes", maxSecret)
	}
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, k.identity.Recipient())
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	if _, err := io.WriteString(w, use+endOfUse+secret); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	if err := w.Close(); err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return prefix + base64.RawStdEncoding.EncodeToString(sealed.Bytes()), nil
}

// Unseal returns the secret in a text from Seal. The error is ErrWrongKey if another
// key sealed it, and ErrElsewhere if it was sealed for another use; a damaged text is also an error. Errors do not quote the text.
func (k *Key) Unseal(sealed, use string) (string, error) {
	text, ok := strings.CutPrefix(sealed, prefix)
	if !ok {
		return "", enterAgain(errors.New("unseal: this is not a sealed password"))
	}
	data, err := base64.RawStdEncoding.Strict().DecodeString(text)
	if err != nil {
		return "", enterAgain(errors.New("unseal: the sealed password is damaged"))
	}
	r, err := age.Decrypt(bytes.NewReader(data), k.identity)
	var mismatch *age.NoIdentityMatchError
	if errors.As(err, &mismatch) {
		return "", cause.WithFix(fmt.Errorf("unseal: this password was %w than %s", ErrWrongKey, k.path),
			api.Say("put the old key file back, or ").Then(enterPassword))
	}
	if err != nil {
		return "", enterAgain(errors.New("unseal: the sealed password is damaged"))
	}
	limit := maxSecret + int64(len(use)+len(endOfUse))
	opened, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", enterAgain(errors.New("unseal: the sealed password is damaged"))
	}
	secret, ok := strings.CutPrefix(string(opened), use+endOfUse)
	if !ok || len(secret) > maxSecret {
		return "", enterAgain(fmt.Errorf("unseal: this password was %w: somebody may have changed the database", ErrElsewhere))
	}
	return secret, nil
}

// enterPassword is the fix for a secret that nobody can read any more.
var enterPassword = api.Say("enter the password again: ").Do("device edit", "NAME").With("password_file", "FILE")

func enterAgain(err error) error { return cause.WithFix(err, enterPassword) }

// read reads the key file. The error is fs.ErrNotExist if it does not exist.
func read(path string) (*age.X25519Identity, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("%s is accessible to users other than its owner (mode %04o); type: chmod 0600 %s", path, mode, path)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, err
	}
	return parse(path, data)
}

// parse returns the identity in a key file. Its errors do not quote the file: a
// broken file may still contain most of a key.
func parse(path string, data []byte) (*age.X25519Identity, error) {
	const next = "put the right key file back, or move this one away and enter every password again"
	identities, err := age.ParseIdentities(bytes.NewReader(data))
	if err != nil || len(identities) != 1 {
		return nil, fmt.Errorf("%s does not contain exactly one age identity (AGE-SECRET-KEY-1…); %s", path, next)
	}
	identity, ok := identities[0].(*age.X25519Identity)
	if !ok {
		return nil, fmt.Errorf("%s contains an age identity of a type other than X25519; %s", path, next)
	}
	return identity, nil
}

// create creates a new key file. If another process creates it at the same time,
// create returns the other key.
func create(path string) (*age.X25519Identity, error) {
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		return nil, err
	}
	err = disk.CreateFile(disk.OS{}, path, []byte(identity.String()+"\n"), 0o600)
	if errors.Is(err, fs.ErrExist) {
		return read(path)
	}
	if err != nil {
		return nil, err
	}
	return identity, nil
}
