package vty

import (
	"bytes"
	"crypto/md5" // IOS identifies keys by their MD5
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Identity is a private key for the login. When printed, it shows only its
// fingerprint.
type Identity struct{ signer ssh.Signer }

// ParseIdentity reads a private key in the format of ssh-keygen: RSA of at
// least 1024 bits, ECDSA or Ed25519, without a passphrase. Its errors quote
// nothing of the key.
func ParseIdentity(text []byte) (*Identity, error) {
	switch {
	case bytes.HasPrefix(text, []byte("PuTTY-User-Key-File")):
		return nil, errors.New("it is a PuTTY key; convert it to OpenSSH's format: puttygen KEY.ppk -O private-openssh -o NEW")
	case bytes.HasPrefix(text, []byte("ssh-")), bytes.HasPrefix(text, []byte("ecdsa-")), bytes.Contains(text, []byte("PUBLIC KEY")):
		return nil, errors.New("it is a public key; the private one has the same name without .pub")
	}
	signer, err := ssh.ParsePrivateKey(text)
	var locked *ssh.PassphraseMissingError
	switch {
	case errors.As(err, &locked):
		return nil, errors.New("it has a passphrase, which an unattended backup cannot type; " +
			"make a separate key for flashwarden, which encrypts it: ssh-keygen -t rsa -b 2048 -N '' -f NEW")
	case err != nil:
		return nil, errors.New("it is not a private key in OpenSSH's format (rsa, ecdsa or ed25519)")
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
		return nil, errors.New("it is damaged: it cannot sign")
	}
	return &Identity{signer}, nil
}

// Fingerprint returns the type of the key and its SHA-256, in the form of
// ssh-keygen -l.
func (i *Identity) Fingerprint() string { return fingerprints([]ssh.PublicKey{i.signer.PublicKey()}) }

// String returns the fingerprint.
func (i *Identity) String() string { return i.Fingerprint() }

// GoString returns the fingerprint, so that %#v does not show the key either.
func (i *Identity) GoString() string { return i.Fingerprint() }

// keyHash returns the argument of the IOS command key-hash (Secure Shell
// Configuration Guide, "Configuring the Cisco IOS SSH Server to Perform
// RSA-Based User Authentication").
func (i *Identity) keyHash() string {
	key := i.signer.PublicKey()
	return fmt.Sprintf("%s %s", key.Type(), strings.ToUpper(fmt.Sprintf("%x", md5.Sum(key.Marshal()))))
}

// forServer returns a signer with the signatures that a server may request.
// SHA-1 (ssh-rsa) is included only for legacy crypto.
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
