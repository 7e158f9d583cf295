package vty

import (
	"fmt"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

var (
	// asksMore matches the questions of menus, token servers and commands that
	// wait for a confirmation. No stored word answers them:
	//
	//	Selection: · Enter Next Tokencode: · Response: · Passcode or option (1-2):
	//	Proceed with reload? [confirm]
	asksMore = lazyregexp.New(`(?i)(?:\b(?:choice|choose|select|selection|option|challenge|response|passcode|token ?code|token|otp|pin|` +
		`one[- ]time \w+|verification code)\b[^\n]*[:?\])>]|\[confirm\]|\[yes/no\]\s*:?)$`)
	// waitsForMore matches the end of any other question. Text of a banner may
	// end like this for a while.
	waitsForMore = lazyregexp.New(`[:?\])]$`)
	// menu matches two lines of a menu, each with its number and its text.
	menu = lazyregexp.New(`(?m)^[ \t]*\d{1,2}[ \t.):]+\S.*\n\s*\d{1,2}[ \t.):]+\S`)
	// factor matches a question for a second secret beside the password.
	factor = lazyregexp.New(`(?i)\b(?:challenge|response|passcode|token ?code|token|otp|pin|one[- ]time|verification code|option)\b`)
)

// patienceWith returns how long the unfinished last line must stay before it
// counts as a question that we do not know. It is 0 for a line that is no
// question.
func patienceWith(line string) time.Duration {
	switch {
	case asksMore.MatchString(line):
		return oddQuiet
	case waitsForMore.MatchString(line):
		return vagueQuiet
	}
	return 0
}

// notAnswered is the error for a question at login that got no answer, not
// even with Return: at a menu or a [confirm], Return is an answer too.
func (d *dialogue) notAnswered(line string) error {
	if !factor.MatchString(line) && menu.Match(d.screen.text) {
		return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s shows a menu in place of a prompt; it asks %s and got no answer", d.cfg.Name, d.quote(line)),
			api.Say("use an account and a line without a menu; find it with: ").Type(api.OnDevice, "show running-config | include menu|autocommand"))
	}
	return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s asks %s during login, and got no answer", d.cfg.Name, d.quote(line)),
		api.Say("log in by hand and read the question; use an account that needs only a password or a key, without a token"))
}

// ranCommand reports whether the device printed more than messages after the
// login. A line with % is a reason, as in "% Bad passwords".
func (d *dialogue) ranCommand() bool {
	for line := range strings.Lines(string(d.screen.text) + d.screen.last()) {
		line = strings.TrimSpace(line)
		if line != "" && line != d.echo && !strings.HasPrefix(line, "%") && !message.MatchString(line) {
			return true
		}
	}
	return false
}

// noPromptAfterCommand is the error for a device that accepted the login, printed
// something and hung up, as it does for a user with "autocommand" (Terminal
// Services Command Reference).
func (d *dialogue) noPromptAfterCommand() error {
	return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s hung up after the login without a prompt; it printed %s", d.cfg.Name, d.printed()),
		api.Say("the account or the line may start a command of its own: ").Type(api.OnDevice, "show running-config | include autocommand").
			Say("; use an account without one"))
}
