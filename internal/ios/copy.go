package ios

import (
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Copy is one copy command between a device and a TFTP server: what to type,
// what to answer, and what the output says. A backup reads Source; a restore
// (ToDevice) writes Destination.
type Copy struct {
	Source      string // the device's file to read: "flash:/dir/x.bin"; unused when ToDevice
	Server      string // IP address of the TFTP server
	Name        string // the file's name on the server
	VRF         string // VRF to reach the server in (IOS-XE); empty for none
	ToDevice    bool   // from the server to the device
	Destination string // the device's file to write when ToDevice: "flash:/x.bin"
	Empty       bool   // the source has 0 bytes: "0 bytes copied" is right
}

// url returns tftp://server/name.
func (c Copy) url() string {
	host := c.Server
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return "tftp://" + host + "/" + c.Name
}

// file returns the device's side of the copy.
func (c Copy) file() string {
	if c.ToDevice {
		return c.Destination
	}
	return c.Source
}

// Command returns the copy in its one-line form. It never has /erase.
func (c Copy) Command() string {
	command := "copy " + c.Source + " " + c.url()
	if c.ToDevice {
		command = "copy " + c.url() + " " + c.Destination
	}
	if c.VRF != "" {
		command += " vrf " + c.VRF
	}
	return command
}

var (
	devicePath = regexp.MustCompile(`^(?:[A-Za-z][\w-]*:.*|running-config|startup-config)$`)
	hexEscape  = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// maxLine is the number of characters that IOS takes in one command line.
const maxLine = 254

// Validate tells whether the copy can be typed on IOS at all: a
// command_rejected error when a part is missing, holds a character that the
// command line takes for itself (blank, ?, |, quotes, control characters, more
// than ASCII, %xy), or the line is too long.
func (c Copy) Validate() error {
	parts := []struct{ what, text string }{
		{"file", c.file()}, {"server", c.Server}, {"name on the server", c.Name}, {"VRF", c.VRF},
	}
	for _, part := range parts {
		if err := Typeable(part.what, part.text); err != nil {
			return err
		}
	}
	if !devicePath.MatchString(c.file()) {
		return untypeable("file", c.file(), "names no file system")
	}
	if _, err := netip.ParseAddr(c.Server); err != nil {
		return untypeable("server", c.Server, "is no IP address")
	}
	if c.Name == "" {
		return untypeable("name on the server", c.Name, "is empty")
	}
	if n := len(c.Command()); n > maxLine {
		return untypeable("command", c.Command(), fmt.Sprintf("has %d characters; IOS takes %d", n, maxLine))
	}
	return nil
}

// Typeable refuses text that would not arrive on IOS as it is typed, with a
// command_rejected error; what names the text: "file", "server". Blanks, ?, |,
// quotes, semicolons, control characters, more than ASCII and %xy are refused.
func Typeable(what, text string) error {
	for _, r := range text {
		if r <= ' ' || r > '~' || strings.ContainsRune("?|\"'`;", r) {
			return untypeable(what, text, fmt.Sprintf("holds %q", r))
		}
	}
	if hexEscape.MatchString(text) {
		return untypeable(what, text, "holds a %xy pattern")
	}
	return nil
}

func untypeable(what, text, why string) error {
	return cause.New(cause.CommandRejected,
		fmt.Sprintf("the %s %s %s and cannot be typed on IOS", what, quote(text), why),
		api.Say("rename the file on the device with: rename"))
}

var (
	// Only one word: "Don't erase? It's safe" quotes nothing.
	quotedPart = regexp.MustCompile(`'[^'\s]*'|"[^"\s]*"`)
	// Do you want to over write? · Erase flash: before copying? · WITH erase? ·
	// Flash contains files. Are you sure? · Overwrite the previous NVRAM …
	destroys = regexp.MustCompile(`(?i)\b(?:eras(?:e|es|ed|ing)|(?:re)?format(?:s|ted|ting)?|over-? ?writ(?:e|es|ing|ten)|squeeze|delet(?:e|es|ed|ing)|contains files|remove all)\b`)
	// Proceed? [confirm], by which a router that runs from its flash ends its
	// image, all sessions and its routing (Flash load helper).
	proceeds     = regexp.MustCompile(`(?i)^proceed\s*\?\s*\[confirm\]$`)
	withoutErase = regexp.MustCompile(`(?i)\bwithout erase\b`)
	// Erase flash: before copying? [confirm] · Erase flash device before writing? [confirm]
	asksErase = regexp.MustCompile(`(?i)^erase \S+(?: device)? before (?:copying|writing)\s*\?\s*\[confirm\]$`)
	yesNo     = regexp.MustCompile(`(?i)\[yes/no\]`)

	// The plain questions: a name, perhaps with a default in brackets.
	asksHost        = plainQuestion(`address or name of remote host|ip address of remote host|remote host`)
	asksSource      = plainQuestion(`source file ?name|name of file to copy`)
	asksDestination = plainQuestion(`destination file ?name`)
	asksConfigName  = plainQuestion(`name of configuration file to write`)
	asksVerify      = plainQuestion(`verify filename`)
	asksDelete      = plainQuestion(`delete filename`)
	asksPartition   = plainQuestion(`which partition`)

	// Copy 'x' from Flash to server as 'x'? [yes/no]
	flashToServer = regexp.MustCompile(`(?i)^copy '[^']*' from \S+(?: device)? to (?:tftp )?server\s+as '[^']*'\s*\?\s*\[yes/no\]\??$`)
	serverToFlash = regexp.MustCompile(`(?i)^copy '[^']*' from (?:tftp )?server\s+as '[^']*' into \S+(?: device)? without erase\s*\?\s*\[yes/no\]\??$`)
	writeOnHost   = regexp.MustCompile(`(?i)^write file \S+ on host \S+?\s*\?\s*\[confirm\]$`)
	nxosQuestion  = regexp.MustCompile(`(?i)^enter (?:destination filename|source filename|vrf|username|hostname for the)`)
)

// plainQuestion matches a line that asks for one of the given things and
// nothing else.
func plainQuestion(things string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(?:` + things + `)\s*\??\s*(?:\[[^\]\n]*\]\s*\??)?$`)
}

// Answer returns what to type at a question of the copy dialogue; the text
// decides, never the order. An empty answer without an error takes the default.
//
// Where the question is about erasing, formatting or overwriting, the answer
// is "no" or "n" and stop is an unsafe_prompt error: type the answer, then
// break off (at once where it is empty, because a name is asked for). Only a copy to the device goes on after its no to "Erase flash:
// before copying?": flash of class B asks it before every copy, and copies
// without erasing. For a question that is not known, the answer is empty and
// stop is prompt_unrecognised (or unsupported_device for the dialogue of
// NX-OS): type Ctrl-C.
//
// question may hold the lines before its last one, as a question of two lines
// needs (Copy 'x' from Flash to server / as 'x'? [yes/no]).
func (c Copy) Answer(question string) (answer string, stop error) {
	question = strings.TrimSpace(StripSyslog(unglue(question)))
	asked := lastQuestion(question)
	switch {
	case c.ToDevice && asksErase.MatchString(asked):
		return "n", nil
	case c.isUnsafe(question), proceeds.MatchString(asked):
		return c.decline(question)
	}
	switch {
	case asksHost.MatchString(asked):
		return c.Server, nil
	case asksSource.MatchString(asked):
		return c.sourceName(), nil
	case asksDestination.MatchString(asked), !c.ToDevice && asksConfigName.MatchString(asked):
		return c.destinationName(), nil
	case asksVerify.MatchString(asked):
		return nameOnDevice(c.file()), nil
	case asksPartition.MatchString(asked):
		return "", nil
	case !c.ToDevice && flashToServer.MatchString(asked), c.ToDevice && serverToFlash.MatchString(asked):
		return "yes", nil
	case !c.ToDevice && writeOnHost.MatchString(asked):
		return "y", nil
	case nxosQuestion.MatchString(asked):
		return "", unsupported("(NX-OS)")
	}
	return "", cause.New(cause.PromptUnrecognised, "the device asked "+quote(asked),
		api.Say("type the command by hand in a session and look at what it asks: "+c.Command()))
}

// glued is a question at the end of a line.
var glued = regexp.MustCompile(`(?i)(?:(?:address or name of remote host|ip address of remote host|remote host|source file ?name|destination file ?name|` +
	`which partition)\s*\??\s*(?:\[[^\]\n]*\]\s*\??)?|(?:eras|format|over|flash contains|do you|are you|proceed)[^%]*\[(?:confirm|yes/no)\])\s*$`)

// unglue puts a question on a line of its own that was printed behind a
// system message which had no line end: "changed state to upSource filename []?".
func unglue(question string) string {
	start := strings.LastIndexByte(question, '\n') + 1
	message := syslogMessage.FindStringIndex(question[start:])
	if message == nil {
		message = debugLine.FindStringIndex(question[start:])
	}
	if message == nil {
		return question
	}
	at := glued.FindStringIndex(question[start+message[0]:])
	if at == nil {
		return question
	}
	end := start + message[0] + at[0]
	return question[:end] + "\n" + question[end:]
}

// isUnsafe reports whether a question is about destroying something. Only the
// defaults of plain questions, names in quotes and the copy's own names are
// not looked at: a file may be called erase.txt.
func (c Copy) isUnsafe(question string) bool {
	own := strings.NewReplacer(ownNames(c.file(), c.Name)...)
	var words []string
	for line := range strings.SplitSeq(question, "\n") {
		line = strings.TrimSpace(line)
		if asksSource.MatchString(line) || asksDestination.MatchString(line) || asksConfigName.MatchString(line) || asksHost.MatchString(line) {
			continue
		}
		words = append(words, strings.Fields(own.Replace(quotedPart.ReplaceAllString(line, " ")))...)
	}
	return destroys.MatchString(withoutErase.ReplaceAllString(strings.Join(words, " "), " "))
}

// ownNames lists the pairs for a replacer that blanks names that are no plain
// word; a name that is one (erase) cannot be told from the question.
func ownNames(names ...string) []string {
	var pairs []string
	for _, name := range names {
		for _, form := range []string{name, nameOnDevice(name)} {
			if strings.ContainsAny(form, "./:-_0123456789") {
				pairs = append(pairs, form, " ")
			}
		}
	}
	return pairs
}

// decline answers an unsafe question.
func (c Copy) decline(question string) (string, error) {
	answer := "n"
	switch {
	case asksDelete.MatchString(lastQuestion(question)):
		answer = "" // a file may have the name n
	case yesNo.MatchString(question):
		answer = "no"
	}
	hint := "nothing was changed; a backup never needs this: check that the command reads from the device (copy flash: tftp:) and try it by hand"
	switch {
	case proceeds.MatchString(lastQuestion(question)):
		hint = "this device runs from its flash: such a copy ends every session and its routing; do it from the console"
	case c.ToDevice:
		hint = "nothing was changed; make room or remove the old file by hand (dir, delete), then restore again"
	}
	return answer, cause.New(cause.UnsafePrompt, "the device asked "+quote(lastQuestion(question)), api.Say(hint))
}

// lastQuestion returns the question proper: the last line, with the one before
// when the last only goes on (as 'x'? [yes/no]).
func lastQuestion(question string) string {
	lines := strings.Split(question, "\n")
	last := strings.TrimSpace(lines[len(lines)-1])
	if len(lines) > 1 && (strings.HasPrefix(last, "as '") || strings.HasPrefix(last, "[")) {
		return strings.TrimSpace(lines[len(lines)-2]) + " " + last
	}
	return last
}

func (c Copy) sourceName() string {
	if c.ToDevice {
		return c.Name
	}
	return nameOnDevice(c.Source)
}

func (c Copy) destinationName() string {
	if c.ToDevice {
		return nameOnDevice(c.Destination)
	}
	return c.Name
}

// nameOnDevice returns a path as the file name prompts want it: without the
// file system, which the command has named.
func nameOnDevice(path string) string {
	if _, name, ok := strings.Cut(path, ":"); ok {
		return strings.TrimLeft(name, "/")
	}
	return path
}
