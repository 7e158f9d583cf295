package ios

import (
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// BootConfig is the part of a configuration on which a restore depends.
type BootConfig struct {
	Absent     bool       // there is no startup-config
	Lines      []BootLine // the boot system lines, in their order
	FilePrompt string     // of "file prompt": "quiet", "noisy"; empty: alert, the default

	// IgnoresStartup is "system ignore startupconfig" of a Catalyst with IOS-XE: it
	// does not read its startup-config when it starts. Such a switch has no
	// config-register (Cisco, "Configuration Register Equivalent CLIs in Catalyst
	// 9000 Switches").
	IgnoresStartup bool
}

// BootLine is one boot system line of a configuration, verbatim: "boot system
// switch all flash:/x.bin".
type BootLine string

// ShowBootConfig is the command whose output ParseBootConfig reads. The host
// name and end prove that the output is whole.
const ShowBootConfig = "show running-config | include ^boot system|^file prompt|^system ignore|^hostname|^end"

// ShowSavedBootConfig is the same for the startup-config: the boot system lines that
// are saved.
const ShowSavedBootConfig = "show startup-config | include ^boot system|^hostname|^end|is not present"

// ParseSavedBootConfig reads the output of ShowSavedBootConfig, or a whole
// startup-config.
func ParseSavedBootConfig(text string) (BootConfig, error) {
	if startupAbsent.MatchString(text) {
		return BootConfig{Absent: true}, nil
	}
	return ParseBootConfig(text)
}

var startupAbsent = lazyregexp.New(`(?mi)^ *(?:%+ *)?startup-config is not present`)

// ParseBootConfig reads the output of ShowBootConfig, or a whole configuration.
// One without a host name and end is an error: an account under privilege level
// 15 sees only a part of the configuration.
func ParseBootConfig(text string) (BootConfig, error) {
	if err := Rejected(text); err != nil {
		return BootConfig{}, err
	}
	var c BootConfig
	var named, ended bool
	for _, line := range linesOf(text) {
		switch {
		case strings.HasPrefix(line, "boot system "):
			c.Lines = append(c.Lines, BootLine(line))
		case strings.HasPrefix(line, "file prompt "):
			c.FilePrompt = strings.TrimPrefix(line, "file prompt ")
		case strings.HasPrefix(line, "system ignore startupconfig"):
			c.IgnoresStartup = true
		case strings.HasPrefix(line, "hostname "):
			named = true
		case line == "end":
			ended = true
		}
	}
	if !named || !ended {
		return BootConfig{}, cause.New(cause.NotPermittedOnDevice, "show running-config shows no hostname and no end, so it is not complete",
			api.Say("look at the rights of this account with ").Type(api.OnDevice, "show privilege").Say("; it needs level 15"))
	}
	return c, nil
}

// File returns the file that a line names, or the list "a;b". It is empty for a
// line that names none, such as "boot system rom", or a server.
func (l BootLine) File() string {
	words := strings.Fields(strings.TrimPrefix(string(l), "boot system"))
	if len(words) > 2 && words[0] == "switch" {
		words = words[2:]
	}
	if len(words) > 1 && words[0] == "flash" {
		words = words[1:]
	}
	if len(words) != 1 || words[0] == "rom" || words[0] == "flash" {
		return ""
	}
	return words[0]
}

// Unit returns the member of a stack to which a line alone applies, as show boot
// calls it: "switch 2". It is empty for a line that applies to all.
func (l BootLine) Unit() string {
	words := strings.Fields(strings.TrimPrefix(string(l), "boot system"))
	if len(words) > 2 && words[0] == "switch" && words[1] != "all" {
		return "switch " + words[1]
	}
	return ""
}

// naming returns the line that names another file in the same words.
func (l BootLine) naming(file string) BootLine {
	return BootLine(strings.TrimSuffix(string(l), l.File()) + file)
}

// A BootStage is a set of lines for global configuration mode, and the files
// that the device boots, in order, once they are saved.
type BootStage struct {
	Lines []string
	Boot  []string
}

// SetBootList returns the change of the boot settings of a Catalyst with classic
// IOS. It has one setting, which holds the whole list and is replaced at once.
// all is true for a stack with more than one member.
func SetBootList(all bool, images []string) BootStage {
	command := "boot system "
	if all {
		command += "switch all "
	}
	return BootStage{Lines: []string{command + strings.Join(images, ";")}, Boot: images}
}

// AddBootLines returns the changes that make a device boot the images, in their
// order, where each line of the configuration names one file and the first one
// that is there wins. The device has a boot line at every moment. The first
// stage adds a line for the first image behind the present ones, which still
// decide. The second stage, after that line is proved, removes the others
// singly. Every stage has a line to type. same decides whether two paths mean one file.
func AddBootLines(now []BootLine, all bool, images []string, same func(a, b string) bool) []BootStage {
	line := func(file string) BootLine {
		switch {
		case len(now) > 0 && now[0].File() != "":
			return now[0].naming(file)
		case all:
			return BootLine("boot system switch all " + file)
		}
		return BootLine("boot system " + file)
	}
	if slices.EqualFunc(filesOf(now), images, same) { // not saved, or not in force: typed again, a line changes nothing
		return []BootStage{{Lines: []string{string(now[0])}, Boot: images}}
	}
	first := slices.IndexFunc(now, func(l BootLine) bool { return same(l.File(), images[0]) })
	var stages []BootStage
	if first < 0 && len(now) > 0 {
		stages = append(stages, BootStage{Lines: []string{string(line(images[0]))}, Boot: append(filesOf(now), images[0])})
	}
	last := BootStage{Boot: images}
	if len(now) == 0 {
		last.Lines = []string{string(line(images[0]))}
	}
	for i, l := range now {
		if i != first {
			last.Lines = append(last.Lines, "no "+string(l))
		}
	}
	for _, image := range images[1:] {
		again := line(image)
		if i := slices.IndexFunc(now, func(l BootLine) bool { return same(l.File(), image) }); i >= 0 {
			again = now[i]
		}
		last.Lines = append(last.Lines, string(again))
	}
	return append(stages, last)
}

// RestoreBootLines returns the lines of configuration mode that turn the boot
// lines now into those of before, without a moment in which the device has none
// of them.
func RestoreBootLines(now, before []BootLine) []string {
	same := 0
	for same < min(len(now), len(before)) && now[same] == before[same] {
		same++
	}
	var lines []string
	for _, l := range before[same:] {
		if slices.Contains(now[same:], l) {
			lines = append(lines, "no "+string(l))
		}
		lines = append(lines, string(l))
	}
	for _, l := range now[same:] {
		if !slices.Contains(before, l) {
			lines = append(lines, "no "+string(l))
		}
	}
	return lines
}

func filesOf(lines []BootLine) []string {
	var files []string
	for _, l := range lines {
		files = append(files, l.File())
	}
	return files
}
