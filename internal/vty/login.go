package vty

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// Texts that devices print before the prompt. Banners may contain the same
// words. So a text counts only as the unfinished last line, or as a whole line
// after we sent a password.
var (
	// Some devices add text in parentheses: Username(HAD):
	askUser     = lazyregexp.New(`(?i)(^|\s)(user ?name|user ?id|user|login)\s*(\([^()]{1,40}\))?\s*:$`)
	userAlone   = lazyregexp.New(`^(Username|login)\s*(\([^()]{1,40}\))?:$`)
	askPassword = lazyregexp.New(`(?i)(^|\s|'|\()pass(word|code)\s*(\([^()]{1,40}\))?\s*:$`)
	askReturn   = lazyregexp.New(`(?i)press return to get started[.!]*$`)
	askSetup    = lazyregexp.New(`(?i)(initial configuration dialog|basic management setup)\? \[yes/no\]\s*:$`)
	askInstall  = lazyregexp.New(`(?i)terminate autoinstall\? \[yes\]\s*:$`)
	askSecret   = lazyregexp.New(`(?i)(enter|confirm) enable secret\s*:$`)
	rescue      = lazyregexp.New(`(?i)^(rommon \d+ >|switch( \d+)?\s?:|grub>|grub rescue>|boot:)$`)
	refusal     = lazyregexp.New(`(?im)^` + refusalLine + `$`)
	lastRefusal = lazyregexp.New(`(?i)(?:^|\n)` + refusalLine + `\s*$`)
	noPassword  = lazyregexp.New(`(?im)^password required, but none set`)
	loginLike   = lazyregexp.New(`^[A-Za-z0-9_(\[][^#>]{0,98}[#>]$`)
)

// refusalLine is a whole line by which a device refuses a login.
const refusalLine = `[ \t]*(?:%[ \t]*)?(?:login invalid|authentication failed|bad passwords?|bad secrets|access denied|` +
	`error in authentication|authorization failed|login failed|login incorrect|no password set|permission denied)[.!]*[ \t]*`

const (
	promptQuiet = 200 * time.Millisecond // silence after which the last line counts as unfinished
	nudgeTime   = 5 * time.Second        // silence after which an empty line may help
	nudges      = 3

	// Bounds of a login. A device that prints more bytes, or needs more
	// answers, never comes to a prompt.
	loginOutput = 64 << 10 // bytes
	loginTyped  = 40       // times
	loginStep   = 256      // bytes that count as progress

	byHand = "log in by hand and read the text before the prompt"
)

// limitLogin limits a login by its progress: an answer or another loginStep
// bytes of output restart the limit. A limit on silence alone would not stop a
// device that drips bytes forever.
func (l *Line) limitLogin(ctx context.Context) (context.Context, func()) {
	login, cancel := context.WithCancelCause(ctx)
	patience := 2 * l.cfg.IdleTimeout
	limit := time.AfterFunc(patience, func() { cancel(l.noPrompt("within " + patience.String())) })
	l.progress, l.most = func() { limit.Reset(patience) }, loginOutput
	return login, func() {
		limit.Stop()
		cancel(nil)
		l.progress, l.most = nil, maxOutput
	}
}

// login reads from the first byte to the prompt. It has found the prompt when
// two empty lines give the same one. It sends the password once.
func (l *Line) login(ctx context.Context) error {
	d := dialogue{Line: l, ctx: ctx}
	candidate, pushed := "", 0
	for {
		err := d.settle(candidate, candidate != "" || !d.typed)
		if err == errIdle && pushed < nudges {
			pushed++
			err = d.say("")
		}
		if err != nil {
			return d.ended(err)
		}
		line := d.shown()
		if loginLike.MatchString(line) && !rescue.MatchString(line) {
			if samePrompt(line, candidate) {
				l.prompt, l.atPrompt = line, true
				return nil
			}
			candidate, d.prompted = line, true
			err = d.say("")
		} else {
			err = d.reply(line, &pushed)
		}
		if err != nil {
			return err
		}
	}
}

// dialogue is the state of a login.
type dialogue struct {
	*Line
	ctx          context.Context
	said         int    // number of answers typed
	typed        bool   // something was typed
	echo         string // the last text typed
	before       string // the last output before the screen was cleared, quoted
	sentUser     bool
	sentPassword bool
	prompted     bool // it showed something like a prompt after the last password
}

// settle reads until the device pauses after output: for promptQuiet, or for
// sureQuiet after the expected text (the same prompt) or a line with nothing
// but the question for the user name. soon limits the wait for the first output
// to nudgeTime.
func (d *dialogue) settle(expected string, soon bool) error {
	limit := d.cfg.IdleTimeout
	if soon {
		limit = min(limit, nudgeTime)
	}
	for d.screen.taken == 0 {
		if err := d.read(d.ctx, limit, false); err != nil {
			return err
		}
	}
	_, err := d.still(sureQuiet)
	if line := d.shown(); err != nil || line != "" && samePrompt(line, expected) || userAlone.MatchString(line) {
		return err
	}
	_, err = d.still(promptQuiet - sureQuiet)
	return err
}

// shown returns the unfinished last line. After messages it returns the line
// before them, because a device does not print its question or prompt again.
func (d *dialogue) shown() string {
	line := d.screen.last()
	if at := message.FindStringIndex(line); at != nil {
		line = strings.TrimRight(line[:at[0]], " \t")
	} else if line != "" {
		return line
	}
	if line == "" {
		if before, _, ok := behind(d.screen.text); ok {
			line = before
		}
	}
	return line
}

// still reads until nothing arrives for t. moved reports whether anything
// arrived.
func (d *dialogue) still(t time.Duration) (moved bool, err error) {
	for {
		switch err := d.read(d.ctx, t, false); err {
		case nil:
			moved = true
		case errIdle:
			return moved, nil
		default:
			return moved, err
		}
	}
}

// say types text and clears the screen.
func (d *dialogue) say(text string) error {
	if d.said++; d.said > loginTyped {
		return d.noPrompt(fmt.Sprintf("after %d answers", loginTyped))
	}
	d.before = d.printed()
	d.screen.clear()
	d.atPrompt = false
	if text != "" {
		d.progress()
	}
	d.typed, d.echo = true, text
	if err := d.write(d.ctx, text+"\r"); err != nil {
		return d.lostError("the session to "+d.cfg.Name+" was lost during login", d.printed(), err)
	}
	return nil
}

func (l *Line) noPrompt(when string) error {
	return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s showed no prompt %s", l.cfg.Name, when), api.Say(byHand))
}

// reply answers the question in the last line, before there is a prompt.
func (d *dialogue) reply(line string, pushed *int) error {
	switch {
	case d.sentPassword && refusal.Match(d.screen.text):
		return d.refused()
	case rescue.MatchString(line):
		return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s is in its boot loader: it shows %s", d.cfg.Name, d.quote(line)),
			api.Say("boot the device's software first"))
	case askReturn.MatchString(line):
		return d.say("")
	case askSetup.MatchString(line), askInstall.MatchString(line):
		return d.say("no") // the device then continues as if nobody had logged in
	case d.cfg.Transport == Telnet && askUser.MatchString(line):
		return d.user()
	case d.cfg.Transport == Telnet && askPassword.MatchString(line):
		return d.password(line)
	}
	return d.unknown(line, pushed)
}

// printed returns the device's last output, quoted; "" if there was none.
func (d *dialogue) printed() string {
	if last := d.excerpt(); last != "" {
		return last
	}
	return d.before
}

func (d *dialogue) user() error {
	if d.sentUser || d.sentPassword {
		return d.refused()
	}
	d.sentUser = true
	return d.say(d.cfg.Username)
}

func (d *dialogue) password(line string) error {
	if d.sentPassword && factor.MatchString(line) {
		return d.notAnswered(line)
	}
	if d.sentPassword {
		return d.refused()
	}
	if !d.sentUser && d.cfg.Username != "" {
		// This may be a banner that mentions passwords, with Username: still
		// to come.
		if moved, err := d.still(unsureQuiet); err != nil || moved {
			return d.endedOrNil(err)
		}
	}
	d.sentPassword, d.prompted = true, false
	return d.say(d.cfg.Password)
}

// unknown handles a last line without a known meaning. A question ends the
// login without an answer. If the device waits after something else, an empty
// line may bring the prompt.
func (d *dialogue) unknown(line string, pushed *int) error {
	patience := patienceWith(line)
	if moved, err := d.still(max(patience, oddQuiet)); err != nil || moved {
		return d.endedOrNil(err)
	}
	if patience > 0 && line != d.echo {
		return d.notAnswered(line)
	}
	printed := strings.TrimSpace(string(d.screen.text) + line)
	switch {
	case d.typed && (printed == "" || printed == d.echo): // it is still checking our answer
		if err := d.read(d.ctx, d.cfg.IdleTimeout, false); err != nil {
			return d.ended(err)
		}
		return nil
	case *pushed == nudges:
		return cause.New(cause.PromptUnrecognised, fmt.Sprintf("%s shows no prompt; it printed %s", d.cfg.Name, d.excerpt()),
			api.Say(byHand))
	}
	*pushed++
	return d.say("")
}

func (d *dialogue) endedOrNil(err error) error {
	if err == nil {
		return nil
	}
	return d.ended(err)
}

// ended returns the error of a login without a prompt.
func (d *dialogue) ended(err error) error {
	switch {
	case d.ctx.Err() != nil:
		if last := d.printed(); last != "" {
			return fmt.Errorf("log in to %s, which had printed %s: %w", d.cfg.Name, last, context.Cause(d.ctx))
		}
		return fmt.Errorf("log in to %s: %w", d.cfg.Name, context.Cause(d.ctx))
	case err == errSize:
		return d.noPrompt(fmt.Sprintf("in %d bytes of output", d.most))
	case noPassword.Match(d.screen.text):
		return cause.New(cause.AuthFailed, d.cfg.Name+" refuses every login: its lines ask for a password and none is set",
			onDevice("line vty 0 4").Say(", then: ").Type(api.OnDevice, "login local").Say(" (or: ").Type(api.OnDevice, "password ...").Say(")"))
	case err == io.EOF && d.cfg.Transport == SSH && lastRefusal.Match(d.screen.text):
		return d.noSession()
	case err == io.EOF && d.hadPrompt(): // the login was accepted
	case err == io.EOF && (d.sentPassword || d.cfg.Transport == SSH) && d.ranCommand():
		return d.noPromptAfterCommand()
	case err == io.EOF && d.sentPassword:
		return d.refused()
	}
	if err == io.EOF {
		d.Close()
		err = d.readErr
	}
	if err == ErrSilent {
		return silentError(d.cfg)
	}
	return d.lostError("the session to "+d.cfg.Name+" was lost during login", d.printed(), err)
}

// hadPrompt reports whether the device showed a prompt before the session ended: the
// user name and the password are right, and the account gets a session.
func (d *dialogue) hadPrompt() bool {
	line := d.shown()
	return d.prompted || d.prompt != "" || loginLike.MatchString(line) && !rescue.MatchString(line)
}

// noSession is the error of a device that accepted the login of SSH and then
// refused the session, as an AAA server does for an account without the right
// to exec.
func (d *dialogue) noSession() error {
	return cause.New(cause.AuthFailed, fmt.Sprintf("%s accepted the login of user %q and refused the session: %s", d.cfg.Name, d.cfg.Username,
		d.quote(strings.TrimSpace(string(lastRefusal.Find(d.screen.text))))),
		api.Say("give the account the right to a session on the AAA server (").Type(api.OnDevice, "show running-config | include aaa authorization exec").
			Say("), or use another account: ").Then(d.cfg.edit("username", "USER", "password_file", "FILE")))
}

func (d *dialogue) refused() error {
	seen := fmt.Sprintf("%s refused user %q", d.cfg.Name, d.cfg.Username)
	if d.cfg.Username == "" {
		seen = d.cfg.Name + " refused the password"
	}
	if m := refusal.Find(d.screen.text); m != nil {
		seen += ": " + d.quote(strings.TrimSpace(string(m)))
	}
	return cause.New(cause.AuthFailed, seen, d.cfg.edit("username", "USER", "password_file", "FILE"))
}

// enable goes from the user EXEC prompt to the privileged one.
func (l *Line) enable(ctx context.Context) error {
	if strings.HasSuffix(l.prompt, "#") {
		return nil
	}
	d := dialogue{Line: l, ctx: ctx}
	privileged := strings.TrimSuffix(withoutClock(l.prompt), ">") + "#"
	if err := d.say("enable"); err != nil {
		return err
	}
	for {
		if err := d.settle(privileged, false); err != nil {
			return d.enableEnded(err)
		}
		line := d.shown()
		switch {
		case strings.HasSuffix(line, "#") && loginLike.MatchString(line):
			l.prompt, l.atPrompt = line, true
			return nil
		case d.sentPassword && factor.MatchString(line):
			return d.notAnswered(line)
		case refusal.Match(l.screen.text), samePrompt(line, l.prompt), askSecret.MatchString(line), askPassword.MatchString(line) && d.sentPassword:
			l.atPrompt = samePrompt(line, l.prompt)
			return d.enableRefused()
		case askPassword.MatchString(line):
			if l.cfg.EnablePassword == "" {
				return cause.New(cause.EnableFailed, l.cfg.Name+" asks for an enable password and none is stored",
					l.cfg.edit("enable_password_file", "FILE"))
			}
			d.sentPassword = true
			if err := d.say(l.cfg.EnablePassword); err != nil {
				return err
			}
		default:
			if err := d.awaitMore(line); err != nil {
				return err
			}
		}
	}
}

// awaitMore waits for output after a line that says nothing about enable. A
// question that stays is one that we do not know.
func (d *dialogue) awaitMore(line string) error {
	limit := d.cfg.IdleTimeout
	patience := patienceWith(line)
	if patience > 0 {
		limit = min(limit, patience)
	}
	switch err := d.read(d.ctx, limit, false); {
	case err == errIdle && patience > 0:
		return d.notAnswered(line)
	case err != nil:
		return d.enableEnded(err)
	}
	return nil
}

func (d *dialogue) enableEnded(err error) error {
	if err == io.EOF && d.sentPassword {
		return d.enableRefused()
	}
	return d.ended(err)
}

func (d *dialogue) enableRefused() error {
	seen := d.cfg.Name + " refused privileged EXEC"
	if last := d.excerpt(); last != "" {
		seen += ": it answered enable with " + last
	}
	return cause.New(cause.EnableFailed, seen, d.cfg.edit("enable_password_file", "FILE"))
}
