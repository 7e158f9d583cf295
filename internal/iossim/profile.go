package iossim

import (
	"bytes"
	"embed"
	"fmt"
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
	always       feature = iota
	verifyMD5            // since 12.2(4)T
	verifySHA512         // since IOS-XE 16.5
	verifyImage          // verify without a word prints embedded and computed digests
	verifyFlash          // verify without a word prints "Verified flash:x"
	dirRecursive         // dir /recursive
	stackable            // show switch
	vrfCopy              // copy … vrf NAME
)

// profile is one model with its software. It is data: nothing changes it.
type profile struct {
	name      string
	like      string // the profile whose texts it prints where it has none of its own; may be empty
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
	imageCheck string // the digests that verify without a word prints: MD5 or SHA1

	// how it copies
	asksSource bool   // asks for the source file name even when it was given
	wholeSecs  bool   // tells the time of a copy in whole seconds
	blockSize  int    // that its TFTP client asks for; 0: no option
	uplink     string // the interface in "Loading x from … (via Vlan1)"

	// how it boots
	image    string // what runs, as show version names it
	bootList bool   // BOOT is a list that grows with each boot system command

	systems func() []*fileSystem
	entries func(t *textMaker) []file // with the file system in the path
}

func profiles() []*profile { return []*profile{c3500xl(), c3750(), c3750Stack(), c9300()} }

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
}

// Ports is the port numbers 1 to n.
func (fill) Ports(n int) []int {
	var all []int
	for i := range n {
		all = append(all, i+1)
	}
	return all
}

// Add is for port numbers that do not begin at 1.
func (fill) Add(a, b int) int { return a + b }

// text fills a template of the profile: "show_version".
func (p *profile) text(name string, f fill) (string, error) {
	t, err := template.ParseFS(texts, "texts/"+p.name+"/"+name+".txt")
	if err != nil && p.like != "" {
		t, err = template.ParseFS(texts, "texts/"+p.like+"/"+name+".txt")
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

// files is everything in the file systems of a new switch.
func (p *profile) files(f fill) ([]file, error) {
	t := &textMaker{p: p, fill: f}
	entries := p.entries(t)
	return entries, t.err
}
