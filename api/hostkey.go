package api

// HostKey is an SSH host key that is not pinned yet.
type HostKey struct {
	Device      string `json:"device"`
	Host        string `json:"host"`        // as known_hosts names it; then the jump host, after "through"
	Fingerprint string `json:"fingerprint"` // as ssh-keygen -l prints it
}
