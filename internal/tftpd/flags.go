package tftpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/pflag"

	"flashwarden/internal/listen"
	"flashwarden/tftp"
)

// Flags are the flags of in.tftpd, with the same meaning, and some more of
// ours. Some flags are accepted and do nothing: tftpd always runs standalone and
// in the foreground.
type Flags struct {
	ShowVersion bool // only print the version

	address                         string
	ipv4, ipv6                      bool
	secure, create, permissive      bool
	user, umask, ports              string
	pidFile, mapFile                string
	blockSize, inetdTimeout, resend int
	refuse                          []string
	listen, foreground              bool
	verbosity                       int
	readOnly, logJSON               bool
	maxUpload                       int64
	allow                           []string
	windowBytes, bufferBytes        int
	maxTransfers, perSource         int
	metrics                         string
	userGiven                       func() bool
}

// Register defines the flags in fs.
func (f *Flags) Register(fs *pflag.FlagSet) {
	fs.BoolVarP(&f.listen, "listen", "l", false, "accepted for compatibility; tftpd always runs without inetd")
	fs.BoolVarP(&f.foreground, "foreground", "L", false, "accepted for compatibility; tftpd always stays in the foreground")
	fs.StringVarP(&f.address, "address", "a", ":69", "`HOST:PORT` to listen on")
	fs.BoolVarP(&f.ipv4, "ipv4", "4", false, "IPv4 only")
	fs.BoolVarP(&f.ipv6, "ipv6", "6", false, "IPv6 only")
	fs.BoolVarP(&f.secure, "secure", "s", false, "names are relative to DIR (default: a name that begins with the path of DIR works too)")
	fs.BoolVarP(&f.create, "create", "c", false, "uploads may create new files")
	fs.BoolVarP(&f.permissive, "permissive", "p", false, "use only the permissions of the system (default: also serve only files that everybody may read or write)")
	fs.StringVarP(&f.user, "user", "u", "nobody", "`USER` to run as after opening the port, if started as root")
	fs.StringVarP(&f.umask, "umask", "U", "", "octal `UMASK` of new files (default: 0; with --permissive, the umask of this process)")
	fs.StringVarP(&f.ports, "port-range", "R", "", "`A:B`: first and last port for transfers, shared by all clients")
	fs.IntVarP(&f.blockSize, "blocksize", "B", 0, "largest block size in `BYTES`")
	fs.IntVarP(&f.inetdTimeout, "timeout", "t", 0, "`SECONDS`: accepted for compatibility; has no effect")
	fs.IntVarP(&f.resend, "retransmit", "T", 1_000_000, "`MICROSECONDS` until the first retransmission, before a round trip is measured")
	fs.StringArrayVarP(&f.refuse, "refuse", "r", nil, "TFTP `OPTION` to ignore; may be repeated")
	fs.StringVarP(&f.pidFile, "pidfile", "P", "", "`FILE` for the process ID")
	fs.StringVarP(&f.mapFile, "map-file", "m", "", "`FILE` with rules that rewrite file names, as for in.tftpd; SIGHUP reads it again")
	fs.IntVar(&f.verbosity, "verbosity", 0, "log level `N` from 0 to 4; 3 and more log each dropped packet")
	fs.BoolVarP(&f.ShowVersion, "version", "V", false, "print the version")
	fs.BoolVar(&f.readOnly, "read-only", false, "no uploads")
	fs.Int64Var(&f.maxUpload, "max-upload", 0, "largest upload in `BYTES`")
	fs.StringArrayVar(&f.allow, "allow", nil, "`CIDR` of clients to answer; all others get no answer; may be repeated")
	fs.BoolVar(&f.logJSON, "log-json", false, "write log lines as JSON")
	fs.IntVar(&f.windowBytes, "window-bytes", 0, "largest window (RFC 7440) in `BYTES`")
	fs.IntVar(&f.bufferBytes, "buffer-bytes", 0, "memory for the buffers of all transfers in `BYTES` (default: 48 MiB)")
	fs.IntVar(&f.maxTransfers, "max-transfers", 0, "at most `N` transfers at the same time (default: 16384)")
	fs.IntVar(&f.perSource, "per-source", 0, "at most `N` transfers at the same time from one IPv4 address or one IPv6 /64 (default: half of --max-transfers)")
	fs.StringVar(&f.metrics, "metrics", "", "`HOST:PORT` for Prometheus counters, under /metrics")
	f.userGiven = func() bool { return fs.Changed("user") }
}

// Config checks the flags and returns the configuration of a server of dir,
// still without its sockets and its log.
func (f *Flags) Config(dir string) (Config, error) {
	mode, err := f.mode()
	if err != nil {
		return Config{}, err
	}
	ports, err := f.portRange()
	if err != nil {
		return Config{}, err
	}
	allow, err := prefixes(f.allow)
	if err != nil {
		return Config{}, err
	}
	if f.blockSize != 0 && (f.blockSize < 512 || f.blockSize > 65464) {
		return Config{}, fmt.Errorf("--blocksize %d: want 512 to 65464", f.blockSize)
	}
	if f.resend < 1000 || f.maxUpload < 0 || f.windowBytes < 0 {
		return Config{}, errors.New("--retransmit wants at least 1000 microseconds; --max-upload and --window-bytes are not negative")
	}
	if f.bufferBytes < 0 || f.maxTransfers < 0 || f.perSource < 0 {
		return Config{}, errors.New("--buffer-bytes, --max-transfers and --per-source are not negative")
	}
	for i, name := range f.refuse {
		f.refuse[i] = strings.ToLower(name)
		if !slices.Contains([]string{"blksize", "blksize2", "tsize", "timeout", "utimeout", "windowsize", "rollover"}, f.refuse[i]) {
			return Config{}, fmt.Errorf("--refuse %s: no such option of TFTP", name)
		}
	}
	user := f.user
	if !f.userGiven() && os.Geteuid() != 0 {
		user = "" // an ordinary user cannot change to another one
	}
	return Config{
		Dir: dir, Create: f.create, ReadOnly: f.readOnly, Public: !f.permissive, Secure: f.secure, Mode: &mode,
		MaxUpload: f.maxUpload, Allow: allow, Refuse: f.refuse, Ports: ports, MaxBlockSize: f.blockSize,
		WindowBytes: f.windowBytes, BufferBytes: f.bufferBytes, MaxTransfers: f.maxTransfers, PerSource: f.perSource, Timeout: time.Duration(f.resend) * time.Microsecond, User: user,
		MapFile: f.mapFile, PIDFile: f.pidFile,
	}, nil
}

// mode is the permissions of new files.
func (f *Flags) mode() (fs.FileMode, error) {
	mask := 0
	switch {
	case f.umask != "":
		m, err := strconv.ParseUint(f.umask, 8, 9)
		if err != nil {
			return 0, fmt.Errorf("--umask %s: want an octal number to 777", f.umask)
		}
		mask = int(m)
	case f.permissive:
		mask = syscall.Umask(0)
		syscall.Umask(mask)
	}
	return fs.FileMode(0o666 &^ mask), nil
}

// portRange reads --port-range; without it the system chooses the ports.
func (f *Flags) portRange() (tftp.PortRange, error) {
	if f.ports == "" {
		return tftp.PortRange{}, nil
	}
	r, err := tftp.ParsePortRange(f.ports)
	if err != nil {
		return r, fmt.Errorf("--port-range: %w", err)
	}
	return r, nil
}

// prefixes reads networks; a single address is a network of one.
func prefixes(list []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, s := range list {
		p, err := netip.ParsePrefix(s)
		if a, addrErr := netip.ParseAddr(s); addrErr == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			return nil, fmt.Errorf("--allow %s: want a network, for example 192.0.2.0/24", s)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Listen opens the sockets of c, before the server gives up its rights.
func (f *Flags) Listen(c *Config) error {
	address := f.address
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.Trim(address, "[]")
		address = net.JoinHostPort(host, "69") // in.tftpd takes a host alone
	}
	if c.Conn, err = listen.TFTP(f.network(host), address); err != nil {
		return err
	}
	if f.metrics == "" {
		return nil
	}
	if c.Metrics, err = net.Listen("tcp", f.metrics); err != nil {
		return errors.Join(fmt.Errorf("--metrics: %w", err), c.Conn.Close())
	}
	return nil
}

// network returns the network of package net for a host to listen on. The address
// 0.0.0.0 is IPv4 only, as for in.tftpd; package net alone would add IPv6.
func (f *Flags) network(host string) string {
	a, err := netip.ParseAddr(host)
	switch {
	case f.ipv6 && !f.ipv4:
		return "udp6"
	case f.ipv4 && !f.ipv6, err == nil && a.Is4():
		return "udp4"
	}
	return "udp"
}

// Logger returns the log that the flags ask for. It has a line for each
// transfer; with verbose also one for each dropped packet, with quiet only
// warnings.
func (f *Flags) Logger(w io.Writer, verbose, quiet bool) *slog.Logger {
	level := slog.LevelInfo
	if verbose || f.verbosity >= 3 {
		level = slog.LevelDebug
	}
	if quiet {
		level = slog.LevelWarn
	}
	o := &slog.HandlerOptions{Level: level}
	if f.logJSON {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}
