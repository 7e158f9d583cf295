package iossim

import (
	"crypto"
	"fmt"
	"hash"
	"io"
	"iter"
	"math/big"
	"slices"

	_ "crypto/sha1" // ssh-rsa
	"crypto/sha256"
	_ "crypto/sha512" // rsa-sha2-512

	"golang.org/x/crypto/ssh"
)

// hostKey is an RSA host key. It is computed from a seed, so a switch has the
// same key in every run. It signs with plain arithmetic, so it can be as short
// as the keys of old switches, which crypto/rsa refuses. It protects nothing.
type hostKey struct {
	n, e, d    *big.Int
	algorithms []string // that it signs with
}

// newHostKey computes a key from a seed: two primes of half the bits each.
func newHostKey(seed string, bits int, algorithms []string) (*hostKey, error) {
	if bits < 512 || bits > 4096 || bits%16 != 0 {
		return nil, fmt.Errorf("make a host key of %d bits: want a multiple of 16 from 512 to 4096", bits)
	}
	one, e := big.NewInt(1), big.NewInt(65537)
	p, q := findPrime(seed+" p", bits/2, e), findPrime(seed+" q", bits/2, e)
	phi := new(big.Int).Mul(new(big.Int).Sub(p, one), new(big.Int).Sub(q, one))
	return &hostKey{
		n: new(big.Int).Mul(p, q), e: e, d: new(big.Int).ModInverse(e, phi),
		algorithms: algorithms,
	}, nil
}

// findPrime returns a prime p for which e has an inverse modulo p-1: the first
// one from a number made of the seed. The two highest bits are set, so that the
// product of two such primes has all its bits.
func findPrime(seed string, bits int, e *big.Int) *big.Int {
	var b []byte
	for i := 0; len(b) < bits/8; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", seed, i))
		b = append(b, sum[:]...)
	}
	b = b[:bits/8]
	b[0] |= 0xC0
	b[len(b)-1] |= 1
	p := new(big.Int).SetBytes(b)
	rest := new(big.Int)
	for step := range sieve(p) {
		candidate := new(big.Int).Add(p, big.NewInt(step))
		if candidate.ProbablyPrime(8) && rest.Mod(candidate, e).Cmp(big.NewInt(1)) != 0 {
			return candidate
		}
	}
	return nil // not reached: there is always another prime
}

// sieve yields the even steps from p to the numbers that no small prime
// divides. Most candidates then need no costly test.
func sieve(p *big.Int) iter.Seq[int64] {
	type residue struct{ prime, of int64 }
	var small []residue
	for n := int64(3); n < 5000; n += 2 {
		if big.NewInt(n).ProbablyPrime(0) {
			small = append(small, residue{n, new(big.Int).Mod(p, big.NewInt(n)).Int64()})
		}
	}
	return func(yield func(int64) bool) {
		for step := int64(0); ; step += 2 {
			divided := slices.ContainsFunc(small, func(r residue) bool { return (r.of+step)%r.prime == 0 })
			if !divided && !yield(step) {
				return
			}
		}
	}
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
