package ios

import (
	"fmt"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// Change is one command that changes a device: the line to type, the answers to
// its questions, and the meaning of its output. Only a restore types such
// commands.
type Change struct {
	Line string // the line to type

	answers []answer
	done    *lazyregexp.Regexp // a text that the output of a successful command has; nil: no refusal is enough
}

// answer is the text to type at one question.
type answer struct {
	question *lazyregexp.Regexp
	path     string // the path that the first group of question must match; empty: any
	text     string
}

// Answer returns the text to type at a question of the command. It declines a
// question that does not belong to the command, as [Copy.Answer] does.
func (c Change) Answer(question string) (string, error) {
	asked := lastQuestion(strings.TrimSpace(StripSyslog(question)))
	for _, a := range c.answers {
		m := a.question.FindStringSubmatch(asked)
		if m != nil && (a.path == "" || nameOnDevice(CleanPath(m[1])) == nameOnDevice(CleanPath(a.path))) {
			return a.text, nil
		}
	}
	if !destroys.MatchString(asked) {
		return "", cause.New(cause.PromptUnrecognised, "at `"+c.Line+"` the device asked "+quote(asked), byHand(c.Line))
	}
	no := "n"
	if yesNo.MatchString(asked) {
		no = "no"
	}
	return no, cause.New(cause.UnsafePrompt, "at `"+c.Line+"` the device asked "+quote(asked), byHand(c.Line))
}

// Result returns the reason why the command failed, or nil.
func (c Change) Result(output string) error {
	if err := Rejected(output); err != nil {
		return fmt.Errorf("%s: %w", c.Line, err)
	}
	text := strings.Join(linesOf(output), "\n")
	if m := ownRefusal.FindString(text); m != "" {
		return cause.New(cause.CommandRejected, c.Line+": the device answered "+quote(m), byHand(c.Line))
	}
	if c.done != nil && !c.done.MatchString(text) {
		return cause.New(cause.CommandRejected, c.Line+": the device did not report success; its output ends with "+quote(lastLine(text)), byHand(c.Line))
	}
	return nil
}

var (
	// % Command rejected: …, % Error in saving …, FAILED: install_add …
	ownRefusal = lazyregexp.New(`(?mi)^(?:% ?(?:command rejected|error\b|failed\b|cannot\b|unable\b|file not found)|FAILED: ).*`)

	deleteName    = lazyregexp.New(`(?i)^delete filename \[[^\]]*\]\?$`)
	deleteConfirm = lazyregexp.New(`(?i)^delete (\S+?)\s*\?\s*\[confirm\]$`)
	mkdirName     = lazyregexp.New(`(?i)^create directory filename \[[^\]]*\]\?$`)
	created       = lazyregexp.New(`(?mi)^created dir `)
	saved         = lazyregexp.New(`\[OK\]`)
	saveQuestion  = lazyregexp.New(`(?i)^system config(?:uration)? has been modified\. save\s*\?\s*\[yes/no\]:?$`)
	// The second form is that of a stack with classic IOS (Catalyst 1000 command reference,
	// "reload").
	reloadConfirm = lazyregexp.New(`(?i)^proceed (?:with reload|to reload the whole stack)\s*\?\s*\[confirm\]$`)
	// Reload this shelf [confirm] is another question: it is about one chassis of two.
	shelfConfirm = lazyregexp.New(`(?i)^reload the entire shelf\s*\??\s*\[confirm\]$`)
	installSave  = lazyregexp.New(`(?i)save the configuration|you may save configuration and re-?enter`)
	installGo    = lazyregexp.New(`(?i)^(?:this operation (?:may )?requires? a reload of the system\. )?do you want to proceed\s*\?.*\[y/n\]$|^please confirm you have changed boot config to \S+ \[y/n\]$`)
	installed    = lazyregexp.New(`(?m)^SUCCESS: install_add_activate_commit`)
)

// Delete removes one file. It confirms only the question that names this file
// (Cisco IOS Configuration Fundamentals Command Reference, "delete").
func Delete(path string) Change {
	return Change{Line: "delete " + path, answers: []answer{
		{question: deleteName, text: nameOnDevice(path)},
		{question: deleteConfirm, path: path, text: "y"},
	}}
}

// MakeDirectory creates one directory. Its parent must exist ("mkdir").
func MakeDirectory(path string) Change {
	return Change{Line: "mkdir " + path, done: created, answers: []answer{{question: mkdirName, text: nameOnDevice(path)}}}
}

// SaveConfig writes the running-config to the startup-config ("write memory").
func SaveConfig() Change { return Change{Line: "write memory", done: saved} }

// ConfigLine is a line of configuration mode, or a line that enters or leaves
// it.
func ConfigLine(line string) Change { return Change{Line: line} }

// Reload restarts the device ("reload"). It does not save the configuration.
func Reload() Change {
	return Change{Line: "reload", answers: []answer{{question: saveQuestion, text: "no"}, {question: reloadConfirm, text: "y"}}}
}

// ReloadShelf restarts both supervisors of a chassis, or both chassis of a pair
// ("redundancy reload"). On a Catalyst 4500 reload restarts only the active one, and
// the other takes over with the image that it runs (Catalyst 4500 software
// configuration guide, "Configuring Supervisor Engine Redundancy" and "Configuring
// Virtual Switching Systems"). Unicon also restarts systems with two supervisors, and
// pairs with StackWise Virtual, by this command.
func ReloadShelf() Change {
	return Change{Line: "redundancy reload shelf", answers: []answer{{question: saveQuestion, text: "no"}, {question: shelfConfirm, text: "y"}}}
}

// ConfirmsReload reports whether the device restarts after a yes to this
// question.
func ConfirmsReload(question string) bool {
	asked := lastQuestion(strings.TrimSpace(StripSyslog(question)))
	return reloadConfirm.MatchString(asked) || shelfConfirm.MatchString(asked) || installGo.MatchString(asked)
}

// InstallAdd expands an image into the packages of install mode, makes the
// device boot them, and restarts it (IOS-XE, "install add file … activate
// commit").
func InstallAdd(path string) Change {
	return Change{Line: "install add file " + path + " activate commit", done: installed, answers: []answer{
		{question: installSave, text: "n"}, {question: installGo, text: "y"},
	}}
}
