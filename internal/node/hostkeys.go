package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/ssh"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/vty"
)

// keyStore is the pinned host keys in the catalog. If a host has none, it first imports
// the file known_hosts of the data directory, where earlier versions kept them.
type keyStore struct{ node *core }

// HostKeys returns the keys of a host.
func (k keyStore) HostKeys(ctx context.Context, host, via string) ([]string, error) {
	keys, err := k.node.Catalog.HostKeys(ctx, host, via)
	if err != nil || len(keys) > 0 {
		return keys, err
	}
	if imported, err := k.node.importKnownHosts(ctx); err != nil || !imported {
		return nil, err
	}
	return k.node.Catalog.HostKeys(ctx, host, via)
}

// PinHostKey pins the key of a host that has none.
func (k keyStore) PinHostKey(ctx context.Context, host, via, key string) ([]string, error) {
	return k.node.Catalog.PinHostKey(ctx, host, via, key)
}

// pinnedAt returns the names under which the key of a device is pinned.
func pinnedAt(d api.Device) (host, via string, err error) {
	at, err := d.HostPort()
	if err != nil {
		return "", "", err
	}
	if d.Via != "" {
		_, jump := d.Jump()
		if via, err = (api.Device{Name: d.Name, Address: jump}).HostPort(); err != nil {
			return "", "", err
		}
		via = vty.HostName(via)
	}
	return vty.HostName(at), via, nil
}

// HostKeysOf returns the host keys of a change, for the device and for its jump host. A
// host that the change does not name is not among them; one whose keys it removes has none.
func HostKeysOf(c api.DeviceChange) ([]catalog.KeysOfHost, error) {
	host, via, err := pinnedAt(c.Device)
	if err != nil {
		return nil, err
	}
	var hosts []catalog.KeysOfHost
	for _, h := range []struct {
		host, via string
		text      *string
	}{{host, via, c.HostKeys}, {via, "", c.ViaHostKeys}} {
		if h.text == nil {
			continue
		}
		if h.host == "" {
			return nil, invalid(nil, "host keys of a jump host: %s has no jump host", c.Device.Name)
		}
		keys, err := keysOfOne(*h.text)
		if err != nil {
			return nil, invalid(nil, "host keys of %s: %w", h.host, err)
		}
		hosts = append(hosts, catalog.KeysOfHost{Host: h.host, Via: h.via, Keys: keys})
	}
	return hosts, nil
}

// keysOfOne returns the keys in a text that ssh-keyscan printed for one host. An empty
// text has none.
func keysOfOne(text string) (keys []string, err error) {
	if text == "" {
		return nil, nil
	}
	name := ""
	for rest := []byte(text); ; {
		marker, names, key, _, next, err := ssh.ParseKnownHosts(rest)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("not as ssh-keyscan prints them: %w", err)
		}
		this := strings.Join(names, ",")
		switch hashed := strings.HasPrefix(this, "|"); {
		case marker != "":
			return nil, fmt.Errorf("a line with @%s cannot be pinned", marker)
		case !hashed && name != "" && this != name:
			return nil, fmt.Errorf("the file has keys of several hosts: %s and %s", name, this)
		case !hashed:
			name = this
		}
		rest, keys = next, append(keys, keyText(key))
	}
	if len(keys) == 0 {
		return nil, errors.New("the file has no key")
	}
	return keys, nil
}

func keyText(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
