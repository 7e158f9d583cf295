package iossim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// boot is the running image and the boot settings.
type boot struct {
	running string   // the system image file
	next    []string // BOOT, in order
	unsaved bool     // the running-config differs from the startup-config
	again   bool     // it was started again since it was made
	all     bool     // BOOT was set for all members of a stack
	loader  bool     // no image to boot: the switch stays in its boot loader
}

// upSince returns the uptime before this process started.
func (b boot) upSince() string {
	if b.again {
		return ""
	}
	return "3 weeks, 2 days, "
}

// configCommands lists the commands of global configuration mode that a restore
// needs.
func configCommands() []command {
	setBoot := func(s *session, a []string) { s.setBoot(a[0]) }
	clear := func(s *session, _ []string) { s.clearBoot("") }
	return []command{
		{"boot system Path", true, always, setBoot},
		{"boot system switch all Path", true, stackable, func(s *session, a []string) {
			s.setBoot(a[0])
			s.sw.mu.Lock()
			s.sw.boot.all = true
			s.sw.mu.Unlock()
		}},
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

// setBoot adds an image to the boot settings. A Catalyst with classic IOS
// replaces its one setting; IOS-XE appends to its list.
func (s *session) setBoot(path string) {
	s.changeBoot(func(next []string) []string {
		if s.sw.profile.BootList {
			return append(next, path)
		}
		return strings.Split(path, ";")
	})
}

// clearBoot removes one image from BOOT, or all with "".
func (s *session) clearBoot(path string) {
	s.changeBoot(func(next []string) []string {
		return slices.DeleteFunc(next, func(p string) bool { return path == "" || p == path })
	})
}

func (s *session) changeBoot(change func([]string) []string) {
	if s.sw.strikes(func(f *Faults) *Times { return &f.IgnoreBoot }) {
		return
	}
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

// writeMemory saves the running-config for the next start: in nvram:, and in
// config.text on a Catalyst that has this file.
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

// reload asks the questions of IOS and then restarts the switch.
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

// restart hangs up every line and starts the first image of BOOT that exists,
// or the first image in flash, as boot loaders do. Without any image the switch
// stays in its loader and answers nobody.
func (s *Switch) restart() {
	s.mu.Lock()
	conns := slices.Collect(maps.Keys(s.conns))
	next := slices.Clone(s.boot.next)
	s.mu.Unlock()
	image := s.firstThere(append(next, s.imagesInFlash()...))
	if s.strikes(func(f *Faults) *Times { return &f.BootOld }) {
		image = s.fill().Image
	}
	s.mu.Lock()
	s.boot.again, s.boot.loader, s.started = true, image == "", time.Now()
	if image != "" {
		s.boot.running = image
	}
	s.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}

// firstThere returns the first path that is a file, or "".
func (s *Switch) firstThere(paths []string) string {
	for _, path := range paths {
		if f, err := s.flash.lookup(path); err == nil && !f.dir {
			return path
		}
	}
	return ""
}

// imagesInFlash returns the images that a boot loader finds without BOOT.
func (s *Switch) imagesInFlash() []string {
	var found []string
	for _, path := range s.Files() {
		if strings.HasSuffix(path, ".bin") || strings.HasSuffix(path, "/packages.conf") {
			found = append(found, path)
		}
	}
	return found
}

// Bootable reports whether a restart would find an image to boot.
func (s *Switch) Bootable() bool {
	s.mu.Lock()
	next := slices.Clone(s.boot.next)
	s.mu.Unlock()
	return s.firstThere(append(next, s.imagesInFlash()...)) != ""
}

// BootNext returns the images of BOOT, in order.
func (s *Switch) BootNext() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.boot.next)
}

// Wipe empties every flash file system and BOOT, like somebody who erases the
// flash of a running switch. The running image stays in memory and goes on.
func (s *Switch) Wipe() error {
	for _, fs := range s.flash.systems {
		if fs.flags == "rw" && fs.total > 0 && fs.kind != "nvram" {
			if err := s.flash.erase(fs.prefix); err != nil {
				return err
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boot.next = nil
	return nil
}

// Remove deletes one file, like somebody at the console.
func (s *Switch) Remove(path string) error { return s.flash.remove(path) }

// Write stores a file. It replaces a file of the same path.
func (s *Switch) Write(path string, data []byte) error { return s.flash.write(path, data) }

// install expands an image into packages, writes a packages.conf that names
// them, and restarts the switch. The texts are those of IOS-XE 17.
func (s *session) install(path string) {
	f, shown, err := s.sw.open(path)
	if err != nil {
		s.say("install_add_activate_commit: START\n" + readError(shown, err) + "FAILED: install_add_activate_commit\n")
		return
	}
	s.say("install_add_activate_commit: START\ninstall_add_activate_commit: Adding PACKAGE\n")
	if yes, ok := s.yesOrNo("This operation requires a reload of the system. Do you want to proceed? [y/n]"); !yes || !ok {
		return
	}
	fs, rest, _ := s.sw.flash.split(path) // open took it
	name := strings.TrimSuffix(rest, ".bin") + ".pkg"
	data, err := f.body.all()
	if err == nil {
		err = s.sw.flash.write(fs.prefix+"/"+name, data)
	}
	if err == nil {
		err = s.sw.flash.write(fs.prefix+"/packages.conf", []byte("boot  rp 0 0   rp_boot  "+name+"\n"))
	}
	if err != nil {
		s.say(fmt.Sprintf("FAILED: install_add_activate_commit (%v)\n", err))
		return
	}
	s.say("SUCCESS: install_add_activate_commit\n")
	s.sw.restart()
}
