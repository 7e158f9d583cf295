package iossim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// commands returns the commands of the current mode and privilege.
func (s *session) commands() []command {
	var all []command
	table := execCommands()
	if s.configuring {
		table = slices.Concat(configCommands(), tftpCommands(), scpCommands())
	}
	for _, c := range table {
		if c.words == showFileSystems && s.sw.profile.can(noFileSystems) {
			continue
		}
		if (s.privileged || !c.privileged) && s.sw.profile.can(c.needs) {
			all = append(all, c)
		}
	}
	return all
}

const showFileSystems = "show file systems"

// execCommands lists every EXEC command of every profile.
func execCommands() []command {
	return []command{
		{"enable", false, always, (*session).enable},
		{"disable", false, always, func(s *session, _ []string) { s.privileged = false }},
		{"exit", false, always, (*session).leave},
		{"logout", false, always, (*session).leave},
		{"quit", false, always, (*session).leave},
		{"terminal length <0-512>", false, always, (*session).setLength},
		{"terminal width <0-512>", false, always, (*session).setWidth},
		{"terminal monitor", true, always, func(*session, []string) {}},
		{"terminal no monitor", true, always, func(*session, []string) {}},
		{"show version", false, always, showText("show_version")},
		{"show clock", false, always, (*session).showClock},
		{"show flash:", false, always, (*session).showFlash},
		{"show bootflash:", false, showBootflash, (*session).showFlash},
		{"show ip interface brief", false, always, showText("show_ip_interface_brief")},
		{"show access-lists", false, always, givenText("show_access_lists")},
		{"show policy-map control-plane", false, always, givenText("show_policy_map_control_plane")},
		{"show inventory", false, stackable, showText("show_inventory")},
		{"show switch", false, stackable, showText("show_switch")},
		{"show history", false, always, (*session).showHistory},
		{"show privilege", false, always, (*session).showPrivilege},
		{"show terminal", false, always, (*session).showTerminal},
		{"show boot", true, showBoot, showText("show_boot")},
		{"show bootvar", true, showBootvar, showText("show_bootvar")},
		{"show romvar", true, romVariables, (*session).showROMVariables},
		{"show install summary", true, showInstall, showText("show_install_summary")},
		{showFileSystems, true, always, func(s *session, _ []string) { s.show(s.sw.fileSystemsText()) }},
		{"show running-config", true, always, (*session).showRunning},
		{"show startup-config", true, always, (*session).showStartup},
		{"dir", true, always, func(s *session, _ []string) { s.show(s.sw.dirText("", false)) }},
		{"dir Path", true, always, func(s *session, a []string) { s.show(s.sw.dirText(a[0], false)) }},
		{"dir /all", true, always, func(s *session, _ []string) { s.show(s.sw.dirText("", true)) }},
		{"dir /all Path", true, always, func(s *session, a []string) { s.show(s.sw.dirText(a[0], true)) }},
		{"dir all-filesystems", true, always, func(s *session, _ []string) { s.show(s.sw.dirAllFileSystems(false)) }},
		{"dir /recursive", true, dirRecursive, func(s *session, _ []string) { s.show(s.sw.dirRecursive("")) }},
		{"dir /recursive Path", true, dirRecursive, func(s *session, a []string) { s.show(s.sw.dirRecursive(a[0])) }},
		{"dir /recursive all-filesystems", true, dirRecursive, func(s *session, _ []string) { s.show(s.sw.dirAllFileSystems(true)) }},
		{"more File", true, always, (*session).more},
		{"verify File", true, always, (*session).verifyPlain},
		{"verify /md5 File", true, verifyMD5, func(s *session, a []string) { s.verifyDigest("md5", a[0], "") }},
		{"verify /md5 File Digest", true, verifyMD5, func(s *session, a []string) { s.verifyDigest("md5", a[0], a[1]) }},
		{"verify /sha512 File", true, verifySHA512, func(s *session, a []string) { s.verifyDigest("sha512", a[0], "") }},
		{"verify /sha512 File Digest", true, verifySHA512, func(s *session, a []string) { s.verifyDigest("sha512", a[0], a[1]) }},
		{"copy From To", true, always, func(s *session, a []string) { (&copying{s, ""}).run(a[0], a[1]) }},
		{"copy From To vrf Name", true, vrfCopy, func(s *session, a []string) { (&copying{s, a[2]}).run(a[0], a[1]) }},
		{"configure terminal", true, always, (*session).configure},
		{"write", true, always, (*session).writeMemory},
		{"write memory", true, always, (*session).writeMemory},
		{"reload", true, always, (*session).reload},
		{"redundancy reload shelf", true, reloadShelf, (*session).reloadShelf},
		{"delete File", true, always, func(s *session, a []string) { s.delete(a[0], false) }},
		{"delete /force File", true, always, func(s *session, a []string) { s.delete(a[0], true) }},
		{"squeeze File", true, always, func(s *session, a []string) { s.squeeze(a[0]) }},
		{"mkdir Path", true, always, func(s *session, a []string) { s.mkdir(a[0]) }},
		{"install add file Path activate commit", true, installMode, func(s *session, a []string) { s.install(a[0]) }},
	}
}

// explain returns the help text of a word.
func explain(word string) string {
	texts := map[string]string{
		"<cr>": "", "File": "File name", "Path": "Directory or file name", "From": "Copy from file", "To": "Copy to file",
		"Name": "VRF name", "Digest": "Expected digest", "<0-512>": "Number; 0 means no limit",
		"clock": "Display the system clock", "copy": "Copy from one file to another", "delete": "Delete a file",
		"dir": "List files on a filesystem", "disable": "Turn off privileged commands", "enable": "Turn on privileged commands",
		"exit": "Exit from the EXEC", "logout": "Exit from the EXEC", "quit": "Exit from the EXEC", "more": "Display the contents of a file",
		"show": "Show running system information", "terminal": "Set terminal line parameters", "verify": "Verify a file",
		"version": "System hardware and software status", "boot": "Show boot attributes", "flash:": "Display flash: information",
		"file": "Show filesystem information", "running-config": "Current operating configuration",
		"startup-config": "Contents of startup configuration", "ip": "IP information", "length": "Set number of lines on a screen",
		"width": "Set width of the display terminal", "/md5": "Compute an MD5 signature", "/sha512": "Compute a SHA-512 signature",
		"/recursive": "List files recursively", "/all": "List all files", "all-filesystems": "List files on all filesystems",
		"vrf": "Use a VRF for the transfer", "/force": "Delete without asking", "switch": "Show the stack",
		"inventory": "Show the physical inventory", "history": "Display the session command history",
		"privilege": "Show current privilege level", "monitor": "Copy log messages to this terminal", "no": "Negate a command",
		"configure": "Enter configuration mode", "write": "Write running configuration to memory", "memory": "Write to NV memory",
		"reload": "Halt and perform a cold restart", "redundancy": "Redundant supervisors", "shelf": "Both supervisors", "system": "Set the system image", "all": "All members of the stack",
		"end": "Exit from configure mode", "do": "Run an EXEC command", "hostname": "Set the name of the switch",
		"squeeze": "Squeeze a filesystem", "mkdir": "Create a directory", "install": "Install software", "summary": "Summary of the packages", "add": "Add a package", "activate": "Activate what was added",
		"commit": "Keep it over the next start", "interface": "IP interface status", "brief": "Brief summary of IP status", "systems": "List filesystems",
		"access-lists": "List access lists", "policy-map": "Show policy maps", "control-plane": "Policy of the control plane",
	}
	return texts[word]
}

func (s *session) leave(_ []string) { s.over = true }

func (s *session) setLength(a []string) {
	if s.sw.strikes(func(f *Faults) *Times { return &f.KeepPaging }) {
		return
	}
	n, _ := strconv.Atoi(a[0]) // the parser took it as a number
	s.term.length.Store(int32(n))
}

func (s *session) setWidth(a []string) {
	if s.sw.strikes(func(f *Faults) *Times { return &f.KeepWidth }) {
		s.reject(&parseError{"% Invalid input detected at '^' marker.", len("terminal ")})
		return
	}
	n, _ := strconv.Atoi(a[0])
	s.term.width.Store(int32(n))
}

// showText prints a text of the profile.
func showText(name string) func(*session, []string) {
	return func(s *session, _ []string) {
		if text, ok := s.sw.o.Texts[name]; ok {
			s.show(text)
			return
		}
		text, err := s.sw.profile.text(name, s.sw.fill())
		if err != nil { // a defect of the profile: a person must see it
			text = "% " + err.Error() + "\n"
		}
		s.show(text)
	}
}

// fill returns the values for the templates of this switch.
func (s *Switch) fill() fill {
	s.mu.Lock()
	defer s.mu.Unlock()
	up := s.uptime().Truncate(time.Minute)
	return fill{
		Hostname:  s.o.Hostname,
		Address:   s.address().String(),
		Uptime:    s.boot.upSince() + fmt.Sprintf("%d hours, %d minutes", int(up.Hours()), int(up.Minutes())%60),
		Image:     s.boot.running,
		BootLines: s.boot.lines,
		units:     slices.Clone(s.boot.units),
		Uplink:    s.profile.Uplink,
		Loopback:  s.loopbackAddress(),
		Restart:   s.started.Add(-23 * 24 * time.Hour).UTC().Format("15:04:05 MST Mon Jan 2 2006"),
	}
}

func (s *session) showClock(_ []string) {
	s.show(time.Now().UTC().Format("*15:04:05.000 MST Mon Jan 2 2006") + "\n")
}

func (s *session) showFlash(_ []string) {
	whole, _, err := s.sw.flash.split("")
	switch {
	case err == nil && len(s.sw.flash.partitions(whole)) > 0:
		s.show(s.sw.flashByPartition(whole))
		return
	case s.sw.profile.Numbered:
		s.show(s.sw.flashByNumber())
		return
	}
	s.show("\n" + s.sw.dirText("", false))
}

func (s *session) showHistory(_ []string) {
	s.show("  " + strings.Join(s.history, "\n  ") + "\n")
}

func (s *session) showPrivilege(_ []string) {
	level := 1
	switch {
	case s.restricted():
		level = s.sw.o.Privilege
	case s.privileged:
		level = 15
	}
	s.show(fmt.Sprintf("Current privilege level is %d\n", level))
}

func (s *session) showTerminal(_ []string) {
	s.show(fmt.Sprintf("Line 1, Location: \"\", Type: \"\"\nLength: %d lines, Width: %d columns\n",
		s.term.length.Load(), s.term.width.Load()))
}

// givenText prints a text of Options.Texts, or nothing.
func givenText(name string) func(*session, []string) {
	return func(s *session, _ []string) { s.show(s.sw.o.Texts[name]) }
}

func (s *session) showRunning(_ []string) {
	if !s.build() {
		return
	}
	text := s.sw.configured(s.sw.textFile("system:running-config"))
	if s.restricted() {
		text = visible(text)
	}
	s.show(fmt.Sprintf("Building configuration...\n\nCurrent configuration : %d bytes\n%s\n", len(text), text))
}

func (s *session) showStartup(_ []string) {
	text := s.sw.textFile("nvram:startup-config")
	if text == "" {
		s.show("startup-config is not present\n")
		return
	}
	s.show(fmt.Sprintf("Using %d out of %d bytes\n%s\n", len(text), s.sw.nvramSize(), text))
}

// textFile returns a file that every new switch has; "" if it was deleted.
func (s *Switch) textFile(path string) string {
	data, _ := s.File(path)
	return string(data)
}

func (s *Switch) nvramSize() int64 {
	for _, fs := range s.flash.systems {
		if fs.named("nvram:") {
			return fs.total
		}
	}
	return 0
}

func (s *session) more(a []string) {
	f, shown, err := s.sw.open(a[0])
	if err != nil {
		s.show(readError(shown, err))
		return
	}
	data, err := f.body.all()
	if err != nil {
		s.show(readError(shown, err))
		return
	}
	s.show(strings.ToValidUTF8(string(data), ".") + "\n")
}

// open finds a file to read. shown is its path for error lines.
func (s *Switch) open(typed string) (f file, shown string, err error) {
	fs, rest, err := s.flash.split(typed)
	if err != nil {
		return file{}, typed, err
	}
	shown = fs.prefix + "/" + rest
	f, err = s.flash.lookup(typed)
	if err == nil && f.dir {
		err = errIsDirectory
	}
	return f, shown, err
}

// readError returns the line that IOS prints for a file that it cannot read.
func readError(shown string, err error) string {
	verb := "opening"
	if err == errIsDirectory {
		verb = "reading"
	}
	return fmt.Sprintf("%%Error %s %s (%v)\n", verb, shown, err)
}

func (s *session) delete(typed string, force bool) {
	fs, rest, err := s.sw.flash.split(typed)
	if err != nil {
		s.say(fmt.Sprintf("%%Error deleting %s (%v)\n", typed, err))
		return
	}
	if !force {
		name, ok := s.ask("Delete filename", rest)
		if !ok {
			return
		}
		typed = fs.prefix + "/" + strings.TrimPrefix(name, "/")
		if !s.quiet() && !s.agreed("Delete "+typed+"?") {
			return
		}
	}
	if err := s.sw.flash.remove(typed); err != nil {
		s.say(fmt.Sprintf("%%Error deleting %s (%v)\n", typed, err))
	}
}

// squeeze frees the space of deleted files (Configuration Fundamentals Command
// Reference, "squeeze").
func (s *session) squeeze(typed string) {
	fs, _, err := s.sw.flash.split(typed)
	if err != nil || !fs.squeeze {
		s.say(fmt.Sprintf("%%Error squeezing %s (%v)\n", typed, errInvalid))
		return
	}
	if s.agreed("All deleted files will be removed. Continue?") && s.agreed("Squeeze operation may take a while. Continue?") {
		s.sw.flash.reclaim(fs)
		s.say("Squeeze of " + fs.prefix + " complete\n")
	}
}

// mkdir makes a directory. Its parent must exist.
func (s *session) mkdir(typed string) {
	fs, rest, err := s.sw.flash.split(typed)
	if err != nil {
		s.say(fmt.Sprintf("%%Error Creating dir %s (%v)\n", typed, err))
		return
	}
	name, ok := s.ask("Create directory filename", rest)
	if !ok {
		return
	}
	path := fs.prefix + "/" + strings.Trim(name, "/")
	if err := s.sw.flash.mkdir(path); err != nil {
		s.say(fmt.Sprintf("%%Error Creating dir %s (%v)\n", path, err))
		return
	}
	s.say("Created dir " + path + "\n")
}
