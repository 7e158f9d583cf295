// Package config reads the configuration: one YAML file, and environment
// variables over it. Every key is optional; reference.yaml lists them all
// with their defaults.
package config

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"flashwarden/tftp"
)

// Config is the whole configuration. The zero Config is not usable: start
// from Default.
type Config struct {
	TFTP    TFTP
	Backup  Backup
	SSH     SSH
	Receive []ReceiveRule
}

// TFTP is the section tftp: the server that devices copy to.
type TFTP struct {
	Listen       string         // UDP address of the server: [IP]:PORT, port 0 for any free one
	PortRange    tftp.PortRange // transfer IDs
	Advertise    netip.Addr     // written into the copy command; invalid: the local address of the session to that device
	MaxBlockSize int            // bytes; larger requests are answered with this; 0: as asked
}

// Backup is the section backup.
type Backup struct {
	Files           string        // which files a backup takes: image, rebuild or all
	Parallel        int           // devices at once, in all
	ParallelPerSite int           // devices at once on one site
	StallTimeout    time.Duration // a transfer that moves no block for so long has stalled
}

// SSH is the section ssh.
type SSH struct {
	UnknownHosts string // what to do about a host key that is not pinned: AcceptNew, Ask or Refuse
}

// The values of ssh.unknown-hosts.
const (
	AcceptNew = "accept-new" // trust on first use, then pin
	Ask       = "ask"
	Refuse    = "refuse"
)

// Default returns the configuration without any file.
func Default() Config {
	return Config{
		TFTP:   TFTP{Listen: ":69", PortRange: tftp.PortRange{First: 1056, Last: 1059}, MaxBlockSize: 1468},
		Backup: Backup{Files: "rebuild", Parallel: 8, ParallelPerSite: 4, StallTimeout: 60 * time.Second},
		SSH:    SSH{UnknownHosts: AcceptNew},
	}
}

// Error says what is wrong with the configuration, and where.
type Error struct {
	File    string // the file, or empty for an environment variable
	Line    int    // from 1; 0 where the whole file is meant
	Column  int    // from 1, in characters
	Key     string // section.key, the environment variable, or empty
	Problem string
	Excerpt string // the line, and a caret under the place; may be empty
	Err     error  // why the file cannot be read; nil where it was
}

// Unwrap is why the file cannot be read, as the system says it; nil where it
// was read.
func (e *Error) Unwrap() error { return e.Err }

// Error is the place, the key, the problem, and on lines of their own the line
// of the file with a caret under the place.
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

// maxFile is the greatest size of a configuration file in bytes.
const maxFile = 1 << 20

// Load reads the file path over the defaults, and the environment env
// (NAME=VALUE each, as os.Environ returns it) over both. An empty path means
// that there is no file. Errors are of type *Error.
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

// applyEnvironment sets the keys that have a variable. An empty variable
// counts as not set, so that a container file can pass one through.
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
			return &Error{Key: name, Problem: "there is no such environment variable" + instead(variables())}
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

// ofSection reports whether name is of a section of the configuration; other
// variables that begin with FLASHWARDEN_ are none of its business.
func ofSection(name string) bool {
	rest, ok := strings.CutPrefix(name, envPrefix)
	return ok && slices.ContainsFunc(sections(), func(section string) bool {
		return strings.HasPrefix(rest, strings.ToUpper(section)+"_")
	})
}

// Kubernetes sets these variables in every container, with the name of each
// service in front (Kubernetes documentation, "Service", "Environment
// variables").
var (
	kubernetesName = regexp.MustCompile(`_SERVICE_HOST$|_SERVICE_PORT(_[A-Z0-9_]+)?$|_PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?$`)
	kubernetesURL  = regexp.MustCompile(`^(tcp|udp|sctp)://`)
)

// isKubernetes reports whether Kubernetes made the variable for a service such
// as flashwarden-tftp. A name that ends with _PORT alone also needs the URL that
// Kubernetes writes: FLASHWARDEN_TFTP_PORT=69 is a mistake that the user must see.
func isKubernetes(name, value string) bool {
	return kubernetesName.MatchString(name) || strings.HasSuffix(name, "_PORT") && kubernetesURL.MatchString(value)
}
