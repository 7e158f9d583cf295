package certificate

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestOthersStay replaces its own certificate when it ends soon or has lost its key, but not one
// that somebody else put in its place.
func TestOthersStay(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	for name, c := range map[string]struct{ foreign, keyless, replaced, fails bool }{
		"our own":               {replaced: true},
		"our own without a key": {keyless: true, replaced: true},
		"another":               {foreign: true},
		"another without a key": {foreign: true, keyless: true, fails: true},
	} {
		o := Own{Dir: t.TempDir(), Name: "https", For: "HTTPS", Valid: time.Hour, Renew: 2 * time.Hour}
		if c.foreign {
			writePair(t, o)
		} else if _, err := o.Config(log); err != nil {
			t.Fatal(err)
		}
		if c.keyless {
			if err := os.Remove(filepath.Join(o.Dir, "https.key")); err != nil {
				t.Fatal(err)
			}
		}
		before, err := os.ReadFile(o.File())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.Config(log); (err != nil) != c.fails {
			t.Errorf("%s: %v", name, err)
		}
		if after, err := os.ReadFile(o.File()); err != nil || bytes.Equal(before, after) == c.replaced {
			t.Errorf("%s: replaced %t, error %v", name, !bytes.Equal(before, after), err)
		}
	}
}

// writePair writes the certificate of somebody else, which ends soon, to the files of o.
func writePair(t *testing.T, o Own) {
	t.Helper()
	private, err := o.newKey()
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"Example"}}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if err := writeNew(filepath.Join(o.Dir, o.Name+".key"), 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(o.File(), 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		t.Fatal(err)
	}
}

// TestForCiscoIOS makes a certificate that IOS can import as that of an authority, and that
// proves this host to a client that trusts it.
func TestForCiscoIOS(t *testing.T) {
	o := Own{Dir: t.TempDir(), Name: "https", For: "HTTPS", Valid: time.Hour, RSA: true}
	c, err := o.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pair, err := c.GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaf := pair.Leaf
	if key, ok := leaf.PublicKey.(*rsa.PublicKey); !ok || key.N.BitLen() != 2048 || !leaf.IsCA {
		t.Errorf("key %T, authority %v", leaf.PublicKey, leaf.IsCA)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	if _, err := leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: "localhost"}); err != nil {
		t.Error(err)
	}
	again, err := o.Config(slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := again.GetCertificate(nil); err != nil || !kept.Leaf.Equal(leaf) {
		t.Errorf("another certificate after a restart, error %v", err)
	}
}
