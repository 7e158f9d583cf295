package vty

import (
	"bytes"
	"crypto/md5" // IOS names keys by it
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Identity is a private key to log in with. Printing it shows its fingerprint
// alone.
type Identity struct{ signer ssh.Signer }

// ParseIdentity reads a private key as ssh-keygen writes it: RSA of at least
// 1024 bits, ECDSA or Ed25519, without a passphrase. Its errors quote nothing
// of the key.
func ParseIdentity(text []byte) (*Identity, error) {
	switch {
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File")):
		return nil, errors.New("it is a key of PuTTY; write it in OpenSSH's format: puttygen KEY.ppk -O private-openssh -o NEW")
	case bytes.HasPrefix(text, []byte("ssh-")), bytes.HasPrefix(text, []byte("ecdsa-")), bytes.Contains(text, []byte("PUBLIC KEY")):
		return nil, errors.New("it is a public key; the private one has the same name without .pub")
	}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, errors.New("it is protected by a passphrase, which nobody could type in an unattended backup; " +
			"give a key of its own to flashwarden, which seals it: ssh-keygen -t rsa -b 2048 -N '' -f NEW")
	case err != nil:
		return nil, errors.New("it is no private key in OpenSSH's format, of type rsa, ecdsa or ed25519")
	}
	switch t := signer.PublicKey().Type(); t {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521:
	case ssh.KeyAlgoRSA:
		if bits := rsaBits(signer.PublicKey()); bits < 1024 {
			return nil, fmt.Errorf("its %d bits are too few; make a larger one: ssh-keygen -t rsa -b 2048 -N '' -f NEW", bits)
		}
	default:
		return nil, fmt.Errorf("it is of type %s; use rsa, ecdsa or ed25519", t)
	}
	if _, err := signer.Sign(rand.Reader, []byte("usable?")); err != nil {
		return nil, errors.New("it cannot sign: it is damaged")
	}
	return &Identity{signer}, nil
}

// Fingerprint is the type of the key and its SHA-256, as ssh-keygen -l prints
// it.
func (i *Identity) Fingerprint() string { return fingerprints([]ssh.PublicKey{i.signer.PublicKey()}) }

// String is Fingerprint.
func (i *Identity) String() string { return i.Fingerprint() }

// GoString is Fingerprint: %#v must not show the key either.
func (i *Identity) GoString() string { return i.Fingerprint() }

// keyHash is the key as the command key-hash of IOS wants it (Secure Shell
// Configuration Guide, "Configuring the Cisco IOS SSH Server to Perform
// RSA-Based User Authentication").
func (i *Identity) keyHash() string {
	key := i.signer.PublicKey()
	return fmt.Sprintf("%s %s", key.Type(), strings.ToUpper(fmt.Sprintf("%x", md5.Sum(key.Marshal()))))
}

// forServer is the signer, with the signatures that a server may ask for:
// those of SHA-1 (ssh-rsa) only under legacy crypto.
func (i *Identity) forServer(legacy bool) (ssh.Signer, error) {
	s, ok := i.signer.(ssh.AlgorithmSigner)
	if !ok || i.signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return i.signer, nil
	}
	algorithms := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if legacy {
		algorithms = append(algorithms, ssh.KeyAlgoRSA)
	}
	return ssh.NewSignerWithAlgorithms(s, algorithms)
}
