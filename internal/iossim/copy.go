package iossim

import (
	"fmt"
	"net/netip"
	"path"
	"strings"
)

// tftpURL is a server and a file name on it. Either may still be unknown.
type tftpURL struct{ host, name string }

func (u tftpURL) String() string { return "tftp://" + u.host + "/" + u.name }

// parseTFTP reads tftp:[[//location]/directory]/filename (Configuration
// Fundamentals Command Reference, "copy").
func parseTFTP(text string) tftpURL {
	_, rest, _ := strings.Cut(text, ":")
	if !strings.HasPrefix(rest, "//") {
		return tftpURL{name: strings.TrimPrefix(rest, "/")}
	}
	host, name, _ := strings.Cut(rest[2:], "/")
	return tftpURL{host, name}
}

func isTFTP(place string) bool { return strings.HasPrefix(place, "tftp:") }

// place expands the short forms of file systems and configurations in a copy
// command: flash, tftp, run, start.
func place(typed string) string {
	lower := strings.ToLower(typed)
	switch {
	case lower == "flash", lower == "tftp", lower == "nvram", lower == "bootflash":
		return lower + ":"
	case len(lower) >= 3 && strings.HasPrefix("running-config", lower):
		return "system:running-config"
	case len(lower) >= 3 && strings.HasPrefix("startup-config", lower):
		return "nvram:startup-config"
	case strings.HasPrefix(lower, "tftp:"):
		return "tftp:" + typed[len("tftp:"):]
	case lower == "scp":
		return "scp:"
	}
	return typed
}

// copying is one copy command of a session.
type copying struct {
	*session
	vrf string // named by the command; empty: none
}

// run runs the command. The questions and their order are those of the public
// transcripts: a copy from the switch asks for source, host, destination; one
// to the switch asks for host, source, destination.
func (c *copying) run(from, to string) {
	defer c.sw.rename()
	from, to = place(from), place(to)
	switch {
	case (isTFTP(from) || isTFTP(to)) && (c.sw.restrictsTFTP() || c.sw.strikes(func(f *Faults) *Times { return &f.RestrictTFTP })):
		c.say("SECURITY WARNING - Module: TFTP, Command: copy *, Reason: Insecure protocol, Remediation: Use a secure protocol such as SCP\n" +
			"% Command rejected: tftp is insecure, insecure mode is not configured\n")
	case isTFTP(from) && isTFTP(to):
		c.say(fmt.Sprintf("%%Error copying %s (%v)\n", from, errInvalid))
	case isHTTPS(to):
		c.copyOutHTTPS(from, to)
	case isSCPPlace(to):
		c.copyOutSCP(from, to)
	case isHTTPS(from):
		c.copyInHTTPS(from, to)
	case isSCPPlace(from):
		c.copyInSCP(from, to)
	case isTFTP(to):
		c.copyOut(from, parseTFTP(to))
	case isTFTP(from):
		c.copyIn(parseTFTP(from), to)
	case from == "system:running-config" && to == "nvram:startup-config":
		if _, ok := c.ask("Destination filename", "startup-config"); ok {
			c.writeMemory(nil)
		}
	default:
		c.copyWithin(from, to)
	}
}

// copyOut sends a file to a TFTP server.
func (c *copying) copyOut(from string, to tftpURL) {
	if !c.askPartition(from) {
		return
	}
	if c.sw.profile.can(oldCopy) && to.host != "" && to.name != "" {
		c.oldCopyOut(from, to)
		return
	}
	from, ok := c.askSource(from)
	if !ok {
		return
	}
	if to.host, ok = c.askHost(to.host); !ok {
		return
	}
	if to.name == "" || strings.HasSuffix(to.name, "/") {
		to.name += c.remoteName(from)
	}
	if to.name, ok = c.ask("Destination filename", to.name); !ok {
		return
	}
	if !c.trickQuestions(from, true) {
		return
	}
	f, shown, err := c.sw.open(from)
	if err != nil {
		c.say(readError(asTyped(from, shown), err))
		return
	}
	c.send(f, shown, to)
}

// askSource asks for the source file, if the command does not name it.
func (c *copying) askSource(from string) (string, bool) {
	fs, rest, err := c.sw.flash.split(from)
	if err != nil {
		c.say(fmt.Sprintf("%%Error opening %s (%v)\n", from, err))
		return "", false
	}
	if rest != "" && !c.sw.profile.AsksSource {
		return from, true
	}
	if rest == "" {
		rest = c.sw.remembered()
	}
	name, ok := c.ask("Source filename", rest)
	if !ok {
		return "", false
	}
	c.sw.remember(name)
	if name == "" {
		c.say(fmt.Sprintf("%%Error parsing filename (%v)\n", errNoSuchFile))
		return "", false
	}
	if strings.Contains(name, ":") {
		return name, true
	}
	return fs.prefix + name, true
}

func (s *Switch) remember(source string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.source = source
}

func (s *Switch) remembered() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source
}

// askHost asks for the server. It asks even if the URL names one, which is then
// the default.
func (c *copying) askHost(def string) (string, bool) {
	host, ok := c.ask("Address or name of remote host", def)
	if !ok {
		return "", false
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.Is4() {
		c.say("?Invalid host address or name\n%Error parsing filename (Invalid IP address or hostname)\n")
		return "", false
	}
	return host, true
}

// remoteName returns the name that IOS proposes on the server.
func (c *copying) remoteName(from string) string {
	if from == "system:running-config" {
		return strings.ToLower(c.sw.o.Hostname) + "-confg"
	}
	_, rest, _ := c.sw.flash.split(from)
	return path.Base(rest)
}

// trickQuestions asks the questions of the faults. It reports false if the copy
// must end.
func (c *copying) trickQuestions(local string, out bool) bool {
	if c.sw.strikes(func(f *Faults) *Times { return &f.AskErase }) && !c.askErase(local) {
		return false
	}
	if out && c.sw.strikes(func(f *Faults) *Times { return &f.AskOverwrite }) {
		if !c.askOverwrite() {
			return false
		}
		if err := c.sw.flash.write(local, []byte("overwritten\n")); err != nil {
			c.say(fmt.Sprintf("%%Error writing %s (%v)\n", local, err))
			return false
		}
	}
	if c.sw.strikes(func(f *Faults) *Times { return &f.AskUnknown }) {
		return c.agreed("Transfer will use the auxiliary fabric plane. Switch planes now?")
	}
	return true
}

// askErase is the dialogue of a flash that is erased before writing; the answer
// n continues without erasing. It reports false if the person broke off.
func (c *copying) askErase(local string) bool {
	fs, _, err := c.sw.flash.split(local)
	if err != nil || fs.total == 0 {
		return true
	}
	if c.quiet() {
		return true // class B flash with room copies without erasing; written by hand
	}
	for _, question := range []string{
		"Erase " + fs.prefix + " before copying?",
		"Erasing the " + strings.TrimSuffix(fs.prefix, ":") + " filesystem will remove all files! Continue?",
	} {
		if yes, ok := c.confirm(question); !yes || !ok {
			return ok
		}
	}
	c.say("Erasing device... eeeeeeeeeeeeeeeeeeee ...erased\nErase of " + fs.prefix + " complete\n")
	if err := c.sw.flash.erase(fs.prefix); err != nil {
		c.say(fmt.Sprintf("%%Error erasing %s (%v)\n", fs.prefix, err))
	}
	return true
}

func (c *copying) askOverwrite() bool {
	if c.quiet() {
		return true
	}
	c.say("%Warning:There is a file already existing with this name \n")
	return c.agreed("Do you want to over write?")
}

// nowhere is the file system that discards everything.
const nowhere = "null:"

// copyIn fetches a file from a TFTP server.
func (c *copying) copyIn(from tftpURL, to string) {
	complete := from.host != "" && from.name != "" && !c.sw.profile.AsksSource
	var ok bool
	if !complete {
		if from.host, ok = c.askHost(from.host); !ok {
			return
		}
		if from.name, ok = c.ask("Source filename", from.name); !ok {
			return
		}
	}
	if to, ok = c.askPlace(to, from.name); !ok {
		return
	}
	c.say("Accessing " + from.String() + "...\n")
	c.receive(from, to)
}

// askPlace asks for the place of a file that the switch fetches, and whether a file there may be
// overwritten. ok is false if the copy must end.
func (c *copying) askPlace(to, name string) (place string, ok bool) {
	if to != nowhere {
		to, ok = c.askDestination(to, path.Base(name))
		if !ok || !c.trickQuestions(to, false) {
			return "", false
		}
	}
	f, err := c.sw.flash.lookup(to)
	return to, err != nil || f.dir || c.askOverwrite()
}

// askDestination asks for the file name on the switch. It proposes the name in
// the command, or else the name of the source.
func (c *copying) askDestination(to, proposed string) (string, bool) {
	fs, rest, err := c.sw.flash.split(to)
	if err != nil {
		c.say(fmt.Sprintf("%%Error opening %s (%v)\n", to, err))
		return "", false
	}
	switch f, err := c.sw.flash.lookup(to); {
	case rest == "":
		rest = proposed
	case err == nil && f.dir, strings.HasSuffix(to, "/"):
		rest += "/" + proposed
	}
	name, ok := c.ask("Destination filename", rest)
	if !ok {
		return "", false
	}
	if strings.Contains(name, ":") {
		return name, true
	}
	return fs.prefix + "/" + strings.TrimPrefix(name, "/"), true
}

// copyWithin copies from one file of the switch to another.
func (c *copying) copyWithin(from, to string) {
	from, ok := c.askSource(from)
	if !ok {
		return
	}
	to, ok = c.askDestination(to, c.remoteName(from))
	if !ok || !c.trickQuestions(to, false) {
		return
	}
	if _, err := c.sw.flash.lookup(to); err == nil && !strings.HasPrefix(to, "nvram:") && !c.askOverwrite() {
		return
	}
	f, shown, err := c.sw.open(from)
	if err != nil {
		c.say(readError(asTyped(from, shown), err))
		return
	}
	data, err := f.body.all()
	if err == nil {
		err = c.sw.flash.write(to, data)
	}
	if err == errNoSpace {
		err = errNotEnough
	}
	if err != nil {
		c.say(fmt.Sprintf("%%Error copying %s (%v)\n", to, err))
		return
	}
	c.say(fmt.Sprintf("Copy in progress...C\n%d bytes copied in 0.420 secs (%d bytes/sec)\n", f.size, f.size*1000/420))
}
