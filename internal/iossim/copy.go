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

// place completes what stands for a file system or a configuration in a copy
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
	}
	return typed
}

// copyThrough is the copy command with the VRF that it names.
func (s *session) copyThrough(from, to, vrf string) {
	s.vrf = vrf
	s.copy(from, to)
	s.sw.rename()
}

// copy is the copy command. The questions and their order are those of the
// public transcripts: a copy from the switch asks for source, host,
// destination; one to the switch for host, source, destination.
func (s *session) copy(from, to string) {
	from, to = place(from), place(to)
	switch {
	case isTFTP(from) && isTFTP(to):
		s.say(fmt.Sprintf("%%Error copying %s (%v)\n", from, errInvalid))
	case isTFTP(to):
		s.copyOut(from, parseTFTP(to))
	case isTFTP(from):
		s.copyIn(parseTFTP(from), to)
	case from == "system:running-config" && to == "nvram:startup-config":
		if _, ok := s.ask("Destination filename", "startup-config"); ok {
			s.writeMemory(nil)
		}
	default:
		s.copyWithin(from, to)
	}
}

// copyOut sends a file to a TFTP server.
func (s *session) copyOut(from string, to tftpURL) {
	if !s.askPartition() {
		return
	}
	if s.sw.profile.can(oldCopy) && to.host != "" && to.name != "" {
		s.oldCopyOut(from, to)
		return
	}
	from, ok := s.askSource(from)
	if !ok {
		return
	}
	if to.host, ok = s.askHost(to.host); !ok {
		return
	}
	if to.name == "" || strings.HasSuffix(to.name, "/") {
		to.name += s.remoteName(from)
	}
	if to.name, ok = s.ask("Destination filename", to.name); !ok {
		return
	}
	if !s.trickQuestions(from, true) {
		return
	}
	f, shown, err := s.sw.open(from)
	if err != nil {
		s.say(readError(asTyped(from, shown), err))
		return
	}
	s.send(f, shown, to)
}

// askSource asks for the source file where the command leaves it open.
func (s *session) askSource(from string) (string, bool) {
	fs, rest, err := s.sw.flash.split(from)
	if err != nil {
		s.say(fmt.Sprintf("%%Error opening %s (%v)\n", from, err))
		return "", false
	}
	if rest != "" && !s.sw.profile.AsksSource {
		return from, true
	}
	if rest == "" {
		rest = s.sw.remembered()
	}
	name, ok := s.ask("Source filename", rest)
	if !ok {
		return "", false
	}
	s.sw.remember(name)
	if name == "" {
		s.say(fmt.Sprintf("%%Error parsing filename (%v)\n", errNoSuchFile))
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

// askHost asks for the server: even when the URL names it, which is then the
// default.
func (s *session) askHost(def string) (string, bool) {
	host, ok := s.ask("Address or name of remote host", def)
	if !ok {
		return "", false
	}
	if a, err := netip.ParseAddr(host); err != nil || !a.Is4() {
		s.say("?Invalid host address or name\n%Error parsing filename (Invalid IP address or hostname)\n")
		return "", false
	}
	return host, true
}

// remoteName is the name that IOS proposes on the server.
func (s *session) remoteName(from string) string {
	if from == "system:running-config" {
		return strings.ToLower(s.sw.o.Hostname) + "-confg"
	}
	_, rest, _ := s.sw.flash.split(from)
	return path.Base(rest)
}

// trickQuestions asks what the faults ask. It reports false when the copy is
// off.
func (s *session) trickQuestions(local string, out bool) bool {
	if s.sw.strikes(func(f *Faults) *Times { return &f.AskErase }) && !s.askErase(local) {
		return false
	}
	if out && s.sw.strikes(func(f *Faults) *Times { return &f.AskOverwrite }) {
		if !s.askOverwrite() {
			return false
		}
		if err := s.sw.flash.write(local, []byte("overwritten\n")); err != nil {
			s.say(fmt.Sprintf("%%Error writing %s (%v)\n", local, err))
			return false
		}
	}
	if s.sw.strikes(func(f *Faults) *Times { return &f.AskUnknown }) {
		return s.agreed("Transfer will use the auxiliary fabric plane. Switch planes now?")
	}
	return true
}

// askErase is the dialogue of a flash that is erased before it is written: the
// answer n goes on without erasing. It reports false when the person broke
// off.
func (s *session) askErase(local string) bool {
	fs, _, err := s.sw.flash.split(local)
	if err != nil || fs.total == 0 {
		return true
	}
	for _, question := range []string{
		"Erase " + fs.prefix + " before copying?",
		"Erasing the " + strings.TrimSuffix(fs.prefix, ":") + " filesystem will remove all files! Continue?",
	} {
		if yes, ok := s.confirm(question); !yes || !ok {
			return ok
		}
	}
	s.say("Erasing device... eeeeeeeeeeeeeeeeeeee ...erased\nErase of " + fs.prefix + " complete\n")
	if err := s.sw.flash.erase(fs.prefix); err != nil {
		s.say(fmt.Sprintf("%%Error erasing %s (%v)\n", fs.prefix, err))
	}
	return true
}

func (s *session) askOverwrite() bool {
	s.say("%Warning:There is a file already existing with this name \n")
	return s.agreed("Do you want to over write?")
}

// nowhere is the file system that keeps nothing.
const nowhere = "null:"

// copyIn fetches a file from a TFTP server.
func (s *session) copyIn(from tftpURL, to string) {
	complete := from.host != "" && from.name != "" && !s.sw.profile.AsksSource
	var ok bool
	if !complete {
		if from.host, ok = s.askHost(from.host); !ok {
			return
		}
		if from.name, ok = s.ask("Source filename", from.name); !ok {
			return
		}
	}
	if to != nowhere {
		to, ok = s.askDestination(to, path.Base(from.name))
		if !ok || !s.trickQuestions(to, false) {
			return
		}
	}
	if f, err := s.sw.flash.lookup(to); err == nil && !f.dir && !s.askOverwrite() {
		return
	}
	s.say("Accessing " + from.String() + "...\n")
	s.receive(from, to)
}

// askDestination asks for the file name on the switch: proposed is the
// source's, unless the command gave one.
func (s *session) askDestination(to, proposed string) (string, bool) {
	fs, rest, err := s.sw.flash.split(to)
	if err != nil {
		s.say(fmt.Sprintf("%%Error opening %s (%v)\n", to, err))
		return "", false
	}
	switch f, err := s.sw.flash.lookup(to); {
	case rest == "":
		rest = proposed
	case err == nil && f.dir, strings.HasSuffix(to, "/"):
		rest += "/" + proposed
	}
	name, ok := s.ask("Destination filename", rest)
	if !ok {
		return "", false
	}
	if strings.Contains(name, ":") {
		return name, true
	}
	return fs.prefix + "/" + strings.TrimPrefix(name, "/"), true
}

// copyWithin copies from one file of the switch to another.
func (s *session) copyWithin(from, to string) {
	from, ok := s.askSource(from)
	if !ok {
		return
	}
	to, ok = s.askDestination(to, s.remoteName(from))
	if !ok || !s.trickQuestions(to, false) {
		return
	}
	if _, err := s.sw.flash.lookup(to); err == nil && !strings.HasPrefix(to, "nvram:") && !s.askOverwrite() {
		return
	}
	f, shown, err := s.sw.open(from)
	if err != nil {
		s.say(readError(asTyped(from, shown), err))
		return
	}
	data, err := f.body.all()
	if err == nil {
		err = s.sw.flash.write(to, data)
	}
	if err == errNoSpace {
		err = errNotEnough
	}
	if err != nil {
		s.say(fmt.Sprintf("%%Error copying %s (%v)\n", to, err))
		return
	}
	s.say(fmt.Sprintf("Copy in progress...C\n%d bytes copied in 0.420 secs (%d bytes/sec)\n", f.size, f.size*1000/420))
}
