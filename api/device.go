package api

import (
	"errors"
	"time"
)

// The transports.
const (
	SSH    = "ssh"
	Telnet = "telnet"
)

// The transports that copy files: the values of Device.CopyBy.
const (
	CopyAuto    = "auto"     // the first one that works, in the order of the configuration
	CopyTFTP    = "tftp"     // the device copies to our TFTP server
	CopySCPPull = "scp-pull" // we fetch from the SCP server of the device
	CopySCP     = "scp"      // the device copies to our SCP server
	CopyHTTPS   = "https"    // the device copies to our HTTPS server
)

// CopyWay is the transport that CopyAuto has found for a device.
type CopyWay struct {
	Way    string    `json:"way"`    // empty: none yet
	Reason string    `json:"reason"` // why not a preferred one; empty: it is the preferred one
	Since  time.Time `json:"since"`
}

// ErrInvalidDevice is the error of a Device with a value that cannot be; test
// with errors.Is.
var ErrInvalidDevice = errors.New("invalid device")

// Device is one switch or router, or one stack, of the inventory.
type Device struct {
	Name         string `json:"name"`
	Address      string `json:"address"`   // HOST[:PORT]; an IPv6 address with a port stands in brackets
	Transport    string `json:"transport"` // SSH or Telnet
	Username     string `json:"username"`
	Credential   string `json:"credential"` // the name of a Credential, for what the device has no own: user name and secrets
	Site         string `json:"site"`
	Group        string `json:"group"`
	TFTPAddress  string `json:"tftp_address"` // the address of ours that the device is to use; empty: the configured one
	VRF          string `json:"vrf"`          // the device's VRF for TFTP; empty: its global table
	Files        string `json:"files"`        // image, rebuild or all; empty: the configured policy
	CopyBy       string `json:"copy_by"`      // CopyAuto, CopyTFTP, CopySCPPull, CopySCP, CopyHTTPS; empty: the configured one
	LegacyCrypto bool   `json:"legacy_crypto"`
	Fingerprint  string `json:"fingerprint"` // of its private key, with the type, as ssh-keygen -l prints it; empty: there is none

	Via            string `json:"via"`             // USER@HOST[:PORT] of the jump host in front of it; empty: it is reached directly
	ViaFingerprint string `json:"via_fingerprint"` // of the private key for the jump host

	Source string `json:"source"` // the list that it came from, a path, a URL, or "-" for standard input; empty: somebody added it by hand
}

// DeviceDetail is one device of the inventory with the secrets that are stored for it.
type DeviceDetail struct {
	Device
	HostKeys       string `json:"host_keys"` // the pinned SSH host keys, as ssh-keygen -l prints them; empty: none
	Password       bool   `json:"password"`  // whether one is stored, and so below
	EnablePassword bool   `json:"enable_password"`
	ViaPassword    bool   `json:"via_password"`

	CopyWay CopyWay `json:"copy_way"` // if CopyAuto has found one

	Status DeviceStatus `json:"status"`
	Runs   []Run        `json:"runs"` // the newest ones, newest first
}

// TestResult reports one login that read facts and changed nothing.
type TestResult struct {
	Device  string  `json:"device"`
	Status  string  `json:"status"` // StatusOK, StatusFailed
	Cause   Cause   `json:"cause"`
	Message string  `json:"message"`
	Hint    string  `json:"hint"`
	Seconds float64 `json:"seconds"`
	Facts   Facts   `json:"facts"`

	Pinned []HostKey `json:"pinned_host_keys,omitempty"` // by the first login
}

// DeviceChange is a device to add, or the new settings of one, with secrets in
// clear. A nil secret stays as it is; an empty one is removed.
type DeviceChange struct {
	Device         Device  `json:"device"`
	Password       *string `json:"password,omitempty"`
	EnablePassword *string `json:"enable_password,omitempty"`
	Identity       *string `json:"identity,omitempty"` // private key, as ssh-keygen writes it
	ViaPassword    *string `json:"via_password,omitempty"`
	ViaIdentity    *string `json:"via_identity,omitempty"`

	// The SSH host keys that are trusted, as ssh-keyscan prints them. Nil: those that are
	// pinned stay; empty: they are removed.
	HostKeys    *string `json:"host_keys,omitempty"`
	ViaHostKeys *string `json:"via_host_keys,omitempty"` // of the jump host
}
