package iossim

import (
	"bytes"
	"embed"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"text/template"

	"github.com/goccy/go-yaml"
)

// profileFiles has one directory for each profile: profile.yaml, and the texts
// that the device prints and keeps. The directory common has the rest.
//
//go:embed profiles
var profileFiles embed.FS

const (
	transportSSH    = "ssh"
	transportTelnet = "telnet"
)

// feature is a capability that some IOS releases lack.
type feature string

const (
	always        feature = ""
	verifyMD5     feature = "verify-md5"      // since 12.2(4)T
	verifySHA512  feature = "verify-sha512"   // since IOS-XE 16.5
	verifyImage   feature = "verify-image"    // verify without a word prints embedded and computed digests
	verifyFlash   feature = "verify-flash"    // verify without a word prints "Verified flash:x"
	dirRecursive  feature = "dir-recursive"   // dir /recursive
	stackable     feature = "stackable"       // show switch
	vrfCopy       feature = "vrf-copy"        // copy … vrf NAME
	showBoot      feature = "show-boot"       // show boot, on switches
	showBootvar   feature = "show-bootvar"    // show bootvar, on routers and chassis
	showBootflash feature = "show-bootflash"  // show bootflash:
	installMode   feature = "install-mode"    // install add file … activate commit
	showInstall   feature = "show-install"    // show install summary
	tftpBlocksize feature = "tftp-blocksize"  // ip tftp blocksize: since IOS-XE 3.3SE
	oldCopy       feature = "old-copy"        // the copy dialogue of IOS up to 12.0
	secureMode    feature = "secure-mode"     // warns of insecure protocols, and refuses TFTP without "system mode insecure": IOS-XE 26.1
	noFilters     feature = "no-filters"      // no output filters: before IOS 12.0
	noFileSystems feature = "no-file-systems" // no show file systems
	reloadShelf   feature = "reload-shelf"    // redundancy reload shelf restarts both supervisors or chassis
	reloadOne     feature = "reload-one"      // reload restarts only one of them: Catalyst 4500, and here 6500
	romVariables  feature = "rom-variables"   // show romvar, and no config-register: Catalyst 9000 since 16.12.4 and 17.3.1
)

// profile is one model with its software, as profile.yaml describes it. Nothing
// changes a profile after it was read.
type profile struct {
	name string // of its directory

	Base      string    `yaml:"base"` // another profile, or a file in common; keys that are missing here come from it
	Hostname  string    `yaml:"hostname"`
	Transport string    `yaml:"transport"` // ssh or telnet
	Features  []feature `yaml:"features"`

	SSHVersion        string   `yaml:"ssh-version"` // the line before key exchange
	KeyExchanges      []string `yaml:"key-exchanges"`
	Ciphers           []string `yaml:"ciphers"`
	MACs              []string `yaml:"macs"`
	HostKeyBits       int      `yaml:"host-key-bits"`
	HostKeyAlgorithms []string `yaml:"host-key-algorithms"`

	// How it prints. The formats are those of package fmt.
	DirFormat  string `yaml:"dir-format"`  // index, permissions, size, date and zone, name
	DateLayout string `yaml:"date-layout"` // of a new file, for time.Format
	Zone       string `yaml:"zone"`        // printed after every date, with a leading blank
	FSHeading  string `yaml:"fs-heading"`  // of show file systems
	FSFormat   string `yaml:"fs-format"`   // star, size, free, type, flags, prefixes
	Numbered   bool   `yaml:"numbered"`    // show flash: prints numbers and whole paths
	Mount      string `yaml:"mount"`       // prefix of these paths: /bootflash/
	ImageCheck string `yaml:"image-check"` // the digest that verify without a word prints: MD5 or SHA1

	// How it copies.
	AsksSource bool   `yaml:"asks-source"`   // asks for the source file name even when the command has it
	WholeSecs  bool   `yaml:"whole-seconds"` // prints the time of a copy in whole seconds
	BlockSize  int    `yaml:"block-size"`    // bytes that its TFTP client requests; 0: no option
	Uplink     string `yaml:"uplink"`        // the interface in "Loading x from … (via Vlan1)"

	// How it boots.
	Image    string   `yaml:"image"`     // the running image, as show version prints it
	Boots    []string `yaml:"boots"`     // the list of BOOT; nil: the image
	BootList bool     `yaml:"boot-list"` // each boot system command adds a line; else one setting holds the whole list
	BootWord string   `yaml:"boot-word"` // between "boot system" and the file in the configuration: "switch all", "flash"
	Register uint16   `yaml:"register"`  // the config-register
	Members  []member `yaml:"members"`   // the other switches of a stack, or the second supervisor

	Home        string       `yaml:"home"` // the file system of a path without one; default flash:
	Systems     []systemSpec `yaml:"systems"`
	MoreSystems []systemSpec `yaml:"more-systems"` // printed after Systems
	Software    ClassicImage `yaml:"software"`     // of its classic images
	Units       []string     `yaml:"units"`        // the flash file systems that hold each file without a file system
	Files       []fileSpec   `yaml:"files"`
	MoreFiles   []fileSpec   `yaml:"more-files"`
}

// member is a unit with a boot loader of its own, beside the one that answers.
type member struct {
	Flash map[string]string `yaml:"flash"` // the unit's own name of each file system ("flash:") and its name here ("flash-2:")
	Boots []string          `yaml:"boots"` // its own BOOT; nil: that of the unit that answers
}

// systemSpec is one row of show file systems. See fileSystem.
type systemSpec struct {
	Prefix  string   `yaml:"prefix"`
	Aliases []string `yaml:"aliases"`
	OwnRows []string `yaml:"own-rows"`
	Mark    string   `yaml:"mark"`
	Kind    string   `yaml:"kind"`
	Flags   string   `yaml:"flags"`
	Total   int64    `yaml:"total"`
	Unit    int64    `yaml:"unit"`
	Squeeze bool     `yaml:"squeeze"`
	Within  string   `yaml:"within"`
}

// fileSpec is one file or directory. Its content is a Text, an Image, a
// Package or Made; an entry without content is a directory.
type fileSpec struct {
	Index int    `yaml:"index"`
	Perm  string `yaml:"perm"` // -rwx, drwx
	Date  string `yaml:"date"` // as the profile prints it, without the time zone
	Path  string `yaml:"path"` // with its file system, or one file for each of Units
	Size  int64  `yaml:"size"` // bytes that the listing shows for a directory

	Text     string        `yaml:"text"`     // a text of the profile, by its name
	Image    int64         `yaml:"image"`    // a classic image of this size in bytes
	Software *ClassicImage `yaml:"software"` // of Image; default: the profile's
	Package  int64         `yaml:"package"`  // an IOS-XE package of this size in bytes
	Made     int64         `yaml:"made"`     // computed content of this size in bytes
	Begins   string        `yaml:"begins"`   // the first bytes of Made
	Hex      string        `yaml:"hex"`      // the same, in hexadecimal
}

// profileSummary is the name of a profile with its model and its special
// features, in a few words. It stands here and not in profile.yaml, because
// the help of the demonstration prints every summary.
type profileSummary struct{ name, summary string }

// profileSummaries lists every profile: switches, then chassis, then routers.
func profileSummaries() []profileSummary {
	return []profileSummary{
		{"c2500", "2500 router, IOS 12.0: the old copy dialogue, no digests"},
		{"c3640-partitions", "3640 router, IOS 12.0: a flash of two partitions, the old copy dialogue"},
		{"c2600", "2600 router, IOS 12.3: the running image was removed from flash"},
		{"c2950", "Catalyst 2950, IOS 12.1: Telnet, no verify /md5"},
		{"c2960", "Catalyst 2960, IOS 12.2: the image in a directory that ends in .bin"},
		{"c2960x-stack", "two Catalyst 2960-X, IOS 15.2: the second member has another image"},
		{"c3500xl", "Catalyst 3500XL, IOS 12.0: Telnet, no digests"},
		{"c2900xl", "Catalyst 2900XL, IOS 11.2: Telnet, no digests, no output filters (|)"},
		{"c3750", "Catalyst 3750, IOS 15.0: SSH with old algorithms, the image in a directory"},
		{"c3750-stack", "two Catalyst 3750, IOS 15.0: flash1: and flash2:"},
		{"c1000-tftpboot", "Catalyst 1000, IOS 15.2: booted over the network, no image in flash"},
		{"c3850-tftpboot", "Catalyst 3850, IOS-XE 16.6: booted over the network, BOOT names an image in flash"},
		{"c9300", "Catalyst 9300, IOS-XE 17.9: install mode"},
		{"c9300-smu", "Catalyst 9300, IOS-XE 17.9: install mode with patches, and a provisioning file of another name"},
		{"c9300-secure", "Catalyst 9300, IOS-XE 26.1: refuses TFTP until system mode insecure is configured"},
		{"c9300-stack", "three Catalyst 9300, IOS-XE 17.9: install mode, flash-2: and flash-3:"},
		{"c9300-active2", "two Catalyst 9300, IOS-XE 17.9: the active member is 2, flash-1: is the other"},
		{"c9500-svl", "two Catalyst 9500 as one (StackWise Virtual), IOS-XE 17.9: install mode"},
		{"ie3400", "Industrial Ethernet 3400, IOS-XE 17.9: starts from its SD card, sdflash: beside flash:"},
		{"c4500-redundant", "Catalyst 4500, IOS 12.2: two supervisors, slavebootflash:"},
		{"c6500-vss", "two Catalyst 6500 as one (VSS), IOS 12.2: an image without .bin, const_nvram:"},
		{"c9400-redundant", "Catalyst 9400, IOS-XE 17.9: two supervisors, stby-bootflash:"},
		{"c800m", "800M router, IOS 15.5: sdflash: instead of flash:"},
		{"isr2800", "2800 router, IOS 15.1: its configuration names files; deleted files keep their space"},
		{"isr2900", "2900 router, IOS 15.2: flash: is typed, flash0: printed"},
		{"isr4300", "4300 router, IOS-XE 3.16: bootflash:, bundle mode"},
		{"asr1000", "ASR 1002-X router, IOS-XE 3.16: the image is on harddisk:"},
		{"c8200", "Catalyst 8200 router, IOS-XE 17.9: bundle mode"},
		{"c9800-ha", "two wireless controllers 9800-40 (SSO), IOS-XE 17.9: install mode, an APSP"},
	}
}

// profilesRead has the profiles that this process has read, by their names: to read
// YAML takes longer than everything else that a new switch needs.
var profilesRead sync.Map

// findProfile returns a profile by its name. All switches share it.
func findProfile(name string) (*profile, error) {
	if p, ok := profilesRead.Load(name); ok {
		return p.(*profile), nil
	}
	if !slices.Contains(Profiles(), name) {
		return nil, fmt.Errorf("no simulated switch is called %q; there are %s", name, strings.Join(Profiles(), ", "))
	}
	p := &profile{name: name}
	if err := p.read(name); err != nil {
		return nil, fmt.Errorf("read the profile %s: %w", name, err)
	}
	profilesRead.Store(name, p)
	return p, nil
}

// read reads a profile or a file in common over p, after its base.
func (p *profile) read(name string) error {
	data, err := profileFiles.ReadFile("profiles/" + name + "/profile.yaml")
	if err != nil {
		data, err = profileFiles.ReadFile("profiles/common/" + name + ".yaml")
	}
	if err != nil {
		return err
	}
	var own profile
	if err := yaml.UnmarshalWithOptions(data, &own, yaml.Strict()); err != nil {
		return err
	}
	if own.Base != "" {
		if err := p.read(own.Base); err != nil {
			return err
		}
	}
	return yaml.Unmarshal(data, p)
}

func (p *profile) can(f feature) bool { return f == always || slices.Contains(p.Features, f) }

// systems returns new, empty file systems.
func (p *profile) systems() []*fileSystem {
	var all []*fileSystem
	for _, s := range slices.Concat(p.Systems, p.MoreSystems) {
		all = append(all, &fileSystem{
			prefix: s.Prefix, aliases: s.Aliases, ownRows: s.OwnRows, mark: s.Mark, kind: s.Kind, flags: s.Flags, total: s.Total, unit: s.Unit, squeeze: s.Squeeze, within: s.Within,
		})
	}
	return all
}

// files returns every file of a new switch, with the file system in its path.
func (p *profile) files(f fill) ([]file, error) {
	var all []file
	for _, spec := range slices.Concat(p.Files, p.MoreFiles) {
		body, err := p.content(spec, f)
		if err != nil {
			return nil, err
		}
		units := p.Units
		if strings.Contains(spec.Path, ":") {
			units = []string{""}
		}
		for _, unit := range units {
			all = append(all, file{index: spec.Index, perm: spec.Perm, date: spec.Date, path: unit + spec.Path, size: spec.Size, body: body})
		}
	}
	return all, nil
}

// configPlaces returns the paths under which the startup-config is kept, if it
// is more than one: the startup-config first.
func (p *profile) configPlaces(files []file) []string {
	if p.BootList {
		return nil
	}
	places := []string{"nvram:startup-config"}
	for _, f := range files {
		if strings.HasSuffix(f.path, ":config.text") {
			places = append(places, f.path)
		}
	}
	if len(places) == 1 {
		return nil
	}
	return places
}

// limited returns the profile with images and packages not larger than so many
// bytes; 0: of their real size.
func (p *profile) limited(largest int64) *profile {
	if largest == 0 {
		return p
	}
	largest = max(largest, smallestImage)
	small := *p
	small.Files, small.MoreFiles = slices.Clone(p.Files), slices.Clone(p.MoreFiles)
	for _, specs := range [][]fileSpec{small.Files, small.MoreFiles} {
		for i := range specs {
			specs[i].Image, specs[i].Package = min(specs[i].Image, largest), min(specs[i].Package, largest)
		}
	}
	return &small
}

// content returns the content of a file; nil for a directory.
func (p *profile) content(spec fileSpec, f fill) (*content, error) {
	name := path.Base(spec.Path[strings.IndexByte(spec.Path, ':')+1:])
	switch {
	case spec.Text != "":
		text, err := p.text(spec.Text, f)
		return textContent([]byte(text)), err
	case spec.Image > 0 && spec.Software != nil:
		return spec.Software.content(spec.Image), nil
	case spec.Image > 0:
		return p.Software.content(spec.Image), nil
	case spec.Package > 0:
		return packageContent(name, spec.Package), nil
	case spec.Made > 0:
		head, err := hex.DecodeString(spec.Hex)
		head = append(head, spec.Begins...)
		return madeContent(p.name+name, spec.Made, func(*content) []part { return []part{{0, head}} }), err
	}
	return nil, nil
}

// fill has the values for the templates of a profile.
type fill struct {
	Hostname string
	Address  string // of the management interface
	Uptime   string
	Restart  string // when it was started
	Image    string // the running image
	Uplink   string // the interface with the address
	Loopback string // address of the terminal, if it differs from Address; otherwise empty

	BootLines []string // of the running-config, without "boot system"
	units     []unit
}

// Boot returns BOOT of a unit; the first one is 1.
func (f fill) Boot(unit int) []string { return f.units[unit-1].boots }

// BootPath returns BOOT of a unit as one text.
func (f fill) BootPath(unit int) string { return strings.Join(f.Boot(unit), ";") }

// Manual returns "yes" for a unit that waits in its boot loader.
func (f fill) Manual(unit int) string {
	if f.units[unit-1].manual {
		return "yes"
	}
	return "no"
}

// Register returns the config-register of a unit, with the value for the next
// start where it differs.
func (f fill) Register(unit int) string {
	u := f.units[unit-1]
	text := fmt.Sprintf("0x%X", u.register)
	if u.next != u.register {
		text += fmt.Sprintf(" (will be 0x%X at next reload)", u.next)
	}
	return text
}

// Ports returns the port numbers 1 to n.
func (fill) Ports(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

var versionInName = regexp.MustCompile(`\d\d\.\d\d\.\d\d[a-z]?`)

// Version returns the IOS-XE version in the name of the running image.
func (f fill) Version() string { return versionInName.FindString(f.Image) }

// Add returns a+b, for port numbers that do not begin at 1.
func (fill) Add(a, b int) int { return a + b }

// text fills a template of the profile: "show_version".
func (p *profile) text(name string, f fill) (string, error) {
	var t *template.Template
	var err error
	for _, directory := range []string{p.name, p.Base, "common"} {
		if t, err = template.ParseFS(profileFiles, "profiles/"+directory+"/"+name+".txt"); err == nil {
			break
		}
	}
	if err != nil {
		return "", fmt.Errorf("read text %s of %s: %w", name, p.name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, f); err != nil {
		return "", fmt.Errorf("fill text %s of %s: %w", name, p.name, err)
	}
	return b.String(), nil
}
