package ios

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// Version is the content of show version. Every string is verbatim; a string
// that the device did not print is empty.
type Version struct {
	OS                 string   // "ios" or "iosxe"
	Version            string   // of IOS, or of the IOS daemon: 15.0(2)SE8, 17.9.4a
	XEVersion          string   // of IOS-XE, if it has a line of its own: 17.09.04a
	Hostname           string   // as in "X uptime is"
	Uptime             string   // "1 week, 1 day, 29 minutes"
	ImageFile          string   // "flash:packages.conf"; "tftp://192.0.2.9/x" of an image that IOS up to 11.2 "booted via tftp"; empty in a boot image
	ReloadReason       string   // of "System returned to ROM by"
	LastReloadReason   string   // of "Last reload reason"
	Model              string   // of the line "cisco X (...) processor"
	ProcessorBoardID   string   // of the chassis or the active member
	SystemSerials      []string // "System serial number" of every member, in the order printed
	ModelNumbers       []string // "Model number" of every member, in the order printed
	Members            []Member // the table of stack members; may be empty
	ConfigRegister     string   // "0x2102"
	ConfigRegisterNext string   // "will be 0x… at next reload"
	Mode               string   // of the active member: "INSTALL", "BUNDLE"
}

// Member is one row of the table of stack members in show version.
type Member struct {
	Number  int
	Model   string
	Version string
	Image   string
	Mode    string // "INSTALL", "BUNDLE"; empty on classic switches
	Active  bool   // the row with the mark *
}

// Serials returns the processor board ID and the system serial numbers, each
// once, in the order printed.
func (v Version) Serials() []string {
	var serials []string
	seen := map[string]bool{"": true}
	for _, s := range append([]string{v.ProcessorBoardID}, v.SystemSerials...) {
		if !seen[s] {
			seen[s] = true
			serials = append(serials, s)
		}
	}
	return serials
}

var uptimePart = lazyregexp.New(`(\d{1,6}) (year|week|day|hour|minute)s?`)

// UptimeDuration converts Uptime, which counts whole minutes. A year counts 365
// days. It is 0 if Uptime names no time.
func (v Version) UptimeDuration() time.Duration {
	const day = 24 * time.Hour
	units := map[string]time.Duration{"year": 365 * day, "week": 7 * day, "day": day, "hour": time.Hour, "minute": time.Minute}
	var total time.Duration
	for _, m := range uptimePart.FindAllStringSubmatch(v.Uptime, -1) {
		total += time.Duration(numberOr(m[1], 0)) * units[m[2]]
	}
	return total
}

// otherProducts are Cisco systems that have a show version and do not run IOS.
var otherProducts = []struct {
	name string
	mark *lazyregexp.Regexp
}{
	{"Cisco NX-OS", lazyregexp.New(`Nexus Operating System|\(NX-OS\)`)},
	{"Cisco ASA", lazyregexp.New(`Adaptive Security Appliance|Cisco PIX (?:Firewall|Security)`)},
	{"Cisco IOS XR", lazyregexp.New(`Cisco IOS XR Software`)},
	{"Cisco CatOS", lazyregexp.New(`NmpSW:|McpSW:|Catalyst Operating System`)},
	{"Cisco AireOS", lazyregexp.New(`(?m)^Product Name\.+ Cisco Controller`)},
}

// unsupported returns an unsupported_device error that names the product of
// this output, or nil if it shows none of the known ones.
func unsupported(text string) *cause.Error {
	for _, p := range otherProducts {
		if p.mark.MatchString(text) {
			return cause.New(cause.UnsupportedDevice, "the device runs "+p.name+", not Cisco IOS or IOS-XE",
				api.Say("remove it from the inventory; only IOS and IOS-XE are backed up"))
		}
	}
	return nil
}

var (
	versionLine = lazyregexp.New(`(?m)^[ \t]*(?:Cisco )?IOS(?: \(tm\)| Software)[^\n]*?(?:\n[^\n]*?)?\bVersion\s+([^\s,]+)`)
	xeLine      = lazyregexp.New(`(?m)^[ \t]*Cisco IOS[ -]XE Software, Version[ \t]+(\S[^\n]*)`)
	xeMark      = lazyregexp.New(`IOS[ -]XE`)
	uptimeLine  = lazyregexp.New(`(?m)^[ \t]*(\S+) uptime is ([^\n]+)`)
	reloadLine  = lazyregexp.New(`(?m)^[ \t]*System returned to ROM by[ \t]+([^\n]+)`)
	lastReload  = lazyregexp.New(`(?m)^[ \t]*Last reload reason[ \t]*:[ \t]*([^\n]+)`)
	// System image file is "images/c2500-i-l.112-9", booted via tftp from 192.0.2.9
	imageLine = lazyregexp.New(`(?m)^[ \t]*System image file is (?:"([^"\n]+)"|unknown)(?:, booted via ([a-z]+)(?: from ([0-9.]+[0-9]))?)?`)
	// cisco WS-C3750X-24S (PowerPC405) processor (revision A0) with 524288K bytes of memory.
	// Cisco CISCO1941/K9 (revision 1.0) with 491520K/32768K bytes of memory.
	modelLine    = lazyregexp.New(`(?m)^[ \t]*(?i:cisco|allen-bradley)[ \t]+(\S+)[ \t]+\([^\n]*\bwith[ \t]`)
	boardLine    = lazyregexp.New(`(?m)^[ \t]*Processor board ID[ \t]+([^\s,]+)`)
	modelNumber  = lazyregexp.New(`(?mi)^[ \t]*Model number[ \t]*:[ \t]*(\S+)`)
	systemSerial = lazyregexp.New(`(?mi)^[ \t]*System serial number[ \t]*:[ \t]*(\S+)`)
	registerLine = lazyregexp.New(`(?mi)^[ \t]*Configuration register is (0x[0-9a-f]+)(?:[ \t]+\(will be (0x[0-9a-f]+))?`)
	memberHeader = lazyregexp.New(`^Switch +Ports +Model +SW Version +SW Image`)
	memberLike   = lazyregexp.New(`^\*? *\d{1,3} +\d`)
	memberRow    = lazyregexp.New(`^(\*)? *(\d{1,3}) +\d+ +(\S+) +(\S+) +(\S+)(?: +(\S+))?$`)
)

// ParseVersion reads show version of IOS and IOS-XE. The error for another
// Cisco product is unsupported_device and names the product; a refusal by the
// device is the error of [Rejected]. Output that ends within a line, or a table
// of stack members that it cannot read, is an error that quotes the line.
func ParseVersion(text string) (Version, error) {
	whole := text
	text = strings.Join(linesOf(text), "\n")
	if err := unsupported(text); err != nil {
		return Version{}, err
	}
	if err := cutOff("show version", whole); err != nil {
		return Version{}, err
	}
	version := versionLine.FindStringSubmatch(text)
	if version == nil {
		return Version{}, notVersion(text)
	}
	members, err := parseMembers(text)
	if err != nil {
		return Version{}, err
	}
	v := Version{
		OS: "ios", Version: version[1],
		XEVersion: first(xeLine, text), ImageFile: imageFile(text),
		ReloadReason: first(reloadLine, text), LastReloadReason: first(lastReload, text),
		Model: first(modelLine, text), ProcessorBoardID: first(boardLine, text),
		ModelNumbers: all(modelNumber, text), SystemSerials: all(systemSerial, text),
		Members: members,
	}
	if xeMark.MatchString(text) {
		v.OS = "iosxe"
	}
	if m := uptimeLine.FindStringSubmatch(text); m != nil {
		v.Hostname, v.Uptime = m[1], strings.TrimSpace(m[2])
	}
	if m := registerLine.FindStringSubmatch(text); m != nil {
		v.ConfigRegister, v.ConfigRegisterNext = m[1], m[2]
	}
	for _, m := range v.Members {
		if m.Active {
			v.Mode = m.Mode
		}
	}
	return v, nil
}

// imageFile returns the file of the line "System image file is". IOS up to 11.2
// names the server behind the file.
func imageFile(text string) string {
	m := imageLine.FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	file, protocol, server := m[1], m[2], m[3]
	switch {
	case protocol != "tftp" && protocol != "rcp" && protocol != "mop":
		return file
	case server == "":
		return protocol + ":" + file
	}
	return protocol + "://" + server + "/" + file
}

// notVersion returns the reason why text is no show version.
func notVersion(text string) error {
	if err := Rejected(text); err != nil {
		return fmt.Errorf("show version: %w", err)
	}
	line := firstLine(text)
	if line == "" {
		return fmt.Errorf("show version: the device printed nothing")
	}
	return cause.New(cause.UnsupportedDevice,
		"show version names no IOS version; it begins with "+quote(line),
		api.Say("check that the address belongs to a Cisco IOS or IOS-XE device"))
}

// parseMembers reads the table under "Switch Ports Model SW Version SW Image".
// A row that it cannot read is an error, because that member would stay without
// backup.
func parseMembers(text string) ([]Member, error) {
	var members []Member
	inTable := false
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if !inTable {
			inTable = memberHeader.MatchString(line)
			continue
		}
		if strings.HasPrefix(line, "------") {
			continue
		}
		row := memberRow.FindStringSubmatch(line)
		if row == nil && memberLike.MatchString(line) {
			return nil, fmt.Errorf("show version: cannot read the stack member in the line %s", quote(line))
		}
		if row == nil {
			break
		}
		number, _ := strconv.Atoi(row[2]) // at most three digits
		members = append(members, Member{
			Number: number, Model: row[3], Version: row[4], Image: row[5], Mode: row[6], Active: row[1] == "*",
		})
	}
	return members, nil
}

// first returns the group of the first match.
func first(re *lazyregexp.Regexp, text string) string {
	if m := re.FindStringSubmatch(text); m != nil {
		return strings.TrimSpace(m[1])
	}
	return ""
}

// all returns the group of every match.
func all(re *lazyregexp.Regexp, text string) []string {
	var found []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		found = append(found, m[1])
	}
	return found
}
