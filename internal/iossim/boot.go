package iossim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// boot is what runs and what will run.
type boot struct {
	running string   // the system image file
	next    []string // BOOT, in order
	unsaved bool     // the running-config differs from the startup-config
}

// configCommands is what global configuration mode knows: what a restore
// needs.
func configCommands() []command {
	setBoot := func(s *session, a []string) { s.setBoot(a[0]) }
	clear := func(s *session, _ []string) { s.clearBoot("") }
	return []command{
		{"boot system Path", true, always, setBoot},
		{"boot system switch all Path", true, stackable, setBoot},
		{"no boot system", true, always, clear},
		{"no boot system Path", true, always, func(s *session, a []string) { s.clearBoot(a[0]) }},
		{"no boot system switch all", true, stackable, clear},
		{"no boot system switch all Path", true, stackable, func(s *session, a []string) { s.clearBoot(a[0]) }},
		{"exit", true, always, (*session).endConfiguration},
		{"end", true, always, (*session).endConfiguration},
	}
}

func (s *session) configure(_ []string) {
	s.say("Enter configuration commands, one per line.  End with CNTL/Z.\n")
	s.configuring = true
}

func (s *session) endConfiguration(_ []string) { s.configuring = false }

// setBoot makes an image the next to boot. A Catalyst with classic IOS keeps
// one setting, IOS-XE puts each behind those that there are.
func (s *session) setBoot(path string) {
	s.changeBoot(func(next []string) []string {
		if s.sw.profile.bootList {
			return append(next, path)
		}
		return strings.Split(path, ";")
	})
}

// clearBoot takes one image, or with "" all, out of BOOT.
func (s *session) clearBoot(path string) {
	s.changeBoot(func(next []string) []string {
		return slices.DeleteFunc(next, func(p string) bool { return path == "" || p == path })
	})
}

func (s *session) changeBoot(change func([]string) []string) {
	s.sw.mu.Lock()
	s.sw.boot.next = change(s.sw.boot.next)
	s.sw.boot.unsaved = true
	s.sw.mu.Unlock()
	text, err := s.sw.profile.text("running-config", s.sw.fill())
	if err == nil {
		err = s.sw.flash.replace("system:running-config", text)
	}
	if err != nil {
		s.say(fmt.Sprintf("%% %v\n", err))
	}
}

// writeMemory keeps the running-config for the next start: in nvram:, and in
// config.text on a Catalyst that keeps it in flash.
func (s *session) writeMemory(_ []string) {
	s.say("Building configuration...\n")
	text := s.sw.textFile("system:running-config")
	for _, path := range []string{"nvram:startup-config", "config.text"} {
		if err := s.sw.flash.replace(path, text); err != nil && err != errNoSuchFile {
			s.say(fmt.Sprintf("%%Error writing %s (%v)\n", path, err))
			return
		}
	}
	s.sw.mu.Lock()
	s.sw.boot.unsaved = false
	s.sw.mu.Unlock()
	s.say("[OK]\n")
}

// reload asks as IOS does, hangs up every line and runs what BOOT names: the
// first image of it that is there, else what ran before.
func (s *session) reload(_ []string) {
	s.sw.mu.Lock()
	unsaved := s.sw.boot.unsaved
	s.sw.mu.Unlock()
	if unsaved {
		save, ok := s.yesNo("\nSystem configuration has been modified. Save? [yes/no]: ")
		if !ok {
			return
		}
		if save {
			s.writeMemory(nil)
		}
	}
	if s.agreed("Proceed with reload?") {
		s.sw.restart()
	}
}

// yesNo asks a question that wants the word.
func (s *session) yesNo(question string) (yes, ok bool) {
	for {
		e := lineEditor{t: s.term, prompt: question}
		answer, err := e.read()
		if err != nil {
			s.sw.note(strings.TrimSpace(question) + " ^C")
			return false, false
		}
		s.sw.note(strings.TrimSpace(question) + " " + answer)
		switch word := strings.ToLower(strings.TrimSpace(answer)); {
		case word != "" && strings.HasPrefix("yes", word):
			return true, true
		case word != "" && strings.HasPrefix("no", word):
			return false, true
		}
		s.say("% Please answer 'yes' or 'no'.\n")
	}
}

// restart is the end of every line and the start of what BOOT names.
func (s *Switch) restart() {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	next := slices.Clone(s.boot.next)
	s.mu.Unlock()
	for _, path := range next {
		if f, err := s.flash.lookup(path); err == nil && !f.dir {
			s.mu.Lock()
			s.boot.running = path
			s.mu.Unlock()
			break
		}
	}
	for _, c := range conns {
		c.Close()
	}
}
