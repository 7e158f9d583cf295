package ios

import (
	"fmt"
	"strconv"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// timestamp is the beginning of a message under "service timestamps": a date
// with or without year and zone, or the time since start. A sequence number and
// the mark of an unsynchronised clock (* or .) may come before it.
const timestamp = `(?:\d{6}: )?[*.]?(?:[A-Z][a-z]{2} +\d{1,2} +(?:\d{4} +)?\d{2}:\d{2}:\d{2}(?:\.\d+)?(?: [A-Z][A-Za-z]{1,5})?|\d{1,2}:\d{2}:\d{2}|\d+[ywd]\d+[wdh]): `

// securityWarning is the beginning of a warning of IOS-XE 17.18 and later
// (Cisco, "Resilient Infrastructure Security Warnings Reference"). A banner may
// have the same two words, but not the word Module after them.
const securityWarning = `SECURITY WARNING *[-:]? *Module: `

var (
	// *Apr  1 15:26:17.047: %LINEPROTO-5-UPDOWN: Line protocol on …
	// SECURITY WARNING - Module: SSH, Command: …, Reason: …
	syslogMessage = lazyregexp.New(`(?:` + timestamp + `)?%[A-Z][A-Z0-9_]*(?:-[A-Z][A-Z0-9_]*)*-[0-7]-[A-Z0-9_]+(?: _WARNING)?: .*$|` + securityWarning + `.*$`)
	// Load for five secs: 1%/0%; one minute: 1%; five minutes: 1%
	// No time source, *00:20:16.242 UTC Mon Mar 1 1993
	execTimestamp = lazyregexp.New(`^(?:Load for five secs: \d.*|(?:Time source is [^,]+|No time source), [*.]?\d{2}:\d{2}:\d{2}.*)$`)
	// Dec  7 20:42:33.704: UDP: sent src=10.12.254.1(51337), …
	// Autoinstall trying DHCPv4 on Vlan1
	debugLine = lazyregexp.New(`^(?:` + timestamp + `|(?i:autoinstall(?: trying |: ))).*$`)
	// AutoInstall sends to the broadcast address and prints its errors into
	// any session.
	autoInstall = lazyregexp.New(`%Error opening tftp://255\.255\.255\.255/[^()]*\([^)]*\)`)
	escapes     = lazyregexp.New("\x1b\\[[0-9;?]*[A-Za-z]|[\a\x00]")
)

// StripSyslog removes the messages that background processes print into any
// session: system messages, security warnings and debug lines up to the end of
// their line, and AutoInstall's errors about 255.255.255.255. It drops lines
// that hold nothing else, and the two lines that "exec prompt timestamp" prints
// before each output. It also removes carriage returns, bells and terminal
// escapes.
func StripSyslog(text string) string {
	text = escapes.ReplaceAllString(strings.ReplaceAll(text, "\r", ""), "")
	kept := make([]string, 0, strings.Count(text, "\n")+1)
	for line := range strings.SplitSeq(text, "\n") {
		clean := line
		if strings.Contains(line, "%") || strings.Contains(line, "SECURITY WARNING") {
			clean = autoInstall.ReplaceAllString(clean, "")
			clean = syslogMessage.ReplaceAllString(clean, "")
		}
		clean = execTimestamp.ReplaceAllString(debugLine.ReplaceAllString(clean, ""), "")
		if clean == line || strings.TrimSpace(clean) != "" {
			kept = append(kept, clean)
		}
	}
	return strings.Join(kept, "\n")
}

// linesOf returns the lines of a device's output without system messages and
// trailing blanks.
func linesOf(text string) []string {
	lines := strings.Split(StripSyslog(text), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t")
	}
	return lines
}

// cutOff returns an error if text ends within a line. A device ends every line
// and then shows its prompt, so the last word may be incomplete.
func cutOff(command, text string) error {
	last := text[strings.LastIndexByte(text, '\n')+1:]
	if strings.TrimSpace(StripSyslog(last)) == "" || isPromptOrEcho(last) {
		return nil
	}
	return fmt.Errorf("%s: the output is cut off in the line %s", command, quote(last))
}

// quote formats a piece of device output for an error: one short line, with
// every control character escaped.
func quote(text string) string {
	const most = 120
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = text[:most] + "…"
	}
	return strconv.Quote(text)
}

// firstLine returns the first line that is not blank.
func firstLine(text string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

var (
	promptLine = lazyregexp.New(`^[A-Za-z0-9][\w.\-/()]*[>#](?: ?\(enable\))?$`)
	echoLine   = lazyregexp.New(`^(?:[A-Za-z0-9][\w.\-/()]*[>#] ?(?:\(enable\) ?)?)?(?:dir|sh|sho|show|verify|more|copy)(?: .*)?$`)
)

// isPromptOrEcho reports whether line is the prompt after the output, or the
// echo of the command before it.
func isPromptOrEcho(line string) bool {
	line = strings.TrimSpace(line)
	return promptLine.MatchString(line) || echoLine.MatchString(line)
}

// refusal is one kind of answer by which a device rejects a command.
type refusal struct {
	line  *lazyregexp.Regexp
	cause cause.Cause
	fix   api.Fix // nil: the usual one of the cause
}

var (
	fixSyntax    = api.Say("this software does not know the command as typed; type it by hand, with ? after each word")
	fixPrivilege = api.Say("give the account privilege level 15, or allow the command on the AAA server")
	fixFile      = api.Say("look for the file with: ").Type(api.OnDevice, "dir /all")
	fixInsecure  = api.Say("the device's software refuses insecure protocols. If the person responsible for its security agrees, permit them in configuration mode: ").
			Type(api.OnDevice, "system mode insecure")
	fixSpace = api.Say("check the free space with: ").Type(api.OnDevice, "dir").Say("; then delete files that you no longer need")
)

// refusals are tried in order. The first match decides.
var refusals = []refusal{
	{lazyregexp.New(`(?i)^%? ?(?:command )?authorization failed`), cause.NotPermittedOnDevice, fixPrivilege},
	{lazyregexp.New(`(?i)^% ?(?:permission denied|this command is not authorized|not authorized)`), cause.NotPermittedOnDevice, fixPrivilege},
	{lazyregexp.New(`(?i)^% ?(?:invalid input|incomplete command|ambiguous command|unknown command|unrecognized (?:command|host)|bad ip address|invalid )`), cause.CommandRejected, fixSyntax},
	{lazyregexp.New(`(?i)^%error .*\((?:no such (?:file|device)|file not found|is a directory|unknown device)`), cause.SourceMissing, fixFile},
	{lazyregexp.New(`(?i)^%error .*\(permission denied`), cause.NotPermittedOnDevice, fixPrivilege},
	{lazyregexp.New(`(?i)^(?:%|error).*(?:not enough (?:\w+ )?space|no space left|insufficient space|out of space)`), cause.DeviceNoSpace, fixSpace},
	{lazyregexp.New(`(?i)^(?:not enough (?:\w+ )?space|no space left|insufficient space) (?:in|on) `), cause.DeviceNoSpace, fixSpace},
	{lazyregexp.New(`(?i)^(?:%|error|command rejected).*\binsecure\b`), cause.TransportRestricted, fixInsecure},
	{lazyregexp.New(`^(?:(?i:%error)[: ]|ERR: |ERROR: )`), cause.CommandRejected, nil},
	{lazyregexp.New(`(?i)^\?invalid host`), cause.CommandRejected, nil},
	{lazyregexp.New(`(?i)^\S+: no such file or directory$`), cause.SourceMissing, fixFile},
}

// refusalOf returns an error with the device's own words if line is a refusal,
// and nil otherwise.
func refusalOf(line string) *cause.Error {
	line = strings.TrimSpace(line)
	for _, r := range refusals {
		if r.line.MatchString(line) {
			return cause.New(r.cause, "the device answered "+quote(line), r.fix)
		}
	}
	return nil
}

// Rejected looks for a refusal in the output of any command and returns it as a
// *cause.Error with the device's own line. The cause is command_rejected for an
// unknown command, not_permitted_on_device for a command that AAA forbids,
// source_missing or device_no_space for such %Error lines, transport_restricted
// for software that refuses an insecure protocol. It is nil if there
// is none. System messages, AutoInstall's errors and a bare "%Error" are no
// refusals.
func Rejected(output string) error {
	for _, line := range linesOf(output) {
		if err := refusalOf(line); err != nil {
			return err
		}
	}
	return nil
}

// nothingRead is the error of a parser that found nothing it reads: the
// device's refusal, or the first line of the output.
func nothingRead(command, what, text string) error {
	if err := Rejected(text); err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	return fmt.Errorf("%s: no %s in the output, which begins with %s", command, what, quote(firstLine(text)))
}
