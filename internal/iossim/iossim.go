// Package iossim simulates Cisco switches on the loopback interface: a terminal
// over SSH or Telnet that answers as IOS and IOS-XE do, a flash with files, and
// a TFTP client, an HTTPS client, an SCP client and an SCP server that really transfer them. The demonstration and the tests of
// the whole program run against it. A person can log in with OpenSSH's ssh or
// Debian's telnet and look around.
//
// A profile is one model with its software: its texts, the files in its flash,
// its commands and the wording of its questions. [Faults] makes a switch
// misbehave as real ones do.
//
// All files in flash are invented, and the same in every run: their bytes are
// computed from the profile and the path.
package iossim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options configures a switch. Zero fields have the defaults named.
type Options struct {
	Hostname       string            // default: the profile's
	Username       string            // login name; empty: a Telnet line asks only for the password, SSH uses "admin"
	Password       string            // login password; empty: a Telnet line refuses every login, SSH uses "cisco"
	EnablePassword string            // password of enable; empty: every login is privileged
	Privilege      int               // privilege level of the account, 2 to 15; 0: by EnablePassword; under 15 it may do all, and sees a part of the configuration
	Menu           string            // shown after the login in place of a prompt; an answer ends the session; after the command menu of IOS, written by hand
	Token          string            // question after the password, as of a token server; an answer ends the session; written by hand
	ConfigDelay    time.Duration     // silence before show running-config, as on a large 6500
	AuthorizedKey  string            // public key of Username over SSH, as a line of authorized_keys; empty: public keys are not offered
	Listen         string            // TCP address of the terminal; default "127.0.0.1:0"
	Inside         func(func())      // calls a function that opens a socket, on the host of the switch; nil: on this host
	TFTPPort       uint16            // UDP port in place of 69, which real devices always use; default 69
	Source         netip.Addr        // address of its uplink, from which its TFTP client sends; default: the address of the listener
	ExecTimeout    time.Duration     // a line without typing for this time is hung up, even during a command; 0: never
	Denied         []string          // prefixes of commands that the account may not use
	Permitted      []*regexp.Regexp  // the only command lines that the account may use; nil: all
	Pace           int               // bytes per second of its transfers, in either direction; 0: no limit
	DigestPace     int               // bytes per second of verify, which prints dots meanwhile; 0: no limit
	Timeout        time.Duration     // time that its TFTP client waits for an answer; default 38 s, as IOS does
	HostKeyBits    int               // modulus of the SSH host key; default: the profile's (1024 or 2048); 512 and 768 too
	HostKeySeed    string            // another seed is another host key; default: the host name
	Banner         string            // printed before the login, and by SSH after it; may contain anything, # and "Password:" too
	Decoration     string            // added to the host name in the prompt: -stby, (recovery-mode), as in Unicon's patterns
	PromptClock    string            // layout of package time, "[15:04:05] ": a clock before the host name in the prompt, one second later each time; written by hand
	TimeSource     string            // "exec prompt timestamp": each output begins with load and time; "NTP", or "none" for an unset clock
	VRF            string            // VRF of the TFTP servers; a copy without this name reaches none
	AccessGroup    string            // "NAME in" or "NAME out" on the uplink, in the running-config only; it drops nothing
	FlashSize      int64             // size of flash: in bytes; 0: the size in the profile
	LargestImage   int64             // larger images and packages get this size in bytes, at least 32 KiB; 0: the sizes in the profile
	Register       uint16            // the config-register at the last start; 0: the profile's
	RegisterNext   uint16            // the config-register for the next start; 0: Register
	RegisterUnit   int               // the unit with these registers, 1 the one that answers; 0: every unit. A switch whose show boot has no register of its other units has one for all
	SCPServer      bool              // "ip scp server enable", on a switch with SSH
	HTTPS          HTTPSClient       // its HTTPS client
	SCPClient      SCPClient         // its SCP client
	SCPPort        uint16            // TCP port in place of 22, which the SCP client of a real device always uses; default 22
	InsecureMode   bool              // "system mode insecure", on a switch that refuses TFTP without it
	IgnoreStartup  bool              // "system ignore startupconfig", on a switch whose loader has variables in place of the config-register
	ManualBoot     int               // the unit with Manual Boot on, 1 the one that answers; 0: none. A device with show bootvar has no such setting
	Boots          []string          // BOOT, in order; nil: the profile's
	OtherBoots     []string          // BOOT of the other units, as after a change that did not reach them; nil: as in the profile
	ReadOnly       string            // a file system that cannot be written, as the flash of a router that runs from it; empty: as in the profile
	FilePrompt     string            // "quiet" or "noisy": a line "file prompt" of the running-config; quiet asks nothing at all
	Texts          map[string]string // replace texts of the profile: "show_version"
	Faults         Faults            // everything that goes wrong; default: nothing
	Log            *slog.Logger      // nil: discard
}

// iosTimeout is the time for which IOS-XE 16.6 repeats a packet before it
// prints "(Timed out)", measured on a Catalyst 3850.
const iosTimeout = 38 * time.Second

// Switch is one simulated switch. Any goroutine may call its methods.
type Switch struct {
	o       Options
	profile *profile
	flash   *flash
	hostKey *hostKey      // nil on a switch without SSH
	userKey ssh.PublicKey // nil without a user key
	log     *slog.Logger
	started time.Time

	listener net.Listener
	ctx      context.Context // ends when the switch is closed
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]bool
	closed   bool
	sessions int // terminal lines in use
	peak     int // the most there were at once
	journal  []string
	moved    []Transfer
	faults   Faults // the remaining faults
	renamed  string // in the prompt, in place of the host name
	prompts  int    // printed so far with a clock
	source   string // source file name of the last copy; IOS proposes it again
	boot     boot
	tftp     tftpConfig
	scp      bool // ip scp server enable
}

// Profiles returns the names of all profiles.
func Profiles() []string {
	var names []string
	for _, p := range profileSummaries() {
		names = append(names, p.name)
	}
	return names
}

// Summary describes a profile in a few words. It is empty if there is no such
// profile.
func Summary(profile string) string {
	for _, p := range profileSummaries() {
		if p.name == profile {
			return p.summary
		}
	}
	return ""
}

// New makes a switch of a profile. Call Start to make it listen.
func New(profile string, o Options) (*Switch, error) {
	p, err := findProfile(profile)
	if err != nil {
		return nil, err
	}
	setDefaults(&o, p)
	p = p.limited(o.LargestImage)
	s := &Switch{o: o, profile: p, log: o.Log, faults: o.Faults, conns: map[net.Conn]bool{}}
	s.boot = newBoot(p, o)
	s.scp = o.SCPServer && p.Transport == transportSSH
	s.tftp.insecure = o.InsecureMode && p.can(secureMode)
	if s.flash, err = newFlash(p, s.fill()); err != nil {
		return nil, fmt.Errorf("fill the flash of %s: %w", profile, err)
	}
	s.flash.resize(o.FlashSize)
	s.flash.protect(o.ReadOnly)
	if o.Faults.DamagedImages {
		s.flash.damageImages()
	}
	if p.Transport == transportSSH {
		if s.hostKey, err = newHostKey(o.HostKeySeed, o.HostKeyBits, p.HostKeyAlgorithms); err != nil {
			return nil, err
		}
	}
	if o.AuthorizedKey != "" {
		if s.userKey, _, _, _, err = ssh.ParseAuthorizedKey([]byte(o.AuthorizedKey)); err != nil {
			return nil, fmt.Errorf("read the authorized key of %s: %w", profile, err)
		}
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s, nil
}

func setDefaults(o *Options, p *profile) {
	setDefault(&o.Hostname, p.Hostname)
	setDefault(&o.Listen, "127.0.0.1:0")
	setDefault(&o.TFTPPort, 69)
	setDefault(&o.SCPPort, scpPort)
	setDefault(&o.Timeout, iosTimeout)
	setDefault(&o.HostKeyBits, p.HostKeyBits)
	setDefault(&o.HostKeySeed, p.name+" "+o.Hostname)
	if p.Transport == transportSSH {
		setDefault(&o.Username, "admin")
		setDefault(&o.Password, "cisco")
	}
	if o.Inside == nil {
		o.Inside = func(open func()) { open() }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// restartWithin is how long a switch that starts again waits for its address: a program that
// this process starts at the same moment holds the old socket until it runs.
const restartWithin = 5 * time.Second

// listen opens a TCP socket.
func listen(address string) (l net.Listener, err error) {
	for end := time.Now().Add(restartWithin); ; time.Sleep(10 * time.Millisecond) {
		l, err = net.Listen("tcp", address)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			return l, err
		}
	}
}

var errStarted = errors.New("start simulated switch: it was started or closed already")

// Start begins to listen. It works once.
func (s *Switch) Start() error {
	s.mu.Lock()
	used := s.closed || s.listener != nil
	s.mu.Unlock()
	if used {
		return errStarted
	}
	var l net.Listener
	var err error
	s.o.Inside(func() { l, err = listen(s.o.Listen) })
	if err != nil {
		return fmt.Errorf("start simulated %s: %w", s.profile.name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.listener != nil {
		return errors.Join(errStarted, l.Close())
	}
	s.listener, s.started = l, time.Now()
	s.wg.Go(func() { s.accept(l) })
	return nil
}

// accept serves each connection until the listener is closed.
func (s *Switch) accept(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return // Close closed it; nothing else ends a loopback listener
		}
		if !s.track(c) {
			c.Close()
			return
		}
		s.wg.Go(func() {
			defer s.forget(c)
			s.serve(c)
		})
	}
}

func (s *Switch) serve(c net.Conn) {
	var err error
	if s.profile.Transport == transportSSH {
		err = s.serveSSH(c)
	} else {
		err = s.serveTelnet(c)
	}
	if err != nil {
		s.log.Debug("terminal line ended", "device", s.o.Hostname, "remote", c.RemoteAddr().String(), "err", err)
	}
}

func (s *Switch) track(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.boot.loader {
		c.Close()
	}
	s.conns[c] = true
	s.sessions++
	s.peak = max(s.peak, s.sessions)
	return true
}

// forget hangs up. It may be called more than once for a connection.
func (s *Switch) forget(c net.Conn) {
	c.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns[c] {
		delete(s.conns, c)
		s.sessions--
	}
}

// Addr returns the TCP address of the terminal; invalid before Start.
func (s *Switch) Addr() netip.AddrPort {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return netip.AddrPort{}
	}
	a := s.listener.Addr().(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// Transport returns "ssh" or "telnet".
func (s *Switch) Transport() string { return s.profile.Transport }

// LegacyCrypto reports whether its SSH has only the broken algorithms of old
// IOS.
func (s *Switch) LegacyCrypto() bool {
	p := s.profile
	return p.Transport == transportSSH && !slices.ContainsFunc(p.KeyExchanges, func(name string) bool { return !strings.HasSuffix(name, "-sha1") })
}

// Hostname returns the name in the prompt.
func (s *Switch) Hostname() string { return s.o.Hostname }

// PeakSessions returns the largest number of terminal lines in use at once.
func (s *Switch) PeakSessions() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.peak
}

// Close hangs up all lines, ends all transfers and waits for all goroutines of
// the switch. It may be called more than once.
func (s *Switch) Close() error {
	s.mu.Lock()
	var err error
	if !s.closed && s.listener != nil {
		err = s.listener.Close()
	}
	s.closed = true
	for c := range s.conns {
		c.Close()
	}
	s.mu.Unlock()
	s.cancel()
	s.wg.Wait()
	return err
}
