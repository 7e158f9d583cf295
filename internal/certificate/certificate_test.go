package certificate

import (
	"crypto/rsa"
	"crypto/x509"
	"log/slog"
	"testing"
	"time"
)

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
