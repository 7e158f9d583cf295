package ios

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

// Fetch is an image that a TFTP server holds ready, for a person who types the
// lines that bring it onto a device.
type Fetch struct {
	Server netip.Addr
	Name   string       // on the server
	Device netip.Prefix // the device's address, with the mask of its network; a full-length mask: not known
	MD5    string       // for verify /md5; may be empty
}

// Way is one place at which the lines can be typed.
type Way struct {
	Where string // what the prompt there is
	Lines []string
	Note  string // what to know before; may be empty
}

// Platform is what decides which loader a device has.
type Platform int

// The platforms.
const (
	UnknownPlatform Platform = iota
	Router                   // ROMMON with tftpdnld
	Switch                   // a Catalyst with the loader switch:
	XESwitch                 // a Catalyst with IOS-XE, in install mode or not
)

var (
	xeSwitches = regexp.MustCompile(`^(?:cat3k|cat9k|cat9k_lite|cat3k_caa)`)
	switches   = regexp.MustCompile(`^(?:c2900xl|c29[1-7]\d|c3500xl|c35[5-7]\d|c37[05]\d|c1000|cbs3|cgs|ie[s\d]|me3\d|c2020)`)
	routers    = regexp.MustCompile(`^(?:c[18]\d\d|c1[0-9]\d\d|c2[5-8]\d\d|c29(?:00|51)$|c3[6-9]\d\d|c7[25]00|isr|asr|csr|c8000|ubr)`)
)

// PlatformOf tells the platform from an image's name, or from the family that
// the image itself says (CW_FAMILY: C3750).
func PlatformOf(name string) Platform {
	image, ok := ParseImageName(name)
	platform := strings.ToLower(name)
	if ok {
		platform = image.Platform
	}
	switch {
	case xeSwitches.MatchString(platform):
		return XESwitch
	case switches.MatchString(platform):
		return Switch
	case routers.MatchString(platform):
		return Router
	}
	return UnknownPlatform
}

// Ways are the places at which a device of this platform can be told to fetch
// the image, the one that harms least first. The lines of loaders are Cisco's
// own (tech note 12714 for tftpdnld); flash is never erased by one of them
// without a note that says so.
func (f Fetch) Ways(p Platform) []Way {
	ways := []Way{f.running(p)}
	if p == Router || p == UnknownPlatform {
		ways = append(ways, f.rommon())
	}
	if p == Switch || p == UnknownPlatform {
		ways = append(ways, f.switchLoader())
	}
	return ways
}

// running is a device that runs IOS.
func (f Fetch) running(p Platform) Way {
	file := "flash:" + f.file()
	lines := []string{"copy " + f.url() + " " + file, "verify /md5 " + file}
	if f.MD5 != "" {
		lines[1] += " " + f.MD5
	}
	note := "answer no to any question about erasing or overwriting; without verify /md5 compare the size with `dir`"
	if p == XESwitch {
		lines = append(lines, "install add file "+file)
		note += "; the last line is for install mode alone: `install activate` restarts the device, `install commit` keeps it so"
	}
	return Way{Where: "a running device (name#)", Lines: lines, Note: note}
}

// rommon is a router without a system image.
func (f Fetch) rommon() Way {
	return Way{
		Where: "ROMMON of a router (rommon 1 >)",
		Lines: []string{
			"IP_ADDRESS=" + f.Device.Addr().String(),
			"IP_SUBNET_MASK=" + f.mask("MASK"),
			"DEFAULT_GATEWAY=" + f.gateway(),
			"TFTP_SERVER=" + f.Server.String(),
			"TFTP_FILE=" + f.Name,
			"tftpdnld -r",
		},
		Note: "the cable is in the first LAN port; the variables are in upper case; -r loads into RAM and leaves flash as it is, without -r tftpdnld ERASES flash before it writes" + f.fillIn(),
	}
}

// switchLoader is a Catalyst without a system image.
func (f Fetch) switchLoader() Way {
	return Way{
		Where: "loader of a Catalyst (switch:)",
		Lines: []string{
			"set IP_ADDR " + f.Device.Addr().String() + "/" + f.mask("MASK"),
			"set DEFAULT_ROUTER " + f.gateway(),
			"flash_init",
			"ether_init",
			"tftp_init",
			"copy " + f.url() + " flash:" + f.file(),
			"boot flash:" + f.file(),
		},
		Note: "loaders that know no ether_init or tftp_init load no file over TFTP: they take XMODEM, `copy xmodem: flash:" + f.file() + "`" + f.fillIn(),
	}
}

func (f Fetch) url() string {
	return Copy{Server: f.Server.String(), Name: f.Name}.url()
}

// file is the name on the device, without directories of the server.
func (f Fetch) file() string { return f.Name[strings.LastIndex(f.Name, "/")+1:] }

// local reports whether the device is on a network of the server.
func (f Fetch) local() bool { return !f.Device.IsSingleIP() && f.Device.Addr().Is4() }

func (f Fetch) mask(unknown string) string {
	if !f.local() {
		return unknown
	}
	return net.IP(net.CIDRMask(f.Device.Bits(), 32)).String()
}

// gateway is the router to the server; on the same network ROMMON takes the
// server itself, but never the device's own address.
func (f Fetch) gateway() string {
	if f.local() {
		return f.Server.String()
	}
	return "GATEWAY"
}

func (f Fetch) fillIn() string {
	if f.local() {
		return ""
	}
	return fmt.Sprintf("; put in the MASK of the network of %s and the GATEWAY from there to %s", f.Device.Addr(), f.Server)
}
