package vty

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// The policies of HostKeys for a host without a pinned key.
const (
	AcceptNew = "accept-new" // trust it on first use, then pin it
	AskUser   = "ask"        // ask a person, then pin it
	Refuse    = "refuse"
)

// HostKeys are the pinned SSH host keys of devices, and the policy for unknown ones.
type HostKeys struct {
	Store  KeyStore // required
	Policy string   // AcceptNew, AskUser or Refuse; default AcceptNew
	// Ask decides under AskUser; nil refuses. fingerprint has the form of
	// ssh-keygen -l.
	Ask func(host, fingerprint string) bool
	// Pinned is called after a key was pinned, at the first login. fingerprint has
	// the type of the key before it. Nil: discard.
	Pinned func(host, fingerprint string)
}

// KeyStore keeps pinned host keys, each as its type and its base64, with a blank
// between. A host is named as HostName returns it; via is the name of the jump host
// on the way, empty for none. Two networks behind two jump hosts may use one address.
type KeyStore interface {
	// HostKeys returns the keys of a host. None is no error.
	HostKeys(ctx context.Context, host, via string) ([]string, error)
	// PinHostKey pins the key of a host that has none, and returns the keys of the host:
	// those of another writer if it was first.
	PinHostKey(ctx context.Context, host, via, key string) ([]string, error)
}

// HostName is the name under which the keys of an address (HOST or HOST:PORT) are
// pinned: the host, as [HOST]:PORT if the port is not 22. So does known_hosts of
// OpenSSH (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).
func HostName(address string) string { return knownhosts.Normalize(address) }

// Fingerprints returns keys of a KeyStore, each with its type, in the form of
// ssh-keygen -l; "" if there are none.
func Fingerprints(keys []string) (string, error) {
	parsed, err := parseKeys(keys)
	return fingerprints(parsed), err
}

func parseKeys(texts []string) ([]ssh.PublicKey, error) {
	var keys []ssh.PublicKey
	for _, text := range texts {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(text))
		if err != nil {
			return nil, fmt.Errorf("read a pinned host key: %w", err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// pinnedAt returns the names of the host and of the jump host under which its key is
// pinned.
func (c Config) pinnedAt() (host, via string) {
	if c.Via != nil {
		via = HostName(c.jump().hostPort())
	}
	return HostName(c.hostPort()), via
}

// shownAt is the name of the host for people.
func (c Config) shownAt() string {
	host, via := c.pinnedAt()
	if via != "" {
		host += " through " + via
	}
	return host
}

// pinned returns the pinned keys of the host.
func (c Config) pinned(ctx context.Context) ([]ssh.PublicKey, error) {
	host, via := c.pinnedAt()
	keys, err := c.HostKeys.Store.HostKeys(ctx, host, via)
	if err != nil {
		return nil, fmt.Errorf("look up the host key of %s: %w", c.Name, err)
	}
	return parseKeys(keys)
}

// checkKey accepts the key of the host and pins it if the policy allows that.
// Otherwise it returns an error with one of the host_key causes.
func (c Config) checkKey(ctx context.Context, key ssh.PublicKey) error {
	if bits := rsaBits(key); bits > 0 && bits < 1024 {
		return weakKey(c.Name, bits)
	}
	known, err := c.pinned(ctx)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		return c.compareKey(key, known)
	}
	if !c.trusted(key) {
		return cause.New(cause.HostKeyUnknown, fmt.Sprintf("the host key of %s is not pinned: %s %s", c.Name, key.Type(), ssh.FingerprintSHA256(key)), c.trustFix())
	}
	return c.pin(ctx, key)
}

// trustFix is the next step for a host whose key is not pinned.
func (c Config) trustFix() api.Fix {
	if c.Via != nil {
		return api.Say("ssh-keyscan cannot reach it from here; if this is its key, set ").Set("ssh.unknown-hosts", AcceptNew).
			Say(" for one run of ").Do("device test", c.Name)
	}
	host, port, _ := net.SplitHostPort(c.hostPort())
	file := cmp.Or(c.jumpTo, c.Name) + ".keys"
	return api.Say("if this is its key: ").Type(api.OnHost, fmt.Sprintf("ssh-keyscan -p %s %s > %s", port, api.ShellWord(host), api.ShellWord(file))).
		Say(", then ").Then(c.onHost(c.edit("host_key_file", file), c.edit("via_host_key_file", file)))
}

// forget is the next step for a host whose key has changed.
func (c Config) forget() api.Fix {
	return api.Say("if it was replaced: ").Then(c.onHost(c.edit("forget_host_key", ""), c.edit("forget_via_host_key", "")))
}

func rsaBits(key ssh.PublicKey) int {
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			return r.N.BitLen()
		}
	}
	return 0
}

// trusted reports whether the policy allows to pin a key.
func (c Config) trusted(key ssh.PublicKey) bool {
	k := c.HostKeys
	switch k.Policy {
	case AcceptNew, "":
		return true
	case AskUser:
		return k.Ask != nil && k.Ask(c.shownAt(), ssh.FingerprintSHA256(key))
	}
	return false
}

func (c Config) compareKey(key ssh.PublicKey, known []ssh.PublicKey) error {
	for _, want := range known {
		if bytes.Equal(want.Marshal(), key.Marshal()) {
			return nil
		}
	}
	return cause.New(cause.HostKeyChanged, fmt.Sprintf("the host key of %s has changed: it is %s %s, pinned is %s",
		c.Name, key.Type(), ssh.FingerprintSHA256(key), fingerprints(known)), c.forget())
}

// changedType is the check for a device that offers no key of a pinned type.
func (c Config) changedType(known []ssh.PublicKey, offered string) error {
	return cause.New(cause.HostKeyChanged, fmt.Sprintf("the host key of %s has changed: it offers only %s, pinned is %s",
		c.Name, offered, fingerprints(known)), c.forget())
}

func fingerprints(keys []ssh.PublicKey) string {
	var all []string
	for _, key := range keys {
		all = append(all, key.Type()+" "+ssh.FingerprintSHA256(key))
	}
	return strings.Join(all, ", ")
}

// pin adds the key, unless another writer has pinned one since.
func (c Config) pin(ctx context.Context, key ssh.PublicKey) error {
	host, via := c.pinnedAt()
	text := strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
	keys, err := c.HostKeys.Store.PinHostKey(ctx, host, via, text)
	if err != nil {
		return fmt.Errorf("pin the host key of %s: %w", c.Name, err)
	}
	if len(keys) != 1 || keys[0] != text {
		known, err := parseKeys(keys)
		if err != nil {
			return err
		}
		return c.compareKey(key, known)
	}
	if c.HostKeys.Pinned != nil {
		c.HostKeys.Pinned(c.shownAt(), fingerprints([]ssh.PublicKey{key}))
	}
	return nil
}
