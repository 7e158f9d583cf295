package ios

import (
	"fmt"
	"strings"
	"time"
)

// Lines returns the facts that show version and show boot print, one line each, without
// those that change by themselves. Two devices with the same lines run and boot the same.
// Stack and Install, which other commands print, are not among them.
func (f Facts) Lines() []string {
	var lines []string
	add := func(what, value string) {
		if value != "" {
			lines = append(lines, fmt.Sprintf("%s %q", what, value))
		}
	}
	add("hostname", f.Hostname)
	add("os", f.OS)
	add("version", f.Version)
	add("model", f.Model)
	add("mode", f.Mode)
	add("image", f.Image)
	add("serial", f.Serial)
	for _, s := range f.Serials {
		add("serial number", s)
	}
	add("config-register", f.Register)
	add("next config-register", f.NextRegister)
	add("boot", f.BootPath)
	add("config file", f.ConfigFile)
	add("private config file", f.PrivateFile)
	add("manual boot", f.ManualBoot)
	for _, s := range f.Starts {
		lines = append(lines, fmt.Sprintf("boot of %q %q", s.Unit, s.Path))
		add("manual boot of "+s.Unit, s.ManualBoot)
		add("config-register of "+s.Unit, s.Register)
		add("next config-register of "+s.Unit, s.NextRegister)
	}
	for _, m := range f.Members {
		lines = append(lines, fmt.Sprintf("member %d %q %q %q %q active %t", m.Number, m.Model, m.Version, m.Image, m.Mode, m.Active))
	}
	return lines
}

// SameMoment returns one text for all spellings of a date in a listing that mean the same
// moment: devices print it in local time, which changes with daylight saving. A date
// without the distance to UTC is returned as it is, with single blanks.
func SameMoment(modified string) string {
	text := strings.Join(strings.Fields(modified), " ")
	t, err := time.Parse("Jan 2 2006 15:04:05 -07:00", text)
	if err != nil {
		return text
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// StartupWritten returns the comment in a running-config that says when the startup-config
// was last written; empty if it was not written since the device started.
func StartupWritten(config string) string {
	const comment = "! NVRAM config last updated at "
	i := strings.Index("\n"+config, "\n"+comment)
	if i < 0 {
		return ""
	}
	line, _, _ := strings.Cut(config[i:], "\n")
	return strings.TrimSpace(line)
}
