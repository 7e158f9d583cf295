package vty

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
)

// Ask returns the answer to a question of the device. question is the
// unfinished line, with up to two lines before it that may belong to it. If
// stop is not nil, Run types the answer if there is one, breaks the command off
// and returns stop.
type Ask func(question string) (answer string, stop error)

const (
	keyBreak  = "\x1e\x03" // Ctrl-Shift-6 stops a command, Ctrl-C the input
	breakTime = 5 * time.Second

	// maxAnswers limits the questions of one command, for devices that never
	// stop asking.
	maxAnswers = 32
)

// Run types command and returns its output, with LF line ends, without echo and
// prompt. It passes questions to ask; if ask is nil, the first question ends
// the command with cause prompt_unrecognised. The cause is session_lost if
// nothing arrives for Config.IdleTimeout, or if the session ends. The end of
// ctx stops the command, closes the line and returns the cause of ctx.
func (l *Line) Run(ctx context.Context, command string, ask Ask) (string, error) {
	return l.RunLong(ctx, command, l.cfg.IdleTimeout, ask)
}

// RunLong is Run with a different limit on silence, for commands that print
// nothing for minutes. With idle <= 0 only ctx limits the silence.
func (l *Line) RunLong(ctx context.Context, command string, idle time.Duration, ask Ask) (string, error) {
	return l.RunWatched(ctx, command, func([]byte) time.Duration { return idle }, ask)
}

// Watch receives each piece of output as it arrives, and returns how long the
// device may be silent after it; <= 0 means that only the context limits the
// silence. It is called with nil after the command was typed and after each
// answer.
type Watch func(arrived []byte) time.Duration

// RunWatched is RunLong for commands that show their progress. The output for
// watch begins with the echo of the command.
func (l *Line) RunWatched(ctx context.Context, command string, watch Watch, ask Ask) (string, error) {
	if err := typable(command); err != nil {
		return "", err
	}
	l.running.Lock()
	defer l.running.Unlock()
	l.cfg.Log.Debug("command", "command", l.cfg.redact(command))
	l.drain()
	l.screen.clear()
	l.question, l.atPrompt = "", false
	if err := l.enter(ctx, command); err != nil {
		return "", l.failed(ctx, command, err)
	}
	for answers := 0; ; {
		e, err := l.wait(ctx, watch, ask != nil)
		if err != nil {
			return "", l.failed(ctx, command, err)
		}
		switch e.kind {
		case endPrompt:
			l.mute, l.atPrompt = !l.echoed && l.question == "", true
			return l.output(command, e), nil
		case endMore:
			l.screen.eraseLine()
			err = l.write(ctx, " ")
		case endQuestion:
			if answers++; answers > maxAnswers {
				ask = l.endlessly
			}
			if err := l.answer(ctx, command, e.text, ask); err != nil {
				return "", err
			}
		}
		if err != nil {
			return "", l.failed(ctx, command, err)
		}
	}
}

// endlessly is the Ask for a device that never stops asking.
func (l *Line) endlessly(question string) (string, error) {
	return "", cause.New(cause.PromptUnrecognised,
		fmt.Sprintf("%s asked more than %d questions; the last was %s", l.cfg.Name, maxAnswers, l.quote(question)),
		api.Say("log in by hand and read its question"))
}

// typable refuses characters that act while they are typed: control characters
// end or edit a command, a question mark shows the help.
func typable(text string) error {
	for _, r := range text {
		if r < 0x20 || r >= 0x7f || r == '?' {
			return cause.New(cause.CommandRejected, fmt.Sprintf("%q cannot be typed on IOS: it holds %q", text, r),
				api.Say("rename the file on the device with: ").Type(api.OnDevice, "rename"))
		}
	}
	return nil
}

// expect marks the start of the answer to our typing, which begins with its
// echo.
func (l *Line) expect(echo string) {
	l.typed, l.since, l.echoed = echo, len(l.screen.text), false
}

// enter types text and Return, and expects its echo.
func (l *Line) enter(ctx context.Context, text string) error {
	l.expect(text)
	return l.write(ctx, text+"\r")
}

func (l *Line) write(ctx context.Context, s string) error {
	// If the device accepts no data, closing the connection ends the write.
	t := time.AfterFunc(l.cfg.IdleTimeout, func() { l.conn.Close() })
	defer t.Stop()
	defer context.AfterFunc(ctx, func() { l.conn.Close() })()
	_, err := io.WriteString(l.stream, s)
	return err
}

// drain reads output that arrived since the last command.
func (l *Line) drain() {
	for {
		select {
		case p, ok := <-l.in:
			if !ok {
				return
			}
			l.screen.feed(p)
		default:
			return
		}
	}
}

var (
	errIdle = errors.New("the device stopped answering")
	errSize = errors.New("the device does not stop printing")
)

// wait reads until the text ends in a prompt, a question or --More--. If
// questions is false, a question must stay longer before it counts.
func (l *Line) wait(ctx context.Context, watch Watch, questions bool) (ending, error) {
	heard, idle := time.Now(), watch(nil)
	for {
		e := l.look()
		limit := idle
		if e.kind != endNone {
			limit = e.quiet
		}
		if e.kind == endQuestion && !questions {
			limit = max(limit, oddQuiet)
		}
		if e.kind != endNone && time.Since(heard) >= limit {
			return e, nil
		}
		err := l.read(ctx, limit-time.Since(heard), e.kind == endNone && idle <= 0)
		switch {
		case err == nil:
			heard, idle = time.Now(), watch(l.arrived)
		case err == errIdle && e.kind == endNone:
			return e, err
		case err == io.EOF && e.kind == endPrompt && samePrompt(e.text, l.prompt):
			return e, nil
		case err != errIdle:
			return e, err
		}
	}
}

// read reads the next piece of output. d limits the wait, unless forever.
func (l *Line) read(ctx context.Context, d time.Duration, forever bool) error {
	var timeout <-chan time.Time
	if !forever {
		t := time.NewTimer(d)
		defer t.Stop()
		timeout = t.C
	}
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timeout:
		return errIdle
	case p, ok := <-l.in:
		if !ok {
			return io.EOF
		}
		l.arrived = p
		before := l.screen.taken
		l.screen.feed(p)
		if l.progress != nil && l.screen.taken/loginStep > before/loginStep {
			l.progress()
		}
		if l.screen.taken > l.most {
			return errSize
		}
		return nil
	}
}

// look calls the function look for the output since our last typing.
func (l *Line) look() ending {
	start := l.afterEcho()
	e := look(l.screen.text[start:], l.screen.last(), l.prompt, l.echoed)
	if e.cut >= 0 {
		e.cut += start
	}
	switch {
	case e.kind == endQuestion && l.isOurs(e):
		return ending{}
	case e.kind == endPrompt && !l.echoed && !l.mute && l.question == "":
		e.quiet = max(e.quiet, earlyQuiet)
	}
	return e
}

// restOfQuestion matches the rest of a question that seemed complete before.
var restOfQuestion = lazyregexp.New(`^\s*(\[[^\]]*\])?\s*[:?]?$`)

// isOurs reports whether a question is our own typing, or the question that we
// answered last. A slow device may need time even for the echo of the answer,
// and would take a second answer for its next question.
func (l *Line) isOurs(e ending) bool {
	at := e.cut
	if at < 0 {
		at = len(l.screen.text)
	}
	if rest, same := strings.CutPrefix(e.text, l.question); same && at <= l.answered && (rest == "" || l.question != "" && restOfQuestion.MatchString(rest)) {
		return true
	}
	return !l.echoed && l.typed != "" && strings.HasSuffix(e.text, l.typed)
}

// afterEcho returns the start of the answer to our last typing in screen.text.
// It lies after the echo, once that has arrived.
func (l *Line) afterEcho() int {
	if !l.echoed {
		if n, ok := echoEnd(l.screen.text[l.since:], l.typed); ok {
			l.since, l.echoed = l.since+n, true
		}
	}
	return l.since
}

// output returns the text between the first echo and the prompt e.
func (l *Line) output(command string, e ending) string {
	l.prompt = e.text
	text := l.screen.text
	if e.cut >= 0 {
		text = text[:e.cut]
	} else if rest, ok := bytes.CutSuffix(bytes.TrimRight(l.screen.line, " \t"), []byte(e.text)); ok && len(rest) > 0 {
		text = append(append(text, rest...), '\n')
	}
	start, _ := echoEnd(text, command)
	return string(text[start:])
}

// asked returns the question with up to two lines before it since our last
// typing, which may belong to it. Messages are left out.
func (l *Line) asked(question string) string {
	var lines []string
	for line := range strings.Lines(string(l.screen.text[l.afterEcho():])) {
		if at := message.FindStringIndex(line); at != nil {
			line = line[:at[0]]
		}
		// After a message the question itself is a complete line.
		if line = strings.TrimSpace(line); line != "" && line != question {
			lines = append(lines, line)
		}
	}
	return strings.Join(append(lines[max(0, len(lines)-2):], question), "\n")
}

func (l *Line) answer(ctx context.Context, command, line string, ask Ask) error {
	question := l.asked(line)
	if ask == nil {
		ask = func(string) (string, error) {
			return "", cause.New(cause.PromptUnrecognised,
				fmt.Sprintf("%s asked %s at %q", l.cfg.Name, l.quote(question), l.cfg.redact(command)), api.Say("log in by hand and type it: ").Type(api.OnDevice, l.cfg.redact(command)))
		}
	}
	answer, stop := ask(question)
	if stop == nil {
		stop = typable(answer)
	}
	l.cfg.Log.Debug("question", "question", l.quote(question), "answer", l.cfg.redact(answer), "stop", stop != nil)
	if stop == nil {
		if err := l.reply(ctx, line, answer); err != nil {
			return l.failed(ctx, command, err)
		}
		return nil
	}
	if answer != "" {
		l.reply(ctx, line, answer) // the break follows in any case, so the error does not matter
	}
	l.breakOff(ctx)
	return l.cfg.redactError(stop)
}

// reply types an answer. [confirm] takes a single key; a Return after it would
// answer the next question. A password has no echo.
func (l *Line) reply(ctx context.Context, question, answer string) error {
	l.question, l.answered = question, len(l.screen.text)
	if answer != "" && strings.HasSuffix(strings.ToLower(question), "[confirm]") {
		l.expect("") // the key may be echoed or not
		return l.write(ctx, answer)
	}
	if asksPassword.MatchString(question) {
		l.expect("")
		return l.write(ctx, answer+"\r")
	}
	return l.enter(ctx, answer)
}

// asksPassword matches the end of a question for a password.
var asksPassword = lazyregexp.New(`(?i)\bpassword:$`)

// asksAbort matches a question that some devices ask before they stop a
// command.
var asksAbort = lazyregexp.New(`(?i)^abort [^?]*\?\s*\[confirm\]$`)

// breakOff stops the running command and waits for the prompt. If that fails it
// closes the line, because the device could take the next command for an
// answer.
func (l *Line) breakOff(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, breakTime)
	defer cancel()
	l.expect("")
	if l.write(ctx, keyBreak) != nil {
		l.Close()
		return
	}
	for {
		e, err := l.wait(ctx, func([]byte) time.Duration { return breakTime }, true)
		if err != nil {
			l.Close()
			return
		}
		if e.kind == endPrompt {
			l.atPrompt = true
			return
		}
		if asksAbort.MatchString(e.text) && l.write(ctx, "y") != nil {
			l.Close()
			return
		}
		l.screen.eraseLine() // an old question, or one that the break answered
	}
}

// failed turns an error of wait into an error for the caller. At the end of ctx
// it stops the command and logs out.
func (l *Line) failed(ctx context.Context, command string, err error) error {
	if ctx.Err() == nil {
		return l.lost(command, err)
	}
	limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	l.breakOff(limited)
	l.leave(limited)
	l.Close()
	return fmt.Errorf("%q on %s: %w", l.cfg.redact(command), l.cfg.Name, context.Cause(ctx))
}

// lost closes the line and returns the error of the lost session.
func (l *Line) lost(command string, err error) error {
	l.Close()
	if err == io.EOF && l.readErr != nil {
		err = l.readErr
	}
	return l.lostError(fmt.Sprintf("the session to %s was lost at %q", l.cfg.Name, l.cfg.redact(command)), l.excerpt(), err)
}

// tryAgain returns the fix for a session that ended by itself.
func (c Config) tryAgain() api.Fix {
	return api.Say("try again: ").Do("device test", cmp.Or(c.jumpTo, c.Name))
}

// lostError returns err as a session_lost error that quotes printed, the last
// output.
func (l *Line) lostError(seen, printed string, err error) error {
	if printed != "" {
		seen += ", after it had printed " + printed
	}
	return cause.Wrap(cause.SessionLost, l.cfg.plain(err), seen, l.cfg.tryAgain())
}
