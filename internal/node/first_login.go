package node

import (
	"sync"

	"flashwarden/api"
	"flashwarden/internal/vty"
)

// firstLogins are the host keys that logins have pinned, until an operation
// shows them.
type firstLogins struct {
	mu   sync.Mutex
	keys map[string][]api.HostKey // by device
}

// noting returns the host keys for a login to a device. A key that the login
// pins is noted.
func (n *logins) noting(device string) *vty.HostKeys {
	k := *n.hostKeys
	k.Pinned = func(host, fingerprint string) {
		n.first.mu.Lock()
		defer n.first.mu.Unlock()
		n.first.keys[device] = append(n.first.keys[device], api.HostKey{Device: device, Host: host, Fingerprint: fingerprint})
	}
	return &k
}

// FirstLogins returns the host keys that logins to the device have pinned since it
// was asked for last.
func (n *logins) FirstLogins(device string) []api.HostKey {
	n.first.mu.Lock()
	defer n.first.mu.Unlock()
	keys := n.first.keys[device]
	delete(n.first.keys, device)
	return keys
}
