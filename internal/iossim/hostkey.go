package iossim

import (
	"crypto"
	"fmt"
	"hash"
	"io"
	"math/big"
	"strings"

	_ "crypto/sha1" // ssh-rsa
	"crypto/sha256"
	_ "crypto/sha512" // rsa-sha2-512
	_ "embed"

	"golang.org/x/crypto/ssh"
)

//go:embed primes.txt
var primes string

// hostKey is an RSA host key. It is chosen by a seed, so a switch has the same
// key in every run. It signs with plain arithmetic, so it can be as short as
// the keys of old switches, which crypto/rsa refuses. It protects nothing.
type hostKey struct {
	n, e, d    *big.Int
	algorithms []string // that it signs with
}

// newHostKey makes a key of two primes of half the bits each. The seed chooses
// them from primes.txt, because to search for primes takes a tenth of a second.
func newHostKey(seed string, bits int, algorithms []string) (*hostKey, error) {
	all := primesOf(bits / 2)
	if bits%2 != 0 || len(all) == 0 {
		return nil, fmt.Errorf("make a host key of %d bits: want 512, 768, 1024 or 2048", bits)
	}
	choice := sha256.Sum256([]byte(seed))
	first := int(choice[0]) % len(all)
	second := (first + 1 + int(choice[1])%(len(all)-1)) % len(all)
	one, e, p, q := big.NewInt(1), big.NewInt(65537), all[first], all[second]
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	return &hostKey{
		n: new(big.Int).Mul(p, q), e: e, d: new(big.Int).ModInverse(e, phi),
		algorithms: algorithms,
	}, nil
}

// primesOf returns the primes of so many bits.
func primesOf(bits int) []*big.Int {
	var all []*big.Int
	for line := range strings.Lines(primes) {
		if p, ok := new(big.Int).SetString(strings.TrimSpace(line), 16); ok && p.BitLen() == bits {
			all = append(all, p)
		}
	}
	return all
}

// PublicKey implements ssh.Signer.
func (k *hostKey) PublicKey() ssh.PublicKey { return rsaPublic{k} }

// Algorithms implements ssh.MultiAlgorithmSigner.
func (k *hostKey) Algorithms() []string { return k.algorithms }

// Sign implements ssh.Signer.
func (k *hostKey) Sign(r io.Reader, data []byte) (*ssh.Signature, error) {
	return k.SignWithAlgorithm(r, data, ssh.KeyAlgoRSA)
}

// SignWithAlgorithm implements ssh.AlgorithmSigner: PKCS #1 v1.5 (RFC 8017
// section 8.2.1), as RFC 4253 and RFC 8332 require.
func (k *hostKey) SignWithAlgorithm(_ io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	var prefix []byte // DER of the digest's AlgorithmIdentifier (RFC 8017 section 9.2)
	var h hash.Hash
	switch algorithm {
	case ssh.KeyAlgoRSA:
		h, prefix = crypto.SHA1.New(), []byte{0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14}
	case ssh.KeyAlgoRSASHA256:
		h, prefix = crypto.SHA256.New(), []byte{0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20}
	case ssh.KeyAlgoRSASHA512:
		h, prefix = crypto.SHA512.New(), []byte{0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03, 0x05, 0x00, 0x04, 0x40}
	default:
		return nil, fmt.Errorf("sign: this host key does not do %s", algorithm)
	}
	h.Write(data)
	digest := h.Sum(prefix)
	block := make([]byte, (k.n.BitLen()+7)/8)
	if len(block) < len(digest)+11 {
		return nil, fmt.Errorf("sign: a host key of %d bits is too short for %s", k.n.BitLen(), algorithm)
	}
	for i := range block {
		block[i] = 0xFF
	}
	block[0], block[1] = 0, 1
	block[len(block)-len(digest)-1] = 0
	copy(block[len(block)-len(digest):], digest)
	sig := new(big.Int).Exp(new(big.Int).SetBytes(block), k.d, k.n)
	return &ssh.Signature{Format: algorithm, Blob: sig.FillBytes(block)}, nil
}

// rsaPublic is the public half of a hostKey.
type rsaPublic struct{ k *hostKey }

// Type implements ssh.PublicKey.
func (p rsaPublic) Type() string { return ssh.KeyAlgoRSA }

// Marshal implements ssh.PublicKey (RFC 4253 section 6.6).
func (p rsaPublic) Marshal() []byte {
	return ssh.Marshal(struct {
		Name string
		E, N *big.Int
	}{ssh.KeyAlgoRSA, p.k.e, p.k.n})
}

// Verify implements ssh.PublicKey. A server never verifies with its own key.
func (p rsaPublic) Verify([]byte, *ssh.Signature) error {
	return fmt.Errorf("verify: not done with a simulated host key")
}
