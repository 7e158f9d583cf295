package api

import "fmt"

// HostKey is an SSH host key that a device or its jump host shows at its first login.
type HostKey struct {
	Device      string `json:"device"`
	Host        string `json:"host"`        // as known_hosts names it; then the jump host, after "through"
	Fingerprint string `json:"fingerprint"` // as ssh-keygen -l prints it
}

// Pinned says that the first login has pinned the key.
func (k HostKey) Pinned() string {
	return fmt.Sprintf("first login to %s: its host key %s is trusted from now on", k.Host, k.Fingerprint)
}
