package iossim

import (
	"net/netip"
	"strconv"
	"strings"
)

// loopback is the interface with the terminal's address on a switch whose TFTP
// client uses another address.
const loopback = "Loopback0"

// tftpConfig is the configuration of the TFTP client (Configuration
// Fundamentals Command Reference, "ip tftp").
type tftpConfig struct {
	source    string // interface to send from; empty: the interface nearest to the server
	blockSize int    // bytes; 0: the value of the profile
	insecure  bool   // "system mode insecure", where TFTP needs it
}

// tftpCommands lists the TFTP commands of global configuration mode.
func tftpCommands() []command {
	change := func(f func(c *tftpConfig, value string)) func(*session, []string) {
		return func(s *session, a []string) {
			s.sw.mu.Lock()
			defer s.sw.mu.Unlock()
			s.sw.boot.unsaved = true
			f(&s.sw.tftp, strings.Join(a, ""))
		}
	}
	source := change(func(c *tftpConfig, name string) { c.source = name })
	size := change(func(c *tftpConfig, bytes string) { c.blockSize, _ = strconv.Atoi(bytes) }) // the parser took it as a number
	mode := func(insecure bool) func(*session, []string) {
		return change(func(c *tftpConfig, _ string) { c.insecure = insecure })
	}
	return []command{
		{"system mode insecure", true, secureMode, mode(true)},
		{"no system mode insecure", true, secureMode, mode(false)},
		{"ip tftp source-interface Interface", true, always, source},
		{"no ip tftp source-interface", true, always, source},
		{"ip tftp blocksize <512-8192>", true, tftpBlocksize, size},
		{"no ip tftp blocksize", true, tftpBlocksize, size},
	}
}

// restrictsTFTP reports whether the software refuses a copy over TFTP.
func (s *Switch) restrictsTFTP() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.profile.can(secureMode) && !s.tftp.insecure
}

// address returns the address of the uplink, which is the TFTP client's
// default.
func (s *Switch) address() netip.Addr {
	if s.o.Source.IsValid() {
		return s.o.Source
	}
	return s.terminalAddress()
}

func (s *Switch) terminalAddress() netip.Addr {
	if a, err := netip.ParseAddrPort(s.o.Listen); err == nil && !a.Addr().IsUnspecified() {
		return a.Addr()
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// loopbackAddress returns "" on a switch with one address.
func (s *Switch) loopbackAddress() string {
	if s.address() == s.terminalAddress() {
		return ""
	}
	return s.terminalAddress().String()
}

// tftpSource returns the source address of the next transfer.
func (s *Switch) tftpSource() netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if strings.EqualFold(s.tftp.source, loopback) {
		return s.terminalAddress()
	}
	return s.address()
}

// blockSize returns the block size that the next transfer requests, in bytes;
// 0: no option.
func (s *Switch) blockSize() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.tftp.blockSize > 0 {
		return s.tftp.blockSize
	}
	return s.profile.BlockSize
}

// configured returns a running-config with the later settings: the TFTP client,
// and an access list on the uplink.
func (s *Switch) configured(text string) string {
	if s.o.AccessGroup != "" {
		head := "interface " + s.profile.Uplink + "\n"
		text = strings.Replace(text, head, head+" ip access-group "+s.o.AccessGroup+"\n", 1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := ""
	if s.boot.ignores {
		lines += "system ignore startupconfig switch all\n"
	}
	if s.o.FilePrompt != "" {
		lines += "file prompt " + s.o.FilePrompt + "\n"
	}
	if s.tftp.insecure {
		lines += "system mode insecure\n"
	}
	if s.scp {
		lines += "ip scp server enable\n"
	}
	if s.tftp.source != "" {
		lines += "ip tftp source-interface " + s.tftp.source + "\n"
	}
	if s.tftp.blockSize > 0 {
		lines += "ip tftp blocksize " + strconv.Itoa(s.tftp.blockSize) + "\n"
	}
	if i := strings.LastIndex(text, "end\n"); i >= 0 {
		text = text[:i] + lines + text[i:]
	}
	return text
}
