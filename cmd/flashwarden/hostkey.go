package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/pflag"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// confirmHostKeys asks the user about each host key that is not pinned yet, if
// the configuration says ask and there is a terminal. A key that the user does
// not confirm stays unknown, and its device fails.
func (p *program) confirmHostKeys(ctx context.Context, w warden.Warden, s api.Select) error {
	cfg, err := p.config()
	if err != nil || cfg.SSH.UnknownHosts != config.Ask || !terminal.IsTerminal(p.in) {
		return err
	}
	keys, err := w.UnknownHostKeys(ctx, s)
	if err != nil {
		return err
	}
	var trusted []api.HostKey
	for _, k := range keys {
		fmt.Fprintf(p.err, "%s shows the unknown host key %s\n", terminal.Printable(k.Host), terminal.Printable(k.Fingerprint))
		if p.confirm(ctx, "Trust it from now on?") {
			trusted = append(trusted, k)
		}
	}
	if len(trusted) == 0 {
		return nil
	}
	_, err = w.TrustHostKeys(ctx, trusted)
	return err
}

// maxHostKeys is the largest size of a file with the host keys of one host, in bytes.
const maxHostKeys = 64 << 10

// hostKeys reads the host keys that the flags name into a change.
func (p *program) hostKeys(c *api.DeviceChange, f deviceFlags, given *pflag.FlagSet) error {
	for _, h := range []struct {
		file, forget string // flags
		path         string
		keys         **string
	}{
		{"host-key-file", "forget-host-key", f.hostKeyFile, &c.HostKeys},
		{"via-host-key-file", "forget-via-host-key", f.viaHostKeyFile, &c.ViaHostKeys},
	} {
		forget := given.Changed(h.forget) && given.Lookup(h.forget).Value.String() == "true"
		switch {
		case forget && given.Changed(h.file):
			return usageError{fmt.Errorf("--%s already replaces the pinned keys: leave out --%s", h.file, h.forget)}
		case forget:
			*h.keys = new(string)
		case given.Changed(h.file):
			text, err := p.hostKeysIn(h.path)
			if err != nil {
				return usageError{fmt.Errorf("--%s: %w", h.file, err)}
			}
			*h.keys = &text
		}
	}
	return nil
}

// hostKeysIn reads the host keys in a file; - is standard input.
func (p *program) hostKeysIn(path string) (string, error) {
	in := p.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxHostKeys+1))
	switch {
	case err != nil:
		return "", err
	case len(text) > maxHostKeys:
		return "", fmt.Errorf("%s has more than %d bytes: give the keys of one host", path, maxHostKeys)
	case len(bytes.TrimSpace(text)) == 0:
		return "", fmt.Errorf("%s is empty: does the host answer ssh-keyscan?", path)
	}
	return string(text), nil
}
