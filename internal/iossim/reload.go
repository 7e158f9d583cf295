package iossim

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// reload asks the questions of IOS and then restarts the switch. On a Catalyst
// 4500 with two supervisors, or two chassis, only the active one restarts, and the
// other takes over, with the image that it runs (Catalyst 4500 software
// configuration guide, "Configuring Supervisor Engine Redundancy" and "Configuring
// Virtual Switching Systems": reload restarts the switch where it is typed). We know
// no such text about the 6500; it is simulated in the same way.
func (s *session) reload(_ []string) {
	saved := s.savedOrNot()
	if saved && s.sw.waits() { // seen on a Catalyst 9300 with 16.12, alone and in a stack
		s.say("Reload command is being issued on Active unit, this will reload the whole stack\n")
	}
	switch {
	case !saved || !s.agreed(cmp.Or(s.sw.o.Faults.ReloadAsks, s.sw.reloadQuestion())):
	case s.sw.profile.can(reloadOne):
		s.sw.switchOver()
	default:
		s.sw.restart()
	}
}

// reloadQuestion is the last question of reload. A stack with classic IOS asks about
// the whole stack (Catalyst 1000 command reference, release 15.2(7)E, "reload").
func (s *Switch) reloadQuestion() string {
	if s.profile.can(stackable) && !s.profile.BootList && s.Units() > 1 {
		return "Proceed to reload the whole Stack?"
	}
	return "Proceed with reload?"
}

// reloadShelf restarts both supervisors (the questions: Unicon's patterns of
// systems with two supervisors).
func (s *session) reloadShelf(_ []string) {
	if s.sw.strikes(func(f *Faults) *Times { return &f.RejectShelf }) {
		s.reject(&parseError{"% Invalid input detected at '^' marker.", len("redundancy ")})
		return
	}
	if s.savedOrNot() && s.agreed(cmp.Or(s.sw.o.Faults.ReloadAsks, "Reload the entire shelf")) {
		s.sw.restart()
	}
}

// savedOrNot asks whether to save a configuration that was changed. It reports
// false if the user broke off.
func (s *session) savedOrNot() bool {
	s.sw.mu.Lock()
	unsaved := s.sw.boot.unsaved
	s.sw.mu.Unlock()
	if !unsaved {
		return true
	}
	save, ok := s.yesNo("\nSystem configuration has been modified. Save? [yes/no]: ")
	if ok && save {
		s.writeMemory(nil)
	}
	return ok
}

// switchOver hangs up every line: the other supervisor, which runs the same image,
// answers from now on. The uptime goes on.
func (s *Switch) switchOver() {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	s.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// restart hangs up every line and does what the loaders of all units do at a
// start. A switch whose own loader finds no image answers nobody.
func (s *Switch) restart() {
	image, err := s.Boots(1)
	if s.strikes(func(f *Faults) *Times { return &f.BootOld }) {
		image, err = s.fill().Image, nil
	}
	var lost []int
	for i := range s.profile.Members {
		if _, err := s.Boots(i + 2); err != nil {
			lost = append(lost, i+2)
		}
	}
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	s.boot.again, s.boot.loader, s.boot.lost, s.started, s.boot.unsaved = true, err != nil, lost, time.Now(), false
	if err == nil {
		s.boot.running = image
	}
	for i := range s.boot.units {
		s.boot.units[i].register = s.boot.units[i].next
	}
	ignored := s.boot.units[0].register&ignoreNVRAM != 0 || s.boot.ignores
	s.mu.Unlock()
	s.readStartup(ignored)
	for _, c := range conns {
		c.Close()
	}
}

// setsBoot reports whether a start that has read these boot lines sets BOOT. The loader of a router
// reads the lines in the startup-config: without any it starts the first image in flash ("Loading and
// Managing System Images", on the startup process). BOOT of a Catalyst stays.
func (s *Switch) setsBoot(lines []string, ignored bool) bool {
	return len(lines) > 0 || !ignored && s.profile.BootList && !s.waits()
}

// readStartup makes the startup-config the running one, or an empty one where
// the config-register has it ignored.
func (s *Switch) readStartup(ignored bool) {
	text := s.textFile("nvram:startup-config")
	if ignored || text == "" {
		text = "!\nversion 15.0\n!\nhostname Switch\n!\nboot-start-marker\nboot-end-marker\n!\nend\n"
	}
	s.mu.Lock()
	s.boot.lines = bootLinesOf(text)
	s.mu.Unlock()
	if s.setsBoot(bootLinesOf(text), ignored) { // a Catalyst sets its one setting again when it reads the lines
		s.mu.Lock()
		s.boot.read(bootLinesOf(text), s.profile.BootList)
		s.mu.Unlock()
	}
	if err := s.flash.replace("system:running-config", text); err != nil {
		s.log.Debug("start", "device", s.o.Hostname, "err", err)
	}
}

// PowerCycle restarts the switch without any question, like a power cut.
func (s *Switch) PowerCycle() { s.restart() }
