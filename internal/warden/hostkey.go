package warden

import (
	"context"
	"errors"

	"flashwarden/api"
	"flashwarden/internal/node"
)

// UnknownHostKeys returns the SSH host keys of the selected devices that are
// not pinned. It connects to each device without sending a secret.
func (l *devices) UnknownHostKeys(ctx context.Context, s api.Select) ([]api.HostKey, error) {
	n, s, err := l.beginOn(ctx, looking, "read host keys", s)
	if err != nil {
		return nil, err
	}
	devices, err := n.Catalog.Devices(ctx, s)
	if err != nil {
		return nil, err
	}
	var keys []api.HostKey
	for _, d := range devices {
		if d.Transport == api.SSH {
			keys = append(keys, n.UnknownHostKeys(ctx, d)...)
		}
	}
	return keys, ctx.Err()
}

// TrustHostKeys lets the next login pin these keys, and no others, where the
// configuration says that a person decides.
func (l *devices) TrustHostKeys(ctx context.Context, keys []api.HostKey) (struct{}, error) {
	if err := l.allow(ctx, directing, "trust host keys"); err != nil {
		return struct{}{}, err
	}
	if err := l.recordTrust(ctx, keys); err != nil {
		return struct{}{}, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.trusted == nil {
		l.trusted = make(map[string]string)
	}
	for _, k := range keys {
		l.trusted[k.Host] = k.Fingerprint
	}
	return struct{}{}, nil
}

// mayTrust reports whether a person has said that host has this key.
func (l *core) mayTrust(host, fingerprint string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.trusted[host] == fingerprint
}

// recordTrust writes the hosts into the audit trail, if there is one yet.
func (l *devices) recordTrust(ctx context.Context, keys []api.HostKey) error {
	n, err := l.existing(ctx)
	if errors.Is(err, node.ErrNoData) {
		return nil
	}
	if err != nil {
		return err
	}
	var hosts []string
	for _, k := range keys {
		hosts = append(hosts, k.Host+" "+k.Fingerprint)
	}
	return l.record(ctx, n, "trust host keys", api.AuditAllowed, hosts)
}
