package main

import (
	"context"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/warden"
)

// confirmHostKeys asks about the host keys of devices that are not pinned,
// where the configuration says that a person decides and there is one. Keys
// that are not confirmed stay unknown, and their devices fail.
func (p *program) confirmHostKeys(ctx context.Context, w warden.Warden, s api.Select) error {
	cfg, err := p.config()
	if err != nil || cfg.SSH.UnknownHosts != config.Ask || !terminal(p.in) {
		return err
	}
	keys, err := w.UnknownHostKeys(ctx, s)
	if err != nil {
		return err
	}
	var trusted []api.HostKey
	for _, k := range keys {
		fmt.Fprintf(p.err, "%s shows the unknown host key %s\n", printable(k.Host), printable(k.Fingerprint))
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
