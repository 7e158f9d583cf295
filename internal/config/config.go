// Package config reads the configuration: one YAML file and environment variables,
// which override the file. Every key is optional; reference.yaml lists all keys
// with their defaults.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/schedule"
	"flashwarden/tftp"
)

// Config is the whole configuration. The zero Config is not valid: start with
// Default.
type Config struct {
	Catalog string // URL of the catalog in PostgreSQL; empty: a file in the data directory
	// CatalogPasswordFile is the file with the password for Catalog; empty: as libpq finds it.
	CatalogPasswordFile string

	// Vault is the place of the vault: an absolute path, or a URL as that of a mirror;
	// empty: the directory vault in the data directory.
	Vault  string
	TFTP   TFTP
	Backup Backup
	SSH    SSH
	// Credentials are those of devices without a login of their own.
	Credentials Credentials
	// Transports are those that Backup.CopyBy auto may use.
	Transports Transports
	Protect    Protect
	// Retention says which snapshots a prune keeps.
	Retention Retention
	Mirrors   []Mirror
	Inventory []Inventory
	Notify    []Notify // who gets messages about failures
	Receive   []ReceiveRule
	Check     Check
	Schedule  Schedule
	Syslog    Syslog
	Web       Web
	Jobs      Jobs
	Metrics   Metrics
}

// TFTP is the section tftp: the TFTP server for the devices.
type TFTP struct {
	Listen       string         // UDP address of the server: [IP]:PORT, port 0 for any free one
	PortRange    tftp.PortRange // transfer IDs
	Advertise    netip.Addr     // written into the copy command; invalid: the local address of the session to that device
	MaxBlockSize int            // bytes; a larger requested block size is answered with this; 0: no limit
}

// Backup is the section backup.
type Backup struct {
	Files           string        // which files a backup takes: image, rebuild or all
	Parallel        int           // devices at the same time, on all sites together
	ParallelPerSite int           // devices at the same time on one site
	CopyBy          string        // how files are copied: auto, tftp, scp-pull, scp or https
	StallTimeout    time.Duration // a transfer without a new block for this time has stalled
}

// Transports is the section transports.
type Transports struct {
	Prefer []string // the allowed ones, in the order in which auto tries them
	SCP    SCP
	HTTPS  HTTPS
}

// SCP is the mapping transports.scp: the SCP server for the devices.
type SCP struct {
	Listen       string // TCP address: [IP]:PORT; empty: none
	LegacyCrypto bool   // also the SSH algorithms that only old software needs
}

// HTTPS is the mapping transports.https: the HTTPS server for the devices.
type HTTPS struct {
	Listen  string // TCP address: [IP]:PORT; empty: none
	TLSCert string // file with the certificate and those of its issuers, PEM; empty: one of our own
	TLSKey  string // file with the private key, PEM
	TLSMin  string // the oldest version of TLS: 1.2, 1.1 or 1.0
}

// check compares the keys of the section with each other.
func (t Transports) check() error {
	switch {
	case (t.HTTPS.TLSCert == "") != (t.HTTPS.TLSKey == ""):
		return &Error{Key: "transports.https", Problem: "tls-cert and tls-key belong together: give both"}
	case slices.Contains(t.Prefer, "scp") && t.SCP.Listen == "":
		return &Error{Key: "transports.prefer", Problem: "scp needs the SCP server: set transports.scp.listen, such as \":2022\""}
	case slices.Contains(t.Prefer, "https") && t.HTTPS.Listen == "":
		return &Error{Key: "transports.prefer", Problem: "https needs the HTTPS server: set transports.https.listen, such as \":8443\""}
	}
	return nil
}

// SSH is the section ssh.
type SSH struct {
	UnknownHosts string // reaction to an unknown host key: AcceptNew, Ask or Refuse
}

// Protect is the section protect: when a device counts as protected.
type Protect struct {
	Within       time.Duration // its newest complete backup, or a look that confirms it, is younger
	ProvedWithin time.Duration // the content of that backup was read and proved within this time
}

// Retention is the section retention: which snapshots of each device stay.
type Retention struct {
	KeepLast    int           // the newest ones
	KeepWithin  time.Duration // all younger ones; 0: none for this reason
	KeepDaily   int           // the newest one of each of the last days that have any
	KeepWeekly  int           // of the last weeks
	KeepMonthly int           // of the last months
	KeepYearly  int           // of the last years

	Schedule schedule.Schedule // when the service prunes
}

// Check is the section check: the service reads the vault again, a share at a time.
type Check struct {
	Schedule schedule.Schedule
	Share    string // of the bytes, as 1/30: those whose last proof is the oldest
}

// Schedule is the section schedule: when the service backs devices up by itself.
type Schedule struct {
	Backup           schedule.Schedule
	Devices          map[string]schedule.Schedule // in place of Backup, by name
	Groups           map[string]schedule.Schedule // by group; that of the device has precedence
	Sites            map[string]schedule.Schedule // by site; that of the group has precedence
	Zone             *time.Location
	Spread           time.Duration // a device is up to so much later than the schedule, always the same
	Window           schedule.Window
	Reverify         time.Duration // the digest of an unchanged image is asked for at least so often
	ReverifyParallel int           // by so many devices at once
	Missed           string        // Once or Skip
}

// The values of schedule.missed: what becomes of backups that were due while the
// service did not run.
const (
	Once = "once"
	Skip = "skip"
)

// Of returns the schedule of a device.
func (s Schedule) Of(device, group, site string) schedule.Schedule {
	for _, own := range []struct {
		name string
		of   map[string]schedule.Schedule
	}{{device, s.Devices}, {group, s.Groups}, {site, s.Sites}} {
		if found, ok := own.of[own.name]; ok && own.name != "" {
			return found
		}
	}
	return s.Backup
}

// Syslog is the section syslog: messages of devices that say that something has changed.
type Syslog struct {
	Listen string        // UDP address: [IP]:PORT; empty: none
	Quiet  time.Duration // a device is looked at when it has reported no change for this time
}

// Web is the section web: the API over TCP.
type Web struct {
	Listen  string // TCP address: [IP]:PORT; empty: none
	TLSCert string // file with the certificate and those of its issuers, PEM; empty: no TLS, unless TLS says so
	TLSKey  string // file with the private key, PEM
	TLS     string // SelfSigned or empty

	// TrustedProxies are networks of proxies that name the client and its protocol in
	// X-Forwarded-For and X-Forwarded-Proto, separated by commas; nobody else may name them.
	TrustedProxies string

	OIDC OIDC
}

// Proxies are the networks of TrustedProxies.
func (w Web) Proxies() []netip.Prefix {
	networks, _ := proxies(w.TrustedProxies) // it was read before
	return networks
}

// proxies reads networks and addresses, separated by commas.
func proxies(v string) (networks []netip.Prefix, err error) {
	for _, text := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			var one netip.Addr
			if one, err = netip.ParseAddr(text); err != nil || one.Zone() != "" {
				return nil, fmt.Errorf("%q is neither an IP address nor a network, such as 127.0.0.1 or 192.0.2.0/24", text)
			}
			network = netip.PrefixFrom(one, one.BitLen())
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// SelfSigned is the value of web.tls that has the service make its own certificate.
const SelfSigned = "self-signed"

// Secure reports whether the API needs TLS to be reached.
func (w Web) Secure() bool { return w.TLSCert != "" || w.TLS != "" }

// check compares the keys of the section with each other.
func (w Web) check() error {
	switch {
	case (w.TLSCert == "") != (w.TLSKey == ""):
		return &Error{Key: "web", Problem: "tls-cert and tls-key belong together: give both"}
	case w.TLSCert != "" && w.TLS != "":
		return &Error{Key: "web.tls", Problem: "give either tls-cert and tls-key, or tls: " + SelfSigned}
	case w.Listen != "" && !w.Secure() && !loopback(w.Listen):
		return &Error{Key: "web.listen", Problem: w.Listen + " can be reached from other machines, which needs TLS: add tls-cert and tls-key, or tls: " + SelfSigned}
	}
	return nil
}

// loopback reports whether only this machine can reach an address [IP]:PORT.
func loopback(listen string) bool {
	a, err := netip.ParseAddrPort(listen)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// Metrics is the section metrics: what /metrics has.
type Metrics struct {
	Devices bool // series of each device
}

// Jobs is the section jobs: the queue of the service.
type Jobs struct {
	Keep time.Duration // ended jobs are kept for this time
}

// The values of ssh.unknown-hosts.
const (
	AcceptNew = "accept-new" // trust the key on first use and pin it
	Ask       = "ask"        // ask the user
	Refuse    = "refuse"     // refuse the connection
)

// mustSchedule returns the schedule of a default.
func mustSchedule(text string) schedule.Schedule {
	s, err := schedule.Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

// Default returns the configuration without any file.
func Default() Config {
	return Config{
		TFTP:       TFTP{Listen: ":69", PortRange: tftp.PortRange{First: 1056, Last: 1059}, MaxBlockSize: 1468},
		Backup:     Backup{Files: "rebuild", Parallel: 8, ParallelPerSite: 4, CopyBy: "auto", StallTimeout: 60 * time.Second},
		Transports: Transports{Prefer: []string{"tftp"}, HTTPS: HTTPS{TLSMin: "1.2"}},
		SSH:        SSH{UnknownHosts: AcceptNew},
		Syslog:     Syslog{Quiet: 2 * time.Minute},
		Web:        Web{Listen: "127.0.0.1:8480", OIDC: OIDC{GroupsClaim: "groups"}},

		Protect:   Protect{Within: 8 * day, ProvedWithin: 35 * day},
		Retention: Retention{KeepDaily: 30, KeepWeekly: 12, KeepMonthly: 24, KeepYearly: 10, Schedule: mustSchedule("weekly Sun 04:00")},
		Check:     Check{Schedule: mustSchedule("daily 05:00"), Share: "1/30"},
		Schedule: Schedule{Backup: mustSchedule("daily 02:00"), Zone: time.Local, Spread: 2 * time.Hour,
			Reverify: 30 * day, ReverifyParallel: 2, Missed: Once},
		Jobs:    Jobs{Keep: 90 * day},
		Metrics: Metrics{Devices: true},
	}
}

// Error is a problem in the configuration, with its place.
type Error struct {
	File    string // the file; empty for an environment variable
	Line    int    // from 1; 0: the whole file
	Column  int    // from 1, in characters
	Key     string // section.key or the environment variable; may be empty
	Problem string
	Excerpt string // the line of the file, and a caret under the place; may be empty
	Err     error  // why the file cannot be read; nil if it can
}

// Unwrap returns the system's error if the file cannot be read, else nil.
func (e *Error) Unwrap() error { return e.Err }

// Error returns the place, the key and the problem. The line of the file, with a
// caret under the place, follows on separate lines.
func (e *Error) Error() string {
	var b strings.Builder
	if e.File != "" {
		b.WriteString(e.File + ":")
		if e.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", e.Line, e.Column)
		}
		b.WriteString(" ")
	}
	if e.Key != "" {
		b.WriteString(e.Key + ": ")
	}
	b.WriteString(e.Problem)
	if e.Excerpt != "" {
		b.WriteString("\n" + e.Excerpt)
	}
	return b.String()
}

// InOneLine returns err without the line of the file, for a log.
func InOneLine(err error) error {
	var e *Error
	if !errors.As(err, &e) {
		return err
	}
	short := *e
	short.Excerpt = ""
	return &short
}

// maxFile is the greatest size of a configuration file in bytes.
const maxFile = 1 << 20

// Load returns the configuration. The file path overrides the defaults, and the
// environment env (NAME=VALUE, as from os.Environ) overrides both. An empty path
// means no file. Errors are of type *Error.
func Load(path string, env []string) (Config, error) {
	c := Default()
	if path != "" {
		data, err := read(path)
		if err != nil {
			return Config{}, &Error{File: path, Problem: "the configuration cannot be read: " + err.Error(), Err: err}
		}
		if err := parse(&c, path, data); err != nil {
			return Config{}, err
		}
	}
	if err := applyEnvironment(&c, env); err != nil {
		return Config{}, err
	}
	for _, err := range []error{c.Web.check(), c.Web.OIDC.check(), c.Transports.check()} {
		if err != nil {
			return Config{}, err
		}
	}
	useCredentials(&c, env)
	return c, nil
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, err
	}
	if len(data) > maxFile || bytes.IndexByte(data, 0) >= 0 {
		return nil, fmt.Errorf("not a text of at most %d bytes", maxFile)
	}
	return data, nil
}

const envPrefix = "FLASHWARDEN_"

// applyEnvironment sets the keys that have a variable. An empty variable counts as
// unset, so that a container file can always pass it on.
func applyEnvironment(c *Config, env []string) error {
	for _, entry := range env {
		name, value, _ := strings.Cut(entry, "=")
		if !ofSection(name) {
			continue
		}
		i := slices.IndexFunc(settings(), func(s setting) bool { return s.variable() == name })
		if i < 0 && isKubernetes(name, value) {
			continue
		}
		if i < 0 {
			return &Error{Key: name, Problem: "unknown environment variable" + instead(variablesLike(name))}
		}
		if value == "" {
			continue
		}
		if err := settings()[i].set(c, value); err != nil {
			return &Error{Key: name, Problem: err.Error()}
		}
	}
	return nil
}

// ofSection reports whether name belongs to a section of the configuration, or to a key
// without one. Other variables that begin with FLASHWARDEN_ are ignored.
func ofSection(name string) bool {
	rest, ok := strings.CutPrefix(name, envPrefix)
	return ok && slices.Contains(keys(""), strings.ReplaceAll(strings.ToLower(rest), "_", "-")) || ok && slices.ContainsFunc(sections(), func(section string) bool {
		return strings.HasPrefix(rest, strings.ToUpper(section)+"_")
	})
}

// Kubernetes sets these variables in every container, with the name of each
// service in front (Kubernetes documentation, "Service", "Environment
// variables").
var (
	kubernetesName = lazyregexp.New(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$`)
	kubernetesURL  = lazyregexp.New(`^(tcp|udp|sctp)://`)
)

// isKubernetes reports whether Kubernetes made the variable for a service such
// as flashwarden-tftp. A name that ends with _PORT alone also needs the URL that
// Kubernetes writes: FLASHWARDEN_TFTP_PORT=69 is a mistake that the user must see.
func isKubernetes(name, value string) bool {
	return kubernetesName.MatchString(name) || strings.HasSuffix(name, "_PORT") && kubernetesURL.MatchString(value)
}
