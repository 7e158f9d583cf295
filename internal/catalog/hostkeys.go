package catalog

import "context"

// HostKeys keeps the SSH host keys that are trusted, each as its type and its base64,
// with a blank between. A key belongs to the address of a host, as known_hosts names it,
// and to the route: via is the name of the jump host on the way, empty for none.
type HostKeys interface {
	// HostKeys returns the keys of a host. None is no error.
	HostKeys(ctx context.Context, host, via string) ([]string, error)
	// PinHostKey pins the key of a host that has none, and returns the keys of the host:
	// those of another writer if it was first.
	PinHostKey(ctx context.Context, host, via, key string) ([]string, error)
	// SetHostKeys replaces the keys of hosts, all or none. A host may have none after it.
	SetHostKeys(ctx context.Context, hosts ...KeysOfHost) error
	// ImportHostKeys is SetHostKeys for those hosts that have no key yet.
	ImportHostKeys(ctx context.Context, hosts ...KeysOfHost) error
}

// KeysOfHost are the keys of one host on one route.
type KeysOfHost struct {
	Host, Via string
	Keys      []string
}
