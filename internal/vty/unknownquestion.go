package vty

import (
	"fmt"
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

// notAnswered is the error for a question at login that nobody has answered, not
// even with Return: at a menu or a [confirm], Return is an answer too.
func (d *dialogue) notAnswered(line string) error {
	return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s asks %s during login, and got no answer", d.cfg.Name, d.quote(line)),
		api.Say("log in by hand and read the question; use an account that needs only a password or a key, without a menu or a token"))
}
