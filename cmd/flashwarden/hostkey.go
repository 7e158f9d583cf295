package main

import (
	"context"
	"fmt"

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
