package ios

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// Fetch is an image on a TFTP server. It gives a person the lines to type on a
// device that should fetch it.
type Fetch struct {
	Server netip.Addr
	Name   string       // file name on the server
	Device netip.Prefix // the device's address, with the mask of its network; a full-length mask means that the network is unknown
	MD5    string       // for verify /md5; may be empty
}

// Way is one prompt at which a person can type the lines.
type Way struct {
	Where string // the prompt
	Lines []string
	Note  string // advice before the first line; may be empty
}

// Platform decides which boot loader a device has.
type Platform int

// The platforms.
const (
	UnknownPlatform Platform = iota
	Router                   // ROMMON with tftpdnld
	XERouter                 // ISR 4000, ASR 1000, Catalyst 8000: ROMMON with boot tftp:
	Switch                   // a Catalyst with the loader prompt switch:
	XESwitch                 // a Catalyst with IOS-XE, in bundle or install mode
)

var (
	xeSwitches = lazyregexp.New(`^(?:cat3k|cat9k|cat9k_lite|cat3k_caa)`)
	switches   = lazyregexp.New(`^(?:c2900xl|c29[1-7]\d|c3500xl|c35[5-7]\d|c37[05]\d|c1000|cbs3|cgs|ie(?:s|\d{4})|me3\d|c2020)`)
	xeRouters  = lazyregexp.New(`^(?:isr[14]\d{3}|asr1\d{3}|csr1000|c8\d{3}|c1100$)`)
	routers    = lazyregexp.New(`^(?:c[18]\d\d|c1[0-9]\d\d|c2[5-8]\d\d|c29(?:00|51)$|c3[6-9]\d\d|c7[25]00|isr|asr|csr|c8000|ubr)`)
)

// PlatformOf returns the platform for an image name, or for the family that the
// image names itself (CW_FAMILY: C3750).
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
	case xeRouters.MatchString(platform):
		return XERouter
	case routers.MatchString(platform):
		return Router
	}
	return UnknownPlatform
}

// Ways returns the ways to fetch the image on a device of this platform, the
// least harmful one first. The lines for boot loaders come from Cisco (tech
// note 12714 for tftpdnld). A way that could erase flash has a note about it.
func (f Fetch) Ways(p Platform) []Way {
	ways := []Way{f.running(p)}
	if p == Router || p == UnknownPlatform {
		ways = append(ways, f.rommon())
	}
	if p == XERouter || p == UnknownPlatform {
		ways = append(ways, f.xeROMMON())
	}
	if p == Switch || p == UnknownPlatform {
		ways = append(ways, f.switchLoader())
	}
	if p == XESwitch || p == UnknownPlatform {
		ways = append(ways, f.xeLoader(), f.emergencyInstall())
	}
	return ways
}

// running returns the lines for a device that runs IOS.
func (f Fetch) running(p Platform) Way {
	file := "flash:" + f.file()
	lines := []string{"copy " + f.url() + " " + file, "verify /md5 " + file}
	if f.MD5 != "" {
		lines[1] += " " + f.MD5
	}
	note := "answer no to any question about erasing or overwriting; if verify /md5 is unknown, compare the size with `dir`"
	if p == XESwitch {
		lines = append(lines, "install add file "+file)
		note += "; the last line is for install mode only; after it, `install activate` restarts the device and `install commit` keeps the new software"
	}
	return Way{Where: "a running device (name#)", Lines: lines, Note: note}
}

// variables returns the lines that set the variables of ROMMON.
func (f Fetch) variables() []string {
	return []string{
		"IP_ADDRESS=" + f.Device.Addr().String(),
		"IP_SUBNET_MASK=" + f.mask("MASK"),
		"DEFAULT_GATEWAY=" + f.gateway(),
		"TFTP_SERVER=" + f.Server.String(),
		"TFTP_FILE=" + f.Name,
	}
}

// xeROMMON returns the lines for a router with IOS-XE and without a system
// image (Cisco, "ISR 4000 Software Configuration Guide", ROM Monitor).
func (f Fetch) xeROMMON() Way {
	return Way{
		Where: "ROMMON of an ISR 4000, ASR 1000 or Catalyst 8000 (rommon 1 >)",
		Lines: append(f.variables(), "boot tftp:"),
		Note: "connect the management port (GigabitEthernet0); type the variables in upper case; the image is started from the network, and flash stays as it is: " +
			"copy the image to flash afterwards, as on a running device; `set` shows the variables that this ROMMON knows" + f.fillIn(),
	}
}

// loaderAddress returns the lines that give the loader of a Catalyst an address.
func (f Fetch) loaderAddress() []string {
	return []string{"set IP_ADDR " + f.Device.Addr().String() + "/" + f.mask("MASK"), "set DEFAULT_ROUTER " + f.gateway(), "ping " + f.Server.String()}
}

// xeLoader returns the lines for a Catalyst 3650, 3850 or 9000 without a system
// image (Cisco, "Boot a Catalyst 9000 Switch from ROMMON").
func (f Fetch) xeLoader() Way {
	return Way{
		Where: "loader of a Catalyst 3650, 3850 or 9000 (switch:)",
		Lines: append(f.loaderAddress(), "boot "+f.url()),
		Note: "connect the management port; the image is started from the network, and flash stays as it is: copy the image to flash afterwards, as on a running " +
			"device" + f.fillIn(),
	}
}

// emergencyInstall returns the lines for a Catalyst whose flash is damaged.
func (f Fetch) emergencyInstall() Way {
	return Way{
		Where: "loader of a Catalyst 3650, 3850 or 9000 (switch:), last resort: ERASES flash",
		Lines: append(f.loaderAddress(), "emergency-install "+f.url()),
		Note: "emergency-install ERASES the whole flash, with configuration files and licences, before it installs the image; try boot first; type it only if flash " +
			"is damaged" + f.fillIn(),
	}
}

// rommon returns the lines for a router without a system image.
func (f Fetch) rommon() Way {
	return Way{
		Where: "ROMMON of a router (rommon 1 >)",
		Lines: append(f.variables(), "tftpdnld -r"),
		Note:  "connect the first LAN port; type the variables in upper case; with -r the image loads into RAM and flash stays as it is, without -r tftpdnld ERASES flash before it writes" + f.fillIn(),
	}
}

// switchLoader returns the lines for a Catalyst without a system image.
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
		Note: "a loader without ether_init or tftp_init cannot use TFTP; use XMODEM instead: `copy xmodem: flash:" + f.file() + "`" + f.fillIn(),
	}
}

func (f Fetch) url() string {
	return Copy{Server: f.Server.String(), Name: f.Name}.url()
}

// file returns the name on the device, without the directories of the server.
func (f Fetch) file() string { return f.Name[strings.LastIndex(f.Name, "/")+1:] }

// local reports whether the device is on a network of the server.
func (f Fetch) local() bool { return !f.Device.IsSingleIP() && f.Device.Addr().Is4() }

func (f Fetch) mask(unknown string) string {
	if !f.local() {
		return unknown
	}
	return net.IP(net.CIDRMask(f.Device.Bits(), 32)).String()
}

// gateway returns the next router on the way to the server. On the same network
// ROMMON accepts the server itself, but never the device's own address.
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
	return fmt.Sprintf("; replace MASK with the network mask of %s, and GATEWAY with its router towards %s", f.Device.Addr(), f.Server)
}
