package iossim

import (
	"bytes"
	"embed"
	"fmt"
	"regexp"
	"strings"
	"text/template"
)

// texts holds what the profiles print and keep: one directory a profile.
//
//go:embed texts
var texts embed.FS

const (
	transportSSH    = "ssh"
	transportTelnet = "telnet"
)

// feature is something that not every IOS can do.
type feature int

const (
	always        feature = iota
	verifyMD5             // since 12.2(4)T
	verifySHA512          // since IOS-XE 16.5
	verifyImage           // verify without a word prints embedded and computed digests
	verifyFlash           // verify without a word prints "Verified flash:x"
	dirRecursive          // dir /recursive
	stackable             // show switch
	vrfCopy               // copy … vrf NAME
	showBoot              // show boot, as switches have it
	showBootvar           // show bootvar, as routers and chassis have it
	showBootflash         // show bootflash:
	installMode           // install add file … activate commit
	tftpBlocksize         // ip tftp blocksize: since IOS-XE 3.3SE
	oldCopy               // the questions and answers of IOS up to 12.0
)

// profile is one model with its software. It is data: nothing changes it.
type profile struct {
	name      string
	like      string // the profile whose texts it prints where it has none of its own, before those in common; may be empty
	summary   string // what it is and what is special about it, in a few words
	hostname  string
	transport string
	features  []feature

	// SSH
	sshVersion        string // the line before key exchange
	keyExchanges      []string
	ciphers           []string
	macs              []string
	hostKeyBits       int
	hostKeyAlgorithms []string

	// how it prints
	dirFormat  string // index, permissions, size, date and zone, name
	dateLayout string // of a new file, for time.Format
	zone       string // behind every date, with a blank before it
	fsHeading  string // of show file systems
	fsFormat   string // star, size, free, type, flags, prefixes
	numbered   bool   // show flash: prints numbers and whole paths
	mount      string // what those paths begin with: /bootflash/
	imageCheck string // the digests that verify without a word prints: MD5 or SHA1

	// how it copies
	asksSource bool   // asks for the source file name even when it was given
	wholeSecs  bool   // tells the time of a copy in whole seconds
	blockSize  int    // that its TFTP client asks for; 0: no option
	uplink     string // the interface in "Loading x from … (via Vlan1)"

	// how it boots
	image    string   // what runs, as show version names it
	boots    []string // what BOOT names; nil: the image
	bootList bool     // BOOT is a list that grows with each boot system command

	home    string // the file system of a path without one; empty: flash:
	systems func() []*fileSystem
	entries func(t *textMaker) []file // with the file system in the path
}

// profiles is every model, the oldest software first within a family.
func profiles() []*profile {
	return []*profile{
		c2500(), c2600(), c2950(), c2960(), c2960xStack(), c3500xl(), c3750(), c3750Stack(), c1000TFTPBoot(),
		c3850TFTPBoot(), c9300(), c9300Stack(), c4500Redundant(), c6500VSS(), c9400Redundant(),
		c800m(), isr2900(), isr4300(),
	}
}

// classicSwitch is what the profiles of Catalyst switches with IOS 12.2 and
// 15 have in common.
func classicSwitch() *profile {
	return &profile{
		transport: transportSSH,
		features:  []feature{verifyMD5, verifyImage, dirRecursive, showBoot},

		sshVersion:        "SSH-2.0-Cisco-1.25",
		keyExchanges:      []string{"diffie-hellman-group14-sha1", "diffie-hellman-group1-sha1"},
		ciphers:           []string{"aes128-cbc", "3des-cbc"},
		macs:              []string{"hmac-sha1", "hmac-sha1-96"},
		hostKeyBits:       1024,
		hostKeyAlgorithms: []string{"ssh-rsa"},

		dirFormat:  "%5d  %s%12d  %27s  %s",
		dateLayout: "Jan 2 2006 15:04:05",
		zone:       " +00:00",
		fsHeading:  "       Size(b)       Free(b)      Type  Flags  Prefixes",
		fsFormat:   "%s%13s%14s%10s%7s   %s\n",
		imageCheck: "MD5",

		uplink: "Vlan1",
	}
}

// classicRouter is classicSwitch for routers and chassis: BOOT is a list, and
// show bootvar prints it.
func classicRouter() *profile {
	p := classicSwitch()
	p.features = []feature{verifyMD5, verifyImage, dirRecursive, showBootvar}
	p.uplink, p.bootList = "GigabitEthernet0/0", true
	return p
}

// xe is what the profiles of IOS-XE have in common.
func xe() *profile {
	return &profile{
		transport: transportSSH,
		features:  []feature{verifyMD5, verifySHA512, verifyImage, dirRecursive, vrfCopy, tftpBlocksize},

		sshVersion: "SSH-2.0-Cisco-1.25",
		keyExchanges: []string{"curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
			"diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512"},
		ciphers:           []string{"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"},
		macs:              []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"},
		hostKeyBits:       2048,
		hostKeyAlgorithms: []string{"rsa-sha2-512", "rsa-sha2-256"},

		dirFormat:  "%5d  %s%17d  %27s  %s",
		dateLayout: "Jan 2 2006 15:04:05",
		zone:       " +00:00",
		fsHeading:  "       Size(b)       Free(b)      Type  Flags  Prefixes",
		fsFormat:   "%s%13s%14s%10s%7s   %s\n",
		numbered:   true,
		imageCheck: "SHA1",

		blockSize: 8192,
		uplink:    "GigabitEthernet0/0",
		bootList:  true,
	}
}

// withOthers is a table of file systems: those given, and the ones without
// files that every IOS has.
func withOthers(own ...*fileSystem) []*fileSystem {
	return append(own, []*fileSystem{
		{prefix: "system:", kind: "opaque", flags: "rw"},
		{prefix: "null:", kind: "opaque", flags: "rw"},
		{prefix: "tftp:", kind: "network", flags: "rw"},
		{prefix: "rcp:", kind: "network", flags: "rw"},
		{prefix: "ftp:", kind: "network", flags: "rw"},
	}...)
}

func findProfile(name string) (*profile, error) {
	for _, p := range profiles() {
		if p.name == name {
			return p, nil
		}
	}
	return nil, fmt.Errorf("no simulated switch is called %q; there are %s", name, strings.Join(Profiles(), ", "))
}

func (p *profile) can(f feature) bool {
	if f == always {
		return true
	}
	for _, has := range p.features {
		if has == f {
			return true
		}
	}
	return false
}

// fill is what the templates of a profile can mention.
type fill struct {
	Hostname string
	Address  string // of the management interface
	Uptime   string
	Restart  string // when it was started
	Image    string // what runs
	Boot     string // what BOOT names
	AllBoot  bool   // it was set for all members of a stack
	Uplink   string // the interface with the address
	Loopback string // address of the terminal where that is another; else empty
}

// Boots is the single files of Boot.
func (f fill) Boots() []string {
	if f.Boot == "" {
		return nil
	}
	return strings.Split(f.Boot, ";")
}

// Ports is the port numbers 1 to n.
func (fill) Ports(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

var versionInName = regexp.MustCompile(`\d\d\.\d\d\.\d\d[a-z]?`)

// Version is that of IOS-XE in the name of what runs.
func (f fill) Version() string { return versionInName.FindString(f.Image) }

// Add is for port numbers that do not begin at 1.
func (fill) Add(a, b int) int { return a + b }

// text fills a template of the profile: "show_version".
func (p *profile) text(name string, f fill) (string, error) {
	t, err := template.ParseFS(texts, "texts/"+p.name+"/"+name+".txt")
	for _, other := range []string{p.like, "common"} {
		if err != nil && other != "" {
			t, err = template.ParseFS(texts, "texts/"+other+"/"+name+".txt")
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

// textMaker makes the contents of the text files in flash.
type textMaker struct {
	p    *profile
	fill fill
	err  error // the first that happened
}

// file is the content of a text of the profile.
func (t *textMaker) file(name string) *content {
	text, err := t.p.text(name, t.fill)
	if err != nil && t.err == nil {
		t.err = err
	}
	return textContent([]byte(text))
}

// made is a file of computed bytes that begins with head.
func (t *textMaker) made(path string, size int64, head string) *content {
	return madeContent(t.p.name+path, size, func(*content) []part { return []part{{0, []byte(head)}} })
}

// configs is what every device keeps outside its flash.
func (t *textMaker) configs() []file {
	return []file{
		{index: 1, perm: "-rw-", date: "<no date>", path: "nvram:startup-config", body: t.file("running-config")},
		{index: 2, perm: "----", date: "<no date>", path: "nvram:private-config", body: textContent([]byte("\x00\x00\x00\x00\n"))},
		{index: 1, perm: "-rw-", date: "<no date>", path: "system:running-config", body: t.file("running-config")},
	}
}

// files is everything in the file systems of a new switch.
func (p *profile) files(f fill) ([]file, error) {
	t := &textMaker{p: p, fill: f}
	entries := p.entries(t)
	return entries, t.err
}
