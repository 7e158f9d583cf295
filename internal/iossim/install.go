package iossim

import (
	"fmt"
	"strings"
)

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
	for unit := range s.sw.Units() {
		own := fs.prefix
		if err == nil {
			err = s.sw.flash.write(s.sw.pathOn(unit+1, own+"/"+name), data)
		}
		if err == nil {
			err = s.sw.flash.write(s.sw.pathOn(unit+1, own+"/packages.conf"), []byte("boot  rp 0 0   rp_boot  "+name+"\n"))
		}
	}
	if err != nil {
		s.say(fmt.Sprintf("FAILED: install_add_activate_commit (%v)\n", err))
		return
	}
	s.say("SUCCESS: install_add_activate_commit\n")
	s.sw.restart()
}
