package vty

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
)

// keyText returns a private key in the format of ssh-keygen.
func keyText(t *testing.T, key any, passphrase string) []byte {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(block)
}

// newKeys returns private keys of every supported type.
func newKeys(t *testing.T) map[string]any {
	t.Helper()
	small, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"rsa": small, "ecdsa": curve, "ed25519": edwards}
}

func identity(t *testing.T, key any) *Identity {
	t.Helper()
	id, err := ParseIdentity(keyText(t, key, ""))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// permit accepts one public key.
func permit(want ssh.PublicKey) func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
	return func(_ ssh.ConnMetadata, got ssh.PublicKey) (*ssh.Permissions, error) {
		if string(got.Marshal()) != string(want.Marshal()) {
			return nil, errors.New("unknown key")
		}
		return nil, nil
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	for name, key := range newKeys(t) {
		id := identity(t, key)
		d := &sshDevice{plays: showX}
		d.config.PublicKeyCallback = permit(id.signer.PublicKey())
		d.config.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, d.check(string(p)) }
		cfg := d.serve(t, ed25519Key(t))
		cfg.Identity, cfg.Password = id, ""
		if err := open(t, cfg); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := d.passwords(); len(got) > 0 {
			t.Errorf("%s: passwords sent: %q", name, got)
		}
	}
}

// TestIdentityRefused tests a device that knows another key. A stored password
// is tried next; without one the login ends.
func TestIdentityRefused(t *testing.T) {
	t.Parallel()
	keys := newKeys(t)
	for _, test := range []struct {
		key, password string
		works         bool
		seen, hint    string
	}{
		{"rsa", "s3cret-pass", true, "", ""},
		{"rsa", "mistaken", false, "and with the password", "--password-file FILE"},
		{"rsa", "", false, "with the key ssh-rsa SHA256:", "`ip ssh pubkey-chain`, `username admin`, `key-hash ssh-rsa "},
		{"ed25519", "", false, "with the key ssh-ed25519 SHA256:", "accept only RSA keys"},
	} {
		d := &sshDevice{plays: showX}
		d.config.PublicKeyCallback = permit(ed25519Key(t).PublicKey())
		d.config.PasswordCallback = func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return nil, d.check(string(p)) }
		cfg := d.serve(t, ed25519Key(t))
		cfg.Identity, cfg.Password = identity(t, keys[test.key]), test.password
		err := open(t, cfg)
		if (err == nil) != test.works || err != nil && (cause.Of(err) != cause.AuthFailed || !strings.Contains(err.Error(), test.seen)) || !strings.Contains(cause.Hint(err), test.hint) {
			t.Errorf("%s, %q: %v, hint %q", test.key, test.password, err, cause.Hint(err))
		}
		want := []string{test.password}
		if test.password == "" {
			want = nil
		}
		if got := d.passwords(); !slices.Equal(got, want) {
			t.Errorf("%s, %q: passwords sent: %q", test.key, test.password, got)
		}
	}
}

// TestIdentitySHA1 tests a device that verifies RSA signatures only with SHA-1,
// as IOS before 15.5 does.
func TestIdentitySHA1(t *testing.T) {
	t.Parallel()
	id := identity(t, newKeys(t)["rsa"])
	d := &sshDevice{plays: showX}
	d.config.PublicKeyCallback = permit(id.signer.PublicKey())
	d.config.PublicKeyAuthAlgorithms = []string{ssh.KeyAlgoRSA}
	cfg := d.serve(t, rsaKey(t, 2048))
	cfg.Identity, cfg.Password = id, ""
	err := open(t, cfg)
	if cause.Of(err) != cause.NoCommonAlgorithm || cause.Hint(err) != "`flashwarden device edit sw1 --legacy-crypto`" {
		t.Errorf("error %v, hint %q", err, cause.Hint(err))
	}
	cfg.LegacyCrypto = true
	if err := open(t, cfg); err != nil {
		t.Errorf("with legacy crypto: %v", err)
	}
}

// TestParseIdentity tests texts that people may pass as a private key. No error
// quotes any of them.
func TestParseIdentity(t *testing.T) {
	t.Parallel()
	keys := newKeys(t)
	public := ssh.MarshalAuthorizedKey(identity(t, keys["rsa"]).signer.PublicKey())
	plain := keyText(t, keys["ed25519"], "")
	broken := slices.Clone(plain)
	broken[len(broken)/2] ^= 1
	for name, test := range map[string]struct {
		text []byte
		says string
	}{
		"passphrase":    {keyText(t, keys["rsa"], "opensesame"), "has a passphrase"},
		"public":        {public, "the private one has the same name without .pub"},
		"PuTTY":         {[]byte("PuTTY-User-Key-File-3: ssh-rsa\n"), "puttygen"},
		"nothing":       {nil, "not a private key"},
		"a password":    {[]byte("s3cret-pass\n"), "not a private key"},
		"damaged":       {broken, "not a private key"},
		"half of a key": {plain[:len(plain)/2], "not a private key"},
	} {
		id, err := ParseIdentity(test.text)
		if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, %v", name, id, err)
		}
	}
	id := identity(t, keys["ed25519"])
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(format, id); got != id.Fingerprint() || !strings.HasPrefix(got, "ssh-ed25519 SHA256:") {
			t.Errorf("%s: %s", format, got)
		}
	}
}

// TestChallenges tests several forms of keyboard-interactive.
func TestChallenges(t *testing.T) {
	t.Parallel()
	type round struct {
		questions []string
		echos     []bool
		answers   []string // the expected answers
	}
	for name, test := range map[string]struct {
		rounds []round
		asked  string // the question that ends the login; "" for a successful one
		cause  cause.Cause
	}{
		"none":                {[]round{{}}, "", ""},
		"a notice, then one":  {[]round{{}, {[]string{"Password: "}, []bool{false}, []string{"s3cret-pass"}}, {}}, "", ""},
		"name and password":   {[]round{{[]string{"Username: ", "Password: "}, []bool{true, false}, []string{"admin", "s3cret-pass"}}}, "", ""},
		"one after the other": {[]round{{[]string{"Username: "}, []bool{true}, []string{"admin"}}, {[]string{"Password: "}, []bool{false}, []string{"s3cret-pass"}}}, "", ""},
		"two secrets at once": {[]round{{[]string{"Password: ", "PASSCODE: "}, []bool{false, false}, nil}}, "PASSCODE:", cause.PromptUnrecognised},
		"a passcode after it": {[]round{{[]string{"Password: "}, []bool{false}, []string{"s3cret-pass"}}, {[]string{"PASSCODE: "}, []bool{false}, nil}}, "PASSCODE:", cause.PromptUnrecognised},
		"a response alone":    {[]round{{[]string{"Response: "}, []bool{false}, nil}}, "Response:", cause.PromptUnrecognised},
		"a visible choice":    {[]round{{[]string{"Passcode or option (1-2): "}, []bool{true}, nil}}, "Passcode or option (1-2):", cause.PromptUnrecognised},
		"an expired password": {[]round{{[]string{"Enter new password: "}, []bool{false}, nil}}, "Enter new password:", cause.AuthFailed},
		"many that are shown": {[]round{{[]string{"a", "b", "c"}, []bool{true, true, true}, []string{"admin", "admin", "admin"}}}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &sshDevice{plays: showX}
			d.config.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
				for _, r := range test.rounds {
					got, err := ask("", "", r.questions, r.echos)
					if err != nil || r.answers == nil && len(r.questions) > 0 {
						return nil, errors.New("wrong")
					}
					if !slices.Equal(got, r.answers) && len(r.questions) > 0 {
						t.Errorf("answers %q to %q", got, r.questions)
					}
				}
				return nil, nil
			}
			cfg := d.serve(t, ed25519Key(t))
			err := open(t, cfg)
			safe(t, err, cfg)
			if test.asked == "" && err != nil || test.asked != "" && (cause.Of(err) != test.cause || !strings.Contains(err.Error(), "more than one password: "+test.asked)) {
				t.Errorf("error %v", err)
			}
		})
	}
}
