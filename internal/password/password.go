// Package password keeps the passwords of users as argon2id hashes (RFC 9106).
package password

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// MinLength is the shortest password that Check takes, in bytes (NIST SP 800-63B section
// 5.1.1.2).
const MinLength = 8

// MaxLength is the longest one, in bytes. It bounds the work of a login.
const MaxLength = 1024

// Check returns an error for a password that is too short, too long, or made of blanks.
func Check(password string) error {
	switch {
	case len(password) < MinLength:
		return fmt.Errorf("the password has %d characters; use %d or more", len(password), MinLength)
	case len(password) > MaxLength:
		return fmt.Errorf("the password has %d bytes; use at most %d", len(password), MaxLength)
	case strings.TrimSpace(password) == "":
		return errors.New("the password has only blanks")
	}
	return nil
}

// The cost of a hash: 19 MiB, two passes, one thread. It is the smallest that the OWASP
// Password Storage Cheat Sheet recommends, because a small server computes it.
const (
	memory  = 19 * 1024 // KiB
	passes  = 2
	threads = 1
	keySize = 32 // bytes
)

// form is a hash as a text, in the PHC string format.
const form = "$argon2id$v=%d$m=%d,t=%d,p=%d$"

// slots bounds how many hashes are computed at once, and with it their memory: many
// logins at once wait.
var slots = make(chan struct{}, 2)

// Hash returns the hash of a password with a new salt.
func Hash(password string) string {
	salt := make([]byte, 16)
	rand.Read(salt) // it never fails (crypto/rand)
	return fmt.Sprintf(form, argon2.Version, memory, passes, threads) + encode(salt) + "$" + encode(key(password, salt))
}

// Matches reports whether a password has this hash. It takes the same time for a hash
// that is empty, as of a user that there is not.
func Matches(hash, password string) bool {
	if len(password) > MaxLength {
		return false
	}
	salt, want, ok := parse(hash)
	if !ok {
		salt, want = make([]byte, 16), make([]byte, keySize)
	}
	return subtle.ConstantTimeCompare(key(password, salt), want) == 1 && ok
}

func key(password string, salt []byte) []byte {
	slots <- struct{}{}
	defer func() { <-slots }()
	return argon2.IDKey([]byte(password), salt, passes, memory, threads, keySize)
}

// parse reads a hash that Hash wrote. Another cost is not known yet.
func parse(hash string) (salt, sum []byte, ok bool) {
	rest, ok := strings.CutPrefix(hash, fmt.Sprintf(form, argon2.Version, memory, passes, threads))
	if !ok {
		return nil, nil, false
	}
	first, second, _ := strings.Cut(rest, "$")
	salt, err := base64.RawStdEncoding.DecodeString(first)
	if err != nil {
		return nil, nil, false
	}
	sum, err = base64.RawStdEncoding.DecodeString(second)
	return salt, sum, err == nil && len(sum) == keySize
}

func encode(b []byte) string { return base64.RawStdEncoding.EncodeToString(b) }
