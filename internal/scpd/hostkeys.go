package scpd

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/disk"
)

// rsaBits is the modulus of the RSA key that HostKeys makes.
const rsaBits = 3072

// HostKeys returns the host keys of a data directory, and makes those that are missing: RSA,
// because old IOS knows no other, and Ed25519. They are files of OpenSSH, with mode 0600. The
// log has their fingerprints. legacy permits signatures with SHA-1; see Server.Legacy.
func HostKeys(dir string, legacy bool, log *slog.Logger) ([]ssh.Signer, error) {
	var keys []ssh.Signer
	for _, k := range []struct {
		name string
		make func() (crypto.Signer, error)
	}{
		{"scp_host_ed25519_key", func() (crypto.Signer, error) {
			_, private, err := ed25519.GenerateKey(rand.Reader)
			return private, err
		}},
		{"scp_host_rsa_key", func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, rsaBits) }},
	} {
		path := filepath.Join(dir, k.name)
		key, err := readKey(path)
		if errors.Is(err, fs.ErrNotExist) {
			key, err = makeKey(path, k.make)
		}
		if err == nil {
			key, err = limited(key, legacy)
		}
		if err != nil {
			return nil, fmt.Errorf("host key %s: %w", path, err)
		}
		log.Info("the SCP server has a host key", "file", path, "fingerprint", ssh.FingerprintSHA256(key.PublicKey()))
		keys = append(keys, key)
	}
	return keys, nil
}

func readKey(path string) (ssh.Signer, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return ssh.ParsePrivateKey(text)
}

// makeKey makes a key and its file. If another process has made one meanwhile, that one counts.
func makeKey(path string, generate func() (crypto.Signer, error)) (ssh.Signer, error) {
	private, err := generate()
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "flashwarden")
	if err != nil {
		return nil, err
	}
	if err := disk.CreateFile(disk.OS{}, path, pem.EncodeToMemory(block), 0o600); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return readKey(path)
}

// limited returns a host key that signs without SHA-1, unless legacy permits it.
func limited(key ssh.Signer, legacy bool) (ssh.Signer, error) {
	signer, ok := key.(ssh.AlgorithmSigner)
	if !ok || legacy || key.PublicKey().Type() != ssh.KeyAlgoRSA {
		return key, nil
	}
	return ssh.NewSignerWithAlgorithms(signer, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256})
}

// settings returns the settings of the SSH server. It offers what package ssh considers secure and
// the best that devices of the last decade have, group14-sha1. legacy adds the rest: small
// groups and CBC.
func settings(keys []ssh.Signer, legacy bool) ssh.ServerConfig {
	secure := ssh.SupportedAlgorithms()
	c := ssh.ServerConfig{MaxAuthTries: loginTries, ServerVersion: "SSH-2.0-flashwarden"}
	c.KeyExchanges = append(secure.KeyExchanges, ssh.InsecureKeyExchangeDH14SHA1)
	c.Ciphers, c.MACs = secure.Ciphers, secure.MACs
	if legacy {
		c.KeyExchanges = append(c.KeyExchanges, ssh.InsecureKeyExchangeDHGEXSHA1, ssh.InsecureKeyExchangeDH1SHA1)
		c.Ciphers = append(c.Ciphers, ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC)
		c.MACs = append(c.MACs, ssh.InsecureHMACSHA196)
	}
	for _, key := range keys {
		c.AddHostKey(key)
	}
	return c
}
