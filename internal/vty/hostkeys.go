package vty

import (
	"bytes"
	"crypto/rsa"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/disk"
)

// The policies of HostKeys for a host without a pinned key.
const (
	AcceptNew = "accept-new" // trust it on first use, then pin it
	AskUser   = "ask"        // ask a person, then pin it
	Refuse    = "refuse"
)

// HostKeys are the pinned SSH host keys of devices, in a file of OpenSSH's
// format (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT). A host at a port other than
// 22 is kept as [host]:port. Many goroutines and processes may use one file.
type HostKeys struct {
	Path   string // the file; created with mode 0600 when the first key is pinned
	Policy string // AcceptNew, AskUser or Refuse; default AcceptNew
	// Ask decides under AskUser; nil refuses. fingerprint has the form of
	// ssh-keygen -l.
	Ask func(host, fingerprint string) bool
	// Pinned is called after a key was pinned, at the first login. fingerprint has
	// the type of the key before it. Nil: discard.
	Pinned func(host, fingerprint string)
}

// Fingerprints returns the keys of address (HOST:PORT) in the file, each with
// its type, in the form of ssh-keygen -l. It returns "" if none is pinned.
func (k *HostKeys) Fingerprints(address string) (string, error) {
	known, err := k.pinned(address)
	return fingerprints(known), err
}

// check accepts key for address and pins it if the policy allows that.
// Otherwise it returns an error with one of the host_key causes.
func (k *HostKeys) check(address, name string, key ssh.PublicKey) error {
	if bits := rsaBits(key); bits > 0 && bits < 1024 {
		return weakKey(name, bits)
	}
	known, err := k.pinned(address)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		return k.compare(address, name, key, known)
	}
	if !k.trusted(address, key) {
		host, port, _ := net.SplitHostPort(address)
		return cause.New(cause.HostKeyUnknown, fmt.Sprintf("the host key of %s is not pinned: %s %s", name, key.Type(), ssh.FingerprintSHA256(key)),
			api.Say("if this is its key: ").Type(api.OnHost, fmt.Sprintf("ssh-keyscan -p %s %s >> %s", port, host, k.Path)))
	}
	return k.pin(address, name, key)
}

func rsaBits(key ssh.PublicKey) int {
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			return r.N.BitLen()
		}
	}
	return 0
}

func (k *HostKeys) trusted(address string, key ssh.PublicKey) bool {
	switch k.Policy {
	case AcceptNew, "":
		return true
	case AskUser:
		return k.Ask != nil && k.Ask(knownhosts.Normalize(address), ssh.FingerprintSHA256(key))
	}
	return false
}

func (k *HostKeys) compare(address, name string, key ssh.PublicKey, known []ssh.PublicKey) error {
	for _, want := range known {
		if bytes.Equal(want.Marshal(), key.Marshal()) {
			return nil
		}
	}
	return cause.New(cause.HostKeyChanged, fmt.Sprintf("the host key of %s has changed: it is %s %s, pinned is %s",
		name, key.Type(), ssh.FingerprintSHA256(key), fingerprints(known)), k.forget(address))
}

// changedType is the check for a device that offers no key of a pinned type.
func changedType(k *HostKeys, address, name string, known []ssh.PublicKey, offered string) error {
	return cause.New(cause.HostKeyChanged, fmt.Sprintf("the host key of %s has changed: it offers only %s, pinned is %s",
		name, offered, fingerprints(known)), k.forget(address))
}

func fingerprints(keys []ssh.PublicKey) string {
	var all []string
	for _, key := range keys {
		all = append(all, key.Type()+" "+ssh.FingerprintSHA256(key))
	}
	return strings.Join(all, ", ")
}

// forget returns the command that removes the pinned keys of address.
func (k *HostKeys) forget(address string) api.Fix {
	return api.Say("if it was replaced: ").Type(api.OnHost, fmt.Sprintf("ssh-keygen -R '%s' -f %s", knownhosts.Normalize(address), k.Path))
}

// pin adds the key, unless another writer has pinned one since.
func (k *HostKeys) pin(address, name string, key ssh.PublicKey) error {
	lock, err := k.lock()
	if err != nil {
		return fmt.Errorf("pin the host key of %s: %w", name, err)
	}
	defer lock.Close()
	known, err := k.pinned(address)
	if err != nil {
		return err
	}
	if len(known) > 0 {
		return k.compare(address, name, key, known)
	}
	if err := k.append(knownhosts.Line([]string{address}, key)); err != nil {
		return fmt.Errorf("pin the host key of %s: %w", name, err)
	}
	if k.Pinned != nil {
		k.Pinned(knownhosts.Normalize(address), fingerprints([]ssh.PublicKey{key}))
	}
	return nil
}

// lock opens the file and locks it against other writers, until the caller
// closes it. A writer replaces the file by a new one, so the lock counts only
// while the open file is still the one at Path.
func (k *HostKeys) lock() (*os.File, error) {
	for {
		f, err := os.OpenFile(k.Path, os.O_RDONLY|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", k.Path, err)
		}
		mine, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, err
		}
		if there, err := os.Stat(k.Path); err == nil && os.SameFile(mine, there) {
			return f, nil
		}
		f.Close()
	}
}

// append adds one line. It writes a new file and renames it over the old one.
func (k *HostKeys) append(line string) error {
	old, err := os.ReadFile(k.Path)
	if err != nil {
		return err
	}
	if len(old) > 0 && !bytes.HasSuffix(old, []byte("\n")) {
		old = append(old, '\n')
	}
	return disk.WriteFile(disk.OS{}, k.Path, append(old, line+"\n"...), 0o600)
}
