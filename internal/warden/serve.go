package warden

import (
	"context"
	"fmt"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// Start takes the data directory for this process, which then serves TFTP. It waits for
// another process as Options.Wait says; ctx ends the waiting.
func (l *Local) Start(ctx context.Context) error {
	_, err := l.served(ctx)
	return err
}

// Serve serves TFTP, also by the rules of the configuration, until ctx ends or the TFTP
// server fails. It calls ready once devices are answered. After the end of ctx, running
// transfers may end until limit does; then their devices get an ERROR.
func (l *Local) Serve(ctx, limit context.Context, ready func()) error {
	n, err := l.served(ctx)
	if err != nil {
		return err
	}
	if _, err := l.serveRules(ctx, nil); err != nil {
		return err
	}
	ready()
	select {
	case <-ctx.Done():
	case <-n.Failed():
		return n.Failure()
	}
	if err := n.Shutdown(limit); err != nil {
		l.log().Warn("running transfers were ended with an ERROR", "err", context.Cause(limit))
	}
	return nil
}

// Drain makes offers and receptions end for which no transfer runs. Running operations
// go on. It is called once the service ends.
func (l *Local) Drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.drained {
		l.drained = true
		close(l.ending)
	}
}

// errEnding is the error of an offer or a reception that ends with the service.
func errEnding() error {
	return cause.New(cause.Cancelled, "the service ends", api.Say("open it again when the service has started"))
}

// config returns the configuration for an operation that begins now.
func (l *core) config() config.Config {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.opts.Config
	if l.zone != nil {
		c.Schedule.Zone = l.zone
	}
	return c
}

// Reconfigure has all operations that begin from now on use the configuration c.
// Running ones keep theirs. It returns the keys that differ and need a restart, because
// they belong to open sockets.
func (l *Local) Reconfigure(c config.Config) (restart []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opts.Config, restart = l.opts.Config.Reload(c)
	if l.node != nil {
		l.node = l.node.WithConfig(l.opts.Config)
	}
	if l.rules != nil {
		l.node.Allow(l.rules.receiver)
	}
	if l.unattended != nil {
		l.unattended.planner.Changed()
	}
	return restart
}

// Alive returns nil if the TFTP server still works and no operation blocks the others.
// It may wait until ctx ends.
func (l *Local) Alive(ctx context.Context) error {
	n, err := l.served(ctx)
	if err != nil {
		return err
	}
	return n.Alive(ctx)
}

// Ready returns nil if operations can succeed: the catalog answers, and the vault is
// that of the catalog.
func (l *Local) Ready(ctx context.Context) error {
	n, err := l.open(ctx)
	if err != nil {
		return err
	}
	if _, err := n.Catalog.VaultIdentity(ctx); err != nil {
		return fmt.Errorf("the catalog does not answer: %w", err)
	}
	_, err = n.Vault(ctx)
	return err
}
