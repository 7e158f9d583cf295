package iossim

import (
	"slices"
	"strings"
	"time"
)

// admit does what a device does between the password and the first prompt: it
// may ask for a token, refuse the session, or show a menu. It reports false if
// the line ends without a prompt.
func (s *session) admit() bool {
	if s.sw.strikes(func(f *Faults) *Times { return &f.NoSession }) {
		s.say("% Authorization failed.\n")
		return false
	}
	for _, question := range []string{s.sw.o.Token, s.sw.o.Menu} {
		if question == "" {
			continue
		}
		e := lineEditor{t: s.term, prompt: question}
		answer, err := e.read()
		if err == nil {
			s.sw.note(question[strings.LastIndexByte(question, '\n')+1:] + answer)
		}
		return false
	}
	return true
}

// restricted reports whether the account sees only a part of the configuration.
func (s *session) restricted() bool {
	return s.privileged && !s.enabled && s.sw.o.Privilege != 0 && s.sw.o.Privilege < 15
}

// visible returns the part of a configuration that an account under privilege
// level 15 sees: comments and end (Cisco, "Configure View of the Running
// Configuration with Lower Privilege Level User Accounts").
func visible(config string) string {
	lines := slices.DeleteFunc(strings.Split(config, "\n"), func(line string) bool {
		return line != "!" && line != "boot-start-marker" && line != "boot-end-marker" && line != "end"
	})
	return strings.Join(lines, "\n") + "\n"
}

// build waits as long as the device needs to build its configuration. It reports
// false if the switch was closed meanwhile.
func (s *session) build() bool {
	if s.sw.o.ConfigDelay <= 0 {
		return true
	}
	t := time.NewTimer(s.sw.o.ConfigDelay)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-s.sw.ctx.Done():
		return false
	}
}
