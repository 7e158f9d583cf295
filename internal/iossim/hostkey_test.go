package iossim

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha512"
	"hash"
	"math/big"
	"testing"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/testlevel"
)

// The standard library judges the signatures.
func TestHostKeySigns(t *testing.T) {
	t.Parallel()
	k, err := newHostKey("a switch", 1024, []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	if k.n.BitLen() != 1024 {
		t.Errorf("modulus of %d bits, want 1024", k.n.BitLen())
	}
	public := &rsa.PublicKey{N: k.n, E: int(k.e.Int64())}
	for _, c := range []struct {
		algorithm string
		hash      crypto.Hash
		sum       hash.Hash
	}{{ssh.KeyAlgoRSA, crypto.SHA1, sha1.New()}, {ssh.KeyAlgoRSASHA512, crypto.SHA512, sha512.New()}} {
		sig, err := k.SignWithAlgorithm(nil, []byte("data"), c.algorithm)
		if err != nil {
			t.Fatalf("%s: %v", c.algorithm, err)
		}
		c.sum.Write([]byte("data"))
		if err := rsa.VerifyPKCS1v15(public, c.hash, c.sum.Sum(nil), sig.Blob); err != nil {
			t.Errorf("%s: %v", c.algorithm, err)
		}
	}
	if _, err := k.SignWithAlgorithm(nil, nil, "ssh-ed25519"); err == nil {
		t.Error("signed with an algorithm that an RSA key does not have")
	}
}

// TestPrimes looks at each number that host keys are made of.
func TestPrimes(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	for _, bits := range []int{256, 384, 512, 1024} {
		all := primesOf(bits)
		if len(all) != 16 {
			t.Errorf("%d primes of %d bits, want 16", len(all), bits)
		}
		for _, p := range all {
			rest := new(big.Int).Mod(p, big.NewInt(65537))
			if !p.ProbablyPrime(1) || p.Bit(bits-2) != 1 || rest.Cmp(big.NewInt(1)) == 0 {
				t.Errorf("not good for a key: %x", p)
			}
		}
	}
}

func TestHostKeyComesFromSeed(t *testing.T) {
	t.Parallel()
	marshal := func(seed string, bits int) []byte {
		t.Helper()
		k, err := newHostKey(seed, bits, nil)
		if err != nil {
			t.Fatal(err)
		}
		return k.PublicKey().Marshal()
	}
	if !bytes.Equal(marshal("a", 512), marshal("a", 512)) {
		t.Error("the same seed gave two keys")
	}
	if bytes.Equal(marshal("a", 512), marshal("b", 512)) {
		t.Error("two seeds gave the same key")
	}
	if _, err := ssh.ParsePublicKey(marshal("a", 1024)); err != nil {
		t.Errorf("the public key is not one: %v", err)
	}
	for _, bits := range []int{0, 500, 520 + 1, 8192} {
		if _, err := newHostKey("a", bits, nil); err == nil {
			t.Errorf("%d bits: no error", bits)
		}
	}
}

func BenchmarkHostKey2048(b *testing.B) {
	for b.Loop() {
		if _, err := newHostKey("sw", 2048, nil); err != nil {
			b.Fatal(err)
		}
	}
}
