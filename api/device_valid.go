package api

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"flashwarden/internal/lazyregexp"
)

var (
	validName = lazyregexp.New(`^[A-Za-z0-9._][A-Za-z0-9._-]{0,63}$`)
	validHost = lazyregexp.New(`^[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}[A-Za-z0-9_])?)*\.?$`)
	validVRF  = lazyregexp.New(`^[!-~]{1,64}$`)
	validZone = lazyregexp.New(`^[A-Za-z0-9._-]+$`)
	numeric   = lazyregexp.New(`^[0-9.]+$`)
)

// maxText is the greatest length, in characters, of a free text.
const maxText = 128

// Validate returns an ErrInvalidDevice that names the field and the reason, or
// nil.
func (d Device) Validate() error {
	for _, problem := range []string{
		d.nameProblem(), d.addressProblem(), d.transportProblem(), d.usernameProblem(), d.credentialProblem(), d.sourceProblem(),
		textProblem("site", d.Site), textProblem("group", d.Group), d.tftpProblem(), d.vrfProblem(), d.copyProblem(), d.filesProblem(), d.viaProblem(),
	} {
		if problem != "" {
			return fmt.Errorf("%w %q: %s", ErrInvalidDevice, d.Name, problem)
		}
	}
	return nil
}

// HostPort returns the address with the port to dial: its own, else that of
// the transport (22 or 23).
func (d Device) HostPort() (string, error) {
	host, port, err := splitAddress(d.Address)
	if err != nil {
		return "", fmt.Errorf("%w %q: %w", ErrInvalidDevice, d.Name, err)
	}
	if port == "" {
		port = "22"
		if d.Transport == Telnet {
			port = "23"
		}
	}
	return net.JoinHostPort(host, port), nil
}

// SharesAddress reports whether d and another device are logged in to at the
// same address: then one of the two addresses is probably wrong.
func (d Device) SharesAddress(other Device) bool {
	a, errA := d.HostPort()
	b, errB := other.HostPort()
	return errA == nil && errB == nil && strings.EqualFold(a, b) && d.Via == other.Via && d.Name != other.Name
}

func (d Device) nameProblem() string {
	if !isName(d.Name) {
		return nameRule
	}
	return ""
}

// nameRule says what isName wants.
const nameRule = "a name is 1 to 64 letters, digits, dots, underscores and dashes, and does not begin with a dot or a dash"

func isName(name string) bool { return validName.MatchString(name) && !strings.HasPrefix(name, ".") }

// maxSource is the longest path or URL of a list, in bytes.
const maxSource = 1000

func (d Device) sourceProblem() string {
	if !isGraphic(d.Source) || len(d.Source) > maxSource {
		return fmt.Sprintf("source: the path or URL of a list has no control characters, and at most %d bytes", maxSource)
	}
	return ""
}

func (d Device) credentialProblem() string {
	if d.Credential != "" && !isName(d.Credential) {
		return fmt.Sprintf("credential %q: %s", d.Credential, nameRule)
	}
	return ""
}

func (d Device) addressProblem() string {
	if _, _, err := splitAddress(d.Address); err != nil {
		return err.Error()
	}
	return ""
}

func (d Device) transportProblem() string {
	if d.Transport != SSH && d.Transport != Telnet {
		return fmt.Sprintf("transport %q is neither ssh nor telnet", d.Transport)
	}
	return ""
}

// CheckUsername returns an ErrInvalidDevice if the device lacks a user name. credential is the name
// of the credential that the device uses, its own or another one; it may have the user name.
func (d Device) CheckUsername(credential string) error {
	if d.Username == "" && d.Transport == SSH && credential == "" {
		return fmt.Errorf("%w %q: SSH needs a username", ErrInvalidDevice, d.Name)
	}
	return nil
}

func (d Device) usernameProblem() string {
	return textProblem("username", d.Username)
}

func (d Device) tftpProblem() string {
	if d.TFTPAddress == "" {
		return ""
	}
	addr, err := netip.ParseAddr(d.TFTPAddress)
	if err != nil || addr.IsUnspecified() || addr.IsMulticast() || addr.Zone() != "" {
		return fmt.Sprintf("tftp_address %q is not the IP address of this server that the device is to use", d.TFTPAddress)
	}
	return ""
}

func (d Device) copyProblem() string {
	switch {
	case !slices.Contains([]string{"", CopyAuto, CopyTFTP, CopySCPPull, CopySCP, CopyHTTPS}, d.CopyBy):
		return fmt.Sprintf("copy_by %q is none of auto, tftp, scp-pull, scp, https", d.CopyBy)
	case d.CopyBy == CopySCPPull && d.Transport == Telnet:
		return "copy_by scp-pull needs the transport ssh"
	}
	return ""
}

func (d Device) vrfProblem() string {
	if d.VRF != "" && (!validVRF.MatchString(d.VRF) || strings.ContainsAny(d.VRF, `?|"`)) {
		return fmt.Sprintf("vrf %q cannot be typed on a device: it is 1 to 64 printable ASCII characters without blank, ?, | and quote", d.VRF)
	}
	return ""
}

// Jump returns the user name and the address (HOST[:PORT]) of the jump host;
// both are empty if there is none.
func (d Device) Jump() (user, address string) {
	at := strings.LastIndexByte(d.Via, '@') // user names may hold one
	if at < 0 {
		return "", d.Via
	}
	return d.Via[:at], d.Via[at+1:]
}

func (d Device) viaProblem() string {
	if d.Via == "" {
		return ""
	}
	user, address := d.Jump()
	if user == "" {
		return fmt.Sprintf("via %q is not USER@HOST[:PORT]", d.Via)
	}
	if _, _, err := splitAddress(address); err != nil {
		return "via: " + err.Error()
	}
	if host, _, err := splitAddress(d.Address); err == nil {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Sprintf("behind a jump host its address must be an IP address, because flashwarden recognises its TFTP requests by this address; %q is a name", host)
		}
	}
	return textProblem("via", d.Via)
}

func (d Device) filesProblem() string {
	switch d.Files {
	case "", "image", "rebuild", "all":
		return ""
	}
	return fmt.Sprintf("files %q is none of image, rebuild and all", d.Files)
}

// isGraphic reports whether a text is UTF-8 without control characters.
func isGraphic(value string) bool {
	return utf8.ValidString(value) && !strings.ContainsFunc(value, func(r rune) bool { return !unicode.IsGraphic(r) })
}

// textProblem looks at a text that is shown to people and may be empty.
func textProblem(field, value string) string {
	switch {
	case !isGraphic(value):
		return fmt.Sprintf("%s %q has characters that cannot be shown", field, value)
	case value != strings.TrimSpace(value):
		return fmt.Sprintf("%s %q begins or ends with a blank", field, value)
	case utf8.RuneCountInString(value) > maxText:
		return fmt.Sprintf("%s %q is longer than %d characters", field, value, maxText)
	}
	return ""
}

// splitAddress splits HOST[:PORT]; port is empty if there is none.
func splitAddress(address string) (host, port string, err error) {
	host, port, problem := cutPort(address)
	if problem == "" && !isHost(host) {
		problem = "is neither a host name nor an IP address"
	}
	if problem != "" {
		return "", "", fmt.Errorf("address %q %s; write HOST, HOST:PORT, an IP address, or [IPV6]:PORT", address, problem)
	}
	return host, port, nil
}

// cutPort is splitAddress without a look at the host.
func cutPort(address string) (host, port, problem string) {
	inner, bracket := strings.CutPrefix(address, "[")
	colon := false
	switch {
	case bracket:
		var closed bool
		host, port, closed = strings.Cut(inner, "]")
		if !closed || !strings.Contains(host, ":") || port != "" && port[0] != ':' {
			return "", "", "has no IPv6 address in its brackets"
		}
		port, colon = strings.CutPrefix(port, ":")
	case strings.Count(address, ":") > 1: // IPv6 without a port
		host = address
	default:
		host, port, colon = strings.Cut(address, ":")
	}
	if n, err := strconv.ParseUint(port, 10, 16); colon && (err != nil || n == 0) {
		return "", "", "has no port from 1 to 65535"
	}
	return host, port, ""
}

func isHost(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.Zone() == "" || validZone.MatchString(addr.Zone())
	}
	return len(host) <= 253 && validHost.MatchString(host) && !numeric.MatchString(host)
}
