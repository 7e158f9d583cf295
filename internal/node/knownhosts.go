package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/vty"
)

// importKnownHosts pins the keys in the file known_hosts, if there is one, and gives the
// file another name. A host with pinned keys keeps them.
func (n *core) importKnownHosts(ctx context.Context) (imported bool, err error) {
	path := n.path("known_hosts")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	var hosts []catalog.KeysOfHost
	if err == nil {
		hosts, err = n.knownHosts(ctx, path, text)
	}
	if err == nil {
		err = n.Catalog.ImportHostKeys(ctx, hosts...)
	}
	if err != nil {
		return false, fmt.Errorf("import host keys from %s: %w", path, err)
	}
	aside := path + ".imported-" + time.Now().UTC().Format("20060102T150405.000Z")
	if err := os.Rename(path, aside); err != nil && !errors.Is(err, fs.ErrNotExist) { // else another process has imported it
		return false, fmt.Errorf("import host keys: %w", err)
	}
	n.opts.Log.Info("host keys imported into the catalog", "file", path, "aside", aside, "hosts", len(hosts))
	return true, nil // not synced: after a power cut the same keys are imported again
}

// knownHosts returns the keys in a known_hosts file: those of the devices on their routes,
// and those of other names.
func (n *core) knownHosts(ctx context.Context, path string, text []byte) ([]catalog.KeysOfHost, error) {
	known, rest, err := keysByName(text)
	if err != nil {
		return nil, err
	}
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return nil, err
	}
	lookUp := func(host string) ([]string, error) { return known[host], nil }
	if rest {
		if lookUp, err = matching(path); err != nil {
			return nil, err
		}
	}
	hosts, err := keysOnRoutes(devices, lookUp)
	for host, keys := range known {
		hosts = append(hosts, catalog.KeysOfHost{Host: host, Keys: keys})
	}
	return hosts, err
}

// keysByName returns the keys in a known_hosts file by the name of the host. rest
// reports that there are other lines: with patterns, hashed names or markers.
func keysByName(text []byte) (keys map[string][]string, rest bool, err error) {
	keys = make(map[string][]string)
	for {
		marker, names, key, _, next, err := ssh.ParseKnownHosts(text)
		if errors.Is(err, io.EOF) {
			return keys, rest, nil
		}
		if err != nil {
			return nil, false, err
		}
		text = next
		for _, name := range names {
			if marker != "" || strings.ContainsAny(name, "*?!|") {
				rest = true
				continue
			}
			host := vty.HostName(name)
			keys[host] = append(keys[host], keyText(key))
		}
	}
}

// keysOnRoutes returns the keys of the devices on their routes, and of the jump hosts.
func keysOnRoutes(devices []api.Device, lookUp func(host string) ([]string, error)) ([]catalog.KeysOfHost, error) {
	var all []catalog.KeysOfHost
	seen := make(map[[2]string]bool)
	add := func(host, via string) error {
		if seen[[2]string{host, via}] {
			return nil
		}
		seen[[2]string{host, via}] = true
		keys, err := lookUp(host)
		if err == nil && len(keys) > 0 {
			all = append(all, catalog.KeysOfHost{Host: host, Via: via, Keys: keys})
		}
		return err
	}
	for _, d := range devices {
		host, via, err := pinnedAt(d)
		if err != nil {
			return nil, err
		}
		err = add(host, via)
		if via != "" {
			err = errors.Join(err, add(via, ""))
		}
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

// matching returns a look-up in a known_hosts file of any form.
func matching(path string) (func(host string) ([]string, error), error) {
	callback, err := knownhosts.New(path)
	if err != nil {
		return nil, err
	}
	return func(host string) ([]string, error) {
		if _, _, err := net.SplitHostPort(host); err != nil {
			host = net.JoinHostPort(strings.Trim(host, "[]"), "22")
		}
		var known *knownhosts.KeyError
		if err := callback(host, &net.TCPAddr{}, probeKey{}); !errors.As(err, &known) {
			return nil, err
		}
		var keys []string
		for _, want := range known.Want {
			keys = append(keys, keyText(want.Key))
		}
		return keys, nil
	}, nil
}

// probeKey differs from every real key. Asked about it, package knownhosts
// returns the known keys in its error.
type probeKey struct{}

// Type returns a type that no real key has.
func (probeKey) Type() string { return "none" }

// Marshal returns bytes that no real key has.
func (probeKey) Marshal() []byte { return []byte("none") }

// Verify accepts no signature.
func (probeKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }
