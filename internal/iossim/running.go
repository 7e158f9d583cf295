package iossim

import (
	"fmt"
	"slices"
	"strings"
)

// Running returns the file that the switch started from, as show version names it.
func (s *Switch) Running() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.boot.running
}

// EditRunningConfig replaces a text in the running-config, like somebody who configures the
// switch and does not save.
func (s *Switch) EditRunningConfig(old, new string) error {
	const path = "system:running-config"
	text := s.textFile(path)
	if !strings.Contains(text, old) {
		return fmt.Errorf("the running-config has no %q", old)
	}
	before := bootLinesOf(text)
	text = strings.Replace(text, old, new, 1)
	if lines := bootLinesOf(text); !slices.Equal(lines, before) {
		s.mu.Lock()
		if s.boot.lines = lines; !s.profile.BootList {
			s.boot.read(lines, false)
		}
		s.mu.Unlock()
	}
	return s.flash.replace(path, text)
}
