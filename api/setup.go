package api

// Setup is the answers to the questions of a first start on a host. An empty answer leaves that
// part as it is.
type Setup struct {
	Advertise string  `json:"advertise,omitempty"` // tftp.advertise: the address of this host that the devices reach
	Listen    string  `json:"listen,omitempty"`    // tftp.listen
	Schedule  string  `json:"schedule,omitempty"`  // schedule.backup
	WebListen string  `json:"web_listen,omitempty"`
	WebTLS    string  `json:"web_tls,omitempty"`
	StopTFTPD bool    `json:"stop_tftpd,omitempty"` // stop the other server that has the port, and keep it off
	KeepTFTPD string  `json:"keep_tftpd,omitempty"` // the address of this host at which its directory stays served; needs StopTFTPD and Advertise
	Images    string  `json:"images,omitempty"`     // a directory whose files go into the vault
	Device    *Device `json:"device,omitempty"`     // the first device
	User      string  `json:"user,omitempty"`       // the first user of the page, an admin
}

// SetupHost is what setup found on a host.
type SetupHost struct {
	Data      string      `json:"data"`      // the data directory
	NewData   bool        `json:"new_data"`  // it has no catalog or no vault yet
	Config    string      `json:"config"`    // the file of the configuration; empty: none
	Addresses []string    `json:"addresses"` // of this host, without those of the loopback
	Listen    string      `json:"listen"`    // where the TFTP server is to listen
	Other     *TFTPServer `json:"other,omitempty"`
	Service   string      `json:"service"`  // the state of the service's unit: active, inactive, …; empty: there is none for this data directory
	Firewall  string      `json:"firewall"` // the format of the rules: nft, iptables or ufw
	Free      int64       `json:"free"`     // bytes for the data directory
	Devices   []Device    `json:"devices"`  // of the inventory
	Users     []string    `json:"users"`
	Remarks   []string    `json:"remarks,omitempty"`
}

// TFTPServer is another program that has the port of the TFTP server.
type TFTPServer struct {
	Name      string `json:"name"` // of the process; empty: not known
	PID       int    `json:"pid"`
	Unit      string `json:"unit"`      // of systemd; empty: not known
	Directory string `json:"directory"` // that it serves; empty: not known
	Files     int    `json:"files"`     // in that directory
	Bytes     int64  `json:"bytes"`     // of these files
}

// SetupPlan is what a setup will do. Applying it does exactly these steps, in this order.
type SetupPlan struct {
	Host     SetupHost   `json:"host"`
	Steps    []SetupStep `json:"steps"`
	Notes    []string    `json:"notes,omitempty"`
	Refusals []Problem   `json:"refusals,omitempty"` // then there are no steps
}

// The kinds of a SetupStep.
const (
	SetupRun    = "run"    // type Lines on this host
	SetupWrite  = "write"  // write Text into the file Path
	SetupData   = "data"   // make the data directory and the vault
	SetupImages = "images" // take the files of the directory Path into the vault
	SetupDevice = "device" // add Device
	SetupTest   = "test"   // log in to Device, and change nothing
	SetupUser   = "user"   // add User
)

// SetupStep is one step of a SetupPlan.
type SetupStep struct {
	Kind   string   `json:"kind"`
	What   string   `json:"what"` // in words
	Lines  []string `json:"lines,omitempty"`
	Path   string   `json:"path,omitempty"`
	Text   string   `json:"text,omitempty"`
	Was    string   `json:"was,omitempty"` // the SHA-256 of the file now; empty: there is none
	Device *Device  `json:"device,omitempty"`
	User   string   `json:"user,omitempty"`
}

// SetupSecrets are the secrets for the steps of a plan, in clear.
type SetupSecrets struct {
	Device       DeviceChange // for SetupDevice
	UserPassword string       // for SetupUser
}

// SetupResult is what a setup did.
type SetupResult struct {
	Plan     SetupPlan       `json:"plan"`
	Done     []string        `json:"done"`
	Tests    []TestResult    `json:"tests,omitempty"`
	Imported []ImportedFile  `json:"imported,omitempty"`
	Firewall []FirewallRules `json:"firewall,omitempty"` // for the devices of the inventory
	Page     string          `json:"page"`               // the address to open; empty: none
	Next     string          `json:"next"`
}
