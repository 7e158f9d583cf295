package vty

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// pinned returns the keys of address (host:port) in the file. Of a file that only we have
// written it decodes no key of another host: a fleet has thousands.
func (k *HostKeys) pinned(address string) ([]ssh.PublicKey, error) {
	text, err := os.ReadFile(k.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the pinned host keys: %w", err)
	}
	keys, plain, err := plainKeys(text, address)
	if err != nil {
		return nil, fmt.Errorf("look up the host key of %s in %s: %w", address, k.Path, err)
	}
	if plain {
		return keys, nil
	}
	return k.matching(address)
}

// plainKeys returns the keys of address in a text of plain lines. Otherwise plain is
// false.
func plainKeys(text []byte, address string) (keys []ssh.PublicKey, plain bool, err error) {
	if !isPlain(text) {
		return nil, false, nil
	}
	host, name := hostOf(address), knownhosts.Normalize(address)
	for {
		at := bytes.Index(text, host)
		if at < 0 || len(text) == 0 {
			return keys, true, nil
		}
		begin, length := bytes.LastIndexByte(text[:at], '\n')+1, bytes.IndexByte(text[at:], '\n')
		line := text[begin : at+length]
		text = text[at+length:]
		names, _, _ := strings.Cut(string(line), " ")
		if !slices.ContainsFunc(strings.Split(names, ","), func(n string) bool { return knownhosts.Normalize(n) == name }) {
			continue
		}
		_, _, key, _, _, err := ssh.ParseKnownHosts(line)
		if err != nil {
			return nil, true, err
		}
		keys = append(keys, key)
	}
}

// isPlain reports whether each line of text has names, a type and a key, as we write
// them: no pattern, no hashed name, no marker, no comment. It looks at the whole text a
// few times, which takes less than to look at each line.
func isPlain(text []byte) bool {
	for _, c := range []byte("*?!|@#\t\r") {
		if bytes.IndexByte(text, c) >= 0 {
			return false
		}
	}
	lines := bytes.Count(text, []byte("\n"))
	return bytes.Count(text, []byte(" AAAA")) == lines && (lines == 0 || bytes.HasSuffix(text, []byte("\n"))) // every key begins with the length of its type
}

// hostOf returns the host in an address.
func hostOf(address string) []byte {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	return []byte(host)
}

// matching returns the keys of address in a file of any form.
func (k *HostKeys) matching(address string) ([]ssh.PublicKey, error) {
	callback, err := knownhosts.New(k.Path)
	if err != nil {
		return nil, fmt.Errorf("read the pinned host keys: %w", err)
	}
	var known *knownhosts.KeyError
	if err := callback(address, &net.TCPAddr{}, probeKey{}); !errors.As(err, &known) {
		return nil, fmt.Errorf("look up the host key of %s in %s: %w", address, k.Path, err)
	}
	var keys []ssh.PublicKey
	for _, want := range known.Want {
		keys = append(keys, want.Key)
	}
	return keys, nil
}

// probeKey differs from every real key. Asked about it, package knownhosts
// returns the pinned keys in its error.
type probeKey struct{}

// Type returns a type that no real key has.
func (probeKey) Type() string { return "none" }

// Marshal returns bytes that no real key has.
func (probeKey) Marshal() []byte { return []byte("none") }

// Verify accepts no signature.
func (probeKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
