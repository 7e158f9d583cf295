package ios

import (
	"fmt"
	"net/netip"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// Copy is one copy command between a device and a server: the line to
// type, the answers to its questions, and the meaning of its output. A backup
// reads Source; a restore (ToDevice) writes Destination. The dialogue is
// described in the Cisco IOS Configuration Fundamentals Command Reference,
// "copy".
type Copy struct {
	Source      string // the device's file to read: "flash:/dir/x.bin"; unused when ToDevice
	Server      string // IP address of the server
	Name        string // the file's name on the server
	Scheme      string // HTTPS or SCP, with Name as the user and Password; empty: TFTP
	Port        uint16 // TCP port of an HTTPS server; 0: 443
	Password    string // for an HTTPS or SCP server
	VRF         string // VRF that leads to the server (IOS-XE); empty for none
	ToDevice    bool   // from the server to the device
	Destination string // the device's file to write when ToDevice: "flash:/x.bin"
	Overwrite   bool   // the user asked for it: yes to the question about overwriting Destination
	Empty       bool   // the source has 0 bytes, so "0 bytes copied" is right
}

// Schemes of a Copy.
const (
	HTTPS = "https"
	SCP   = "scp"
)

// url returns tftp://server/name, https://name:password@server:port/name, or
// scp://name@server/name: the device asks for that password, so it stands in no command.
func (c Copy) url() string {
	switch c.Scheme {
	case HTTPS:
		return "https://" + c.Name + ":" + c.Password + "@" + c.host() + "/" + c.Name
	case SCP:
		return "scp://" + c.Name + "@" + c.host() + "/" + c.Name
	}
	return "tftp://" + c.host() + "/" + c.Name
}

// host returns the server as it stands in a URL.
func (c Copy) host() string {
	host := c.Server
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if c.Scheme == HTTPS && c.Port != 0 {
		host += fmt.Sprintf(":%d", c.Port)
	}
	return host
}

// hidden stands for a password, in texts for people.
const hidden = "***"

// Hide returns text without the password of the copy.
func (c Copy) Hide(text string) string {
	if c.Password == "" {
		return text
	}
	return strings.ReplaceAll(text, c.Password, hidden)
}

// file returns the path on the device.
func (c Copy) file() string {
	if c.ToDevice {
		return c.Destination
	}
	return c.Source
}

// Command returns the copy as one line. It never has /erase.
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
	devicePath = lazyregexp.New(`^(?:[A-Za-z][\w-]*:.*|running-config|startup-config)$`)
	hexEscape  = lazyregexp.New(`%[0-9A-Fa-f]{2}`)
)

// maxLine is the longest command line that IOS accepts, in characters.
const maxLine = 254

// Validate reports whether IOS accepts the copy as a command line. It returns a
// command_rejected error if a part is missing, if a part holds a character with
// a meaning of its own on the command line (blank, ?, |, quotes, control
// characters, non-ASCII, %xy), or if the line is too long.
func (c Copy) Validate() error {
	parts := []struct{ what, text string }{
		{"file", c.file()}, {"server", c.Server}, {"name on the server", c.Name}, {"VRF", c.VRF}, {"password", c.Password},
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
		return untypeable("server", c.Server, "is not an IP address")
	}
	if c.Name == "" {
		return untypeable("name on the server", c.Name, "is empty")
	}
	if n := len(c.Command()); n > maxLine {
		return untypeable("command", c.Hide(c.Command()), fmt.Sprintf("has %d characters; IOS takes %d", n, maxLine))
	}
	return nil
}

// Typeable returns a command_rejected error for text that IOS would not receive
// as typed: blanks, ?, |, quotes, semicolons, control characters, non-ASCII and
// %xy. The error calls the text by what: "file", "server".
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
		api.Say("rename the file on the device with: ").Type(api.OnDevice, "rename"))
}

var (
	// A quoted name is one word: "Don't erase? It's safe" quotes nothing.
	quotedPart = lazyregexp.New(`'[^'\s]*'|"[^"\s]*"`)
	// Do you want to over write? · Erase flash: before copying? · WITH erase? ·
	// Flash contains files. Are you sure? · Overwrite the previous NVRAM …
	destroys = lazyregexp.New(`(?i)\b(?:eras(?:e|es|ed|ing)|(?:re)?format(?:s|ted|ting)?|over-? ?writ(?:e|es|ing|ten)|squeeze|delet(?:e|es|ed|ing)|contains files|remove all)\b`)
	// Proceed? [confirm]. A router that runs from its flash asks this; a yes
	// ends its image, all sessions and its routing (Flash load helper).
	proceeds     = lazyregexp.New(`(?i)^proceed\s*\?\s*\[confirm\]$`)
	withoutErase = lazyregexp.New(`(?i)\bwithout erase\b`)
	// Erase flash: before copying? [confirm] · Erase flash device before writing? [confirm]
	asksErase = lazyregexp.New(`(?i)^erase \S+(?: device)? before (?:copying|writing)\s*\?\s*\[confirm\]$`)
	// Do you want to over write? [confirm]. Only after "%Warning:There is a file
	// already existing with this name" it means the destination of the copy.
	asksOverwrite = lazyregexp.New(`(?i)^do you want to over-? ?write\s*\?\s*\[confirm\]$`)
	nameIsTaken   = lazyregexp.New(`(?im)^%warning: ?there is a file already existing with this name`)
	yesNo         = lazyregexp.New(`(?i)\[yes/no\]`)

	// The plain questions: a name, with or without a default in brackets.
	asksHost        = plainQuestion(`address or name of remote host|ip address of remote host|remote host`)
	asksSource      = plainQuestion(`source file ?name|name of file to copy`)
	asksDestination = plainQuestion(`destination file ?name`)
	asksConfigName  = plainQuestion(`name of configuration file to write`)
	asksVerify      = plainQuestion(`verify filename`)
	asksDelete      = plainQuestion(`delete filename`)
	asksPartition   = plainQuestion(`which partition`)
	asksUser        = plainQuestion(`destination username|source username`)
	// Password: · Writing x.bin Password:
	asksPassword = lazyregexp.New(`(?i)^(?:writing \S+\s+)?password\s*:$`)

	// Copy 'x' from Flash to server as 'x'? [yes/no]
	flashToServer = lazyregexp.New(`(?i)^copy '[^']*' from \S+(?: device)? to (?:tftp )?server\s+as '[^']*'\s*\?\s*\[yes/no\]\??$`)
	serverToFlash = lazyregexp.New(`(?i)^copy '[^']*' from (?:tftp )?server\s+as '[^']*' into \S+(?: device)? without erase\s*\?\s*\[yes/no\]\??$`)
	writeOnHost   = lazyregexp.New(`(?i)^write file \S+ on host \S+?\s*\?\s*\[confirm\]$`)
	nxosQuestion  = lazyregexp.New(`(?i)^enter (?:destination filename|source filename|vrf|username|hostname for the)`)
)

// plainQuestion matches a line that asks for one of these things and nothing
// else.
func plainQuestion(things string) *lazyregexp.Regexp {
	return lazyregexp.New(`(?i)^(?:` + things + `)\s*\??\s*(?:\[[^\]\n]*\]\s*\??)?$`)
}

// Answer returns the text to type at a question of the copy dialogue. The text
// of the question decides, never its place. An empty answer without an error
// accepts the default.
//
// A question about erasing, formatting or overwriting gets "no" or "n", and
// stop is an unsafe_prompt error: type the answer, then break off. The answer
// is empty where the device asks for a name; then break off at once. There are
// two exceptions. A copy to the device goes on after its no to "Erase flash:
// before copying?", because flash of class B asks this before every copy and
// copies without erasing. A copy with Overwrite agrees to overwrite its own
// destination.
//
// For an unknown question the answer is empty and stop is prompt_unrecognised
// (unsupported_device for the dialogue of NX-OS): type Ctrl-C.
//
// question may include the lines before its last one. A question of two lines
// needs them (Copy 'x' from Flash to server / as 'x'? [yes/no]).
func (c Copy) Answer(question string) (answer string, stop error) {
	question = strings.TrimSpace(StripSyslog(unglue(question)))
	asked := lastQuestion(question)
	switch {
	case c.ToDevice && asksErase.MatchString(asked):
		return "n", nil
	case c.ToDevice && c.Overwrite && asksOverwrite.MatchString(asked) && nameIsTaken.MatchString(question):
		return "y", nil
	case c.isUnsafe(question), proceeds.MatchString(asked):
		return c.decline(question)
	}
	switch {
	case asksHost.MatchString(asked) && c.Scheme == HTTPS:
		return c.host(), nil
	case asksHost.MatchString(asked):
		return c.Server, nil
	case asksSource.MatchString(asked):
		return c.sourceName(), nil
	case asksDestination.MatchString(asked), !c.ToDevice && asksConfigName.MatchString(asked):
		return c.destinationName(), nil
	case asksUser.MatchString(asked) && c.Scheme == SCP:
		return c.Name, nil
	case asksPassword.MatchString(asked) && c.Scheme == SCP:
		return c.Password, nil
	case asksVerify.MatchString(asked):
		return nameOnDevice(c.file()), nil
	case asksPartition.MatchString(asked):
		return Partition(c.file()), nil
	case !c.ToDevice && flashToServer.MatchString(asked), c.ToDevice && serverToFlash.MatchString(asked):
		return "yes", nil
	case !c.ToDevice && writeOnHost.MatchString(asked):
		return "y", nil
	case nxosQuestion.MatchString(asked):
		return "", unsupported("(NX-OS)")
	}
	return "", cause.New(cause.PromptUnrecognised, "the device asked "+quote(c.Hide(asked)),
		byHand(c.Hide(c.Command())))
}

// byHand is the fix for a question that we do not know.
func byHand(command string) api.Fix {
	return api.Say("type the command by hand and read its question: ").Type(api.OnDevice, command)
}

// glued matches a question at the end of a line.
var glued = lazyregexp.New(`(?i)(?:(?:address or name of remote host|ip address of remote host|remote host|source file ?name|destination file ?name|` +
	`which partition)\s*\??\s*(?:\[[^\]\n]*\]\s*\??)?|(?:eras|format|over|flash contains|do you|are you|proceed)[^%]*\[(?:confirm|yes/no)\])\s*$`)

// unglue moves a question to a line of its own if the device printed it after a
// system message without a line end: "changed state to upSource filename []?".
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

// isUnsafe reports whether a question is about destroying something. It ignores
// the defaults of plain questions, names in quotes and the names of this copy,
// because a file may be called erase.txt.
func (c Copy) isUnsafe(question string) bool {
	own := strings.NewReplacer(ownNames(c.file(), c.Name)...)
	var words []string
	for line := range strings.SplitSeq(question, "\n") {
		line = strings.TrimSpace(line)
		if asksSource.MatchString(line) || asksDestination.MatchString(line) || asksConfigName.MatchString(line) || asksHost.MatchString(line) || asksUser.MatchString(line) {
			continue
		}
		words = append(words, strings.Fields(own.Replace(quotedPart.ReplaceAllString(line, " ")))...)
	}
	return destroys.MatchString(withoutErase.ReplaceAllString(strings.Join(words, " "), " "))
}

// ownNames returns pairs for a replacer that blanks names. It leaves out names
// that are plain words: a file named erase looks like the question.
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

// decline returns the answer to an unsafe question.
func (c Copy) decline(question string) (string, error) {
	answer := "n"
	switch {
	case asksDelete.MatchString(lastQuestion(question)):
		answer = "" // n could be the name of a file
	case yesNo.MatchString(question):
		answer = "no"
	}
	fix := api.Say("nothing was changed; a backup never needs this: check that the command reads from the device (").
		Type(api.OnDevice, "copy flash: tftp:").Say(") and try it by hand")
	switch {
	case proceeds.MatchString(lastQuestion(question)):
		fix = api.Say("this device runs from its flash: such a copy ends every session and its routing; do it from the console")
	case c.ToDevice:
		fix = api.Say("this copy changed nothing; make room or remove the old file by hand (").Type(api.OnDevice, "dir").Say(", ").
			Type(api.OnDevice, "delete").Say("), then restore again")
	}
	return answer, cause.New(cause.UnsafePrompt, "the device asked "+quote(c.Hide(lastQuestion(question))), fix)
}

// lastQuestion returns the question itself: the last line, with the line before
// it if the last one only continues it (as 'x'? [yes/no]).
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

// nameOnDevice returns a path without its file system and partition. The file name prompts
// expect this form, because the command has named the file system.
func nameOnDevice(path string) string {
	_, name := splitPath(path)
	if name == path {
		return path
	}
	return strings.TrimLeft(name, "/")
}
