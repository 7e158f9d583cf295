// Package certificate loads the certificate of a TLS server from two files, and makes one
// where an administrator has none.
package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Files returns the TLS settings for a certificate and a key in two files (PEM). The
// files are read again when they have changed, so that a renewed certificate needs no
// restart. A wrong pair keeps the one before, and the log says so.
func Files(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	c := &pair{cert: certFile, key: keyFile, log: log}
	if _, err := c.current(); err != nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.current() }}, nil
}

// pair is a certificate and its key in two files.
type pair struct {
	cert, key string
	log       *slog.Logger

	mu     sync.Mutex
	loaded *tls.Certificate
	as     [2]version // of the files that were read last
}

// version changes when a file changes.
type version struct {
	at   time.Time
	size int64
}

func (c *pair) current() (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now, err := c.versions()
	if err == nil && (c.loaded == nil || now != c.as) {
		var read tls.Certificate
		if read, err = tls.LoadX509KeyPair(c.cert, c.key); err == nil {
			c.loaded = &read
		}
		c.as = now
	} else if err == nil {
		return c.loaded, nil
	}
	if err != nil && c.loaded != nil {
		c.log.Error("the certificate cannot be read; the previous one is still used", "err", err)
		return c.loaded, nil
	}
	return c.loaded, err
}

func (c *pair) versions() (now [2]version, err error) {
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return now, err
		}
		now[i] = version{info.ModTime(), info.Size()}
	}
	return now, nil
}

// Own is a certificate that this host makes and signs itself, in two files.
type Own struct {
	Dir, Name string        // the files are DIR/NAME.crt and DIR/NAME.key
	For       string        // what it is for, in errors and the log: "the API"
	Valid     time.Duration // how long a new one is valid
	Renew     time.Duration // a new one is made so long before the end
	// RSA makes an RSA key of 2048 bits, and marks the certificate as that of an
	// authority: Cisco IOS trusts no other.
	RSA bool
}

// Config is Files with files that it makes where they are missing or about to end. It replaces
// no certificate that somebody else put there. A client that trusts the certificate goes on doing so after a restart. The log has its
// fingerprint.
func (o Own) Config(log *slog.Logger) (*tls.Config, error) {
	cert, key := o.File(), filepath.Join(o.Dir, o.Name+".key")
	until, err := validUntil(cert, key)
	_, missing := os.Stat(cert)
	ours := errors.Is(missing, fs.ErrNotExist) || isOurs(cert)
	if err != nil && !ours {
		return nil, fmt.Errorf("the certificate of %s: %w", o.For, err)
	}
	if err != nil && missing == nil {
		log.Warn("the certificate of "+o.For+" does not match its key, perhaps because a renewal was interrupted: both are made again", "err", err)
	}
	if ours && time.Until(until) < o.Renew {
		if err := o.make(cert, key); err != nil {
			return nil, fmt.Errorf("make a certificate for %s: %w", o.For, err)
		}
	}
	c, err := Files(cert, key, log)
	if err != nil {
		return nil, err
	}
	own, err := c.GetCertificate(nil)
	if err != nil {
		return nil, err
	}
	log.Info(o.For+" has a certificate of its own", "file", cert, "sha256", fmt.Sprintf("%X", sha256.Sum256(own.Certificate[0])), "until", own.Leaf.NotAfter.Format(time.DateOnly))
	return c, nil
}

// File is the path of the certificate.
func (o Own) File() string { return filepath.Join(o.Dir, o.Name+".crt") }

// validUntil returns the end of the certificate in two files; the zero time if there is
// none.
func validUntil(cert, key string) (time.Time, error) {
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return time.Time{}, err
	}
	return pair.Leaf.NotAfter, nil
}

// isOurs reports whether a file has a certificate that Own made. One of somebody else
// is not replaced.
func isOurs(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return false
	}
	c, err := x509.ParseCertificate(block.Bytes)
	return err == nil && slices.Equal(c.Subject.Organization, []string{organization}) && c.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature) == nil
}

// organization is the name in a certificate of our own.
const organization = "flashwarden"

// make writes a new key and a certificate for the names and addresses of this machine.
func (o Own) make(cert, key string) error {
	private, err := o.newKey()
	if err != nil {
		return err
	}
	template, err := o.template()
	if err != nil {
		return err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	// The key first: a certificate without its key would be an error at the next start.
	if err := writeNew(key, 0o600, &pem.Block{Type: "PRIVATE KEY", Bytes: secret}); err != nil {
		return err
	}
	return writeNew(cert, 0o644, &pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func (o Own) newKey() (crypto.Signer, error) {
	if o.RSA {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
}

// template is the certificate without its key and signature.
func (o Own) template() (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "localhost"
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name, Organization: []string{organization}},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(o.Valid),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{name, "localhost"}, IPAddresses: ownAddresses(), BasicConstraintsValid: true,
	}
	if o.RSA {
		t.IsCA, t.KeyUsage = true, t.KeyUsage|x509.KeyUsageKeyEncipherment|x509.KeyUsageCertSign
	}
	return t, nil
}

// ownAddresses are the IP addresses of this machine.
func ownAddresses() []net.IP {
	var all []net.IP
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		return []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLinkLocalUnicast() {
			all = append(all, n.IP)
		}
	}
	return all
}

// writeNew replaces a file by one with another content, whole or not at all.
func writeNew(name string, mode fs.FileMode, block *pem.Block) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".certificate-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := writeBlock(f, mode, block); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

// syncer is a file that can be brought to stable storage.
type syncer interface {
	io.WriteCloser
	Chmod(fs.FileMode) error
	Sync() error
}

// writeBlock writes a new file, brings it to stable storage and closes it.
func writeBlock(f syncer, mode fs.FileMode, block *pem.Block) error {
	return errors.Join(f.Chmod(mode), pem.Encode(f, block), f.Sync(), f.Close())
}
