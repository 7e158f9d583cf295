package iossim

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"time"
)

// loginAttempts is the number of passwords that a line accepts before it hangs
// up.
const loginAttempts = 3

// session is one person or program at a terminal line.
type session struct {
	dialogue
	privileged  bool
	enabled     bool // by enable, whatever the level of the account
	configuring bool // in global configuration mode
	history     []string
	over        bool             // exit was typed, or the line is gone
	hang        func()           // hangs up the terminal from outside
	out         *strings.Builder // collects the output for a filter; nil: output goes to the terminal
}

// newSession prepares a line. The faults of a session strike here.
func (s *Switch) newSession(t *terminal, conn net.Conn) *session {
	if s.strikes(func(f *Faults) *Times { return &f.SyslogNoise }) {
		t.noise = &noise{texts: backgroundTexts()}
	}
	if s.strikes(func(f *Faults) *Times { return &f.SecurityWarnings }) || s.profile.can(secureMode) {
		t.noise = &noise{texts: securityTexts()}
	}
	t.slow = s.strikes(func(f *Faults) *Times { return &f.SlowPrint })
	return &session{dialogue: dialogue{sw: s, term: t}, privileged: s.o.EnablePassword == "" || s.o.Privilege > 1, hang: func() { s.forget(conn) }}
}

// runTelnet serves a line with a login dialogue.
func (s *Switch) runTelnet(t *terminal, conn net.Conn) {
	if n := s.newSession(t, conn); n.login() && n.admit() && n.setup() {
		n.interact()
	}
}

// runShell serves a line after the login.
func (s *Switch) runShell(t *terminal, conn net.Conn) {
	n := s.newSession(t, conn)
	t.print(s.o.Banner + "\n")
	if n.admit() && n.setup() {
		n.interact()
	}
}

// runOne runs the command that came with the connection.
func (s *Switch) runOne(t *terminal, conn net.Conn, line string) {
	t.length.Store(0)
	n := s.newSession(t, conn)
	t.print("\n")
	n.execute(line)
}

// execTimeout hangs up a line without typing after ExecTimeout (Terminal
// Services Command Reference, "exec-timeout"). Call stop to end this.
func (s *Switch) execTimeout(t *terminal, conn net.Conn) (stop func()) {
	if s.o.ExecTimeout <= 0 {
		return func() {}
	}
	timer := time.AfterFunc(s.o.ExecTimeout, func() { s.forget(conn) })
	t.typed = func() { timer.Reset(s.o.ExecTimeout) }
	return func() { timer.Stop() }
}

// interact reads and runs commands until the line ends.
func (s *session) interact() {
	for !s.over {
		line, err := s.readCommand()
		switch {
		case errors.Is(err, errInterrupted):
			s.configuring = false
			continue
		case err != nil:
			return
		}
		s.execute(line)
	}
}

func (s *session) prompt() string {
	name := s.sw.promptClock() + s.sw.promptName()
	switch {
	case s.configuring:
		return name + "(config)#"
	case s.privileged:
		return name + "#"
	}
	return name + ">"
}

// promptName returns the host name with its decoration.
func (s *Switch) promptName() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return cmp.Or(s.renamed, s.o.Hostname) + s.o.Decoration
}

// promptClock returns the time in the prompt, if there is one. It does not
// depend on the time of the test.
func (s *Switch) promptClock() string {
	if s.o.PromptClock == "" {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.prompts++
	return time.Date(2026, 11, 22, 9, 59, 50, 0, time.UTC).Add(time.Duration(s.prompts) * time.Second).Format(s.o.PromptClock)
}

// stamp prints load and time before the output of a command (Configuration
// Fundamentals Command Reference, "exec prompt timestamp").
func (s *session) stamp() {
	source := "Time source is " + s.sw.o.TimeSource
	mark := ""
	switch s.sw.o.TimeSource {
	case "":
		return
	case "none":
		source, mark = "No time source", "*"
	}
	s.say("Load for five secs: 1%/0%; one minute: 1%; five minutes: 1%\n" + source + ", " + mark + "09:59:58.313 UTC Sun Nov 22 2026\n\n")
}

// rename changes the host name at the end of a copy, if the fault Rename
// strikes.
func (s *Switch) rename() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.renamed = s.o.Faults.Rename
}

// setup asks the questions of a switch without configuration, if the fault
// SetupDialogue strikes. It reports false if the line has ended.
func (s *session) setup() bool {
	if !s.sw.strikes(func(f *Faults) *Times { return &f.SetupDialogue }) {
		return true
	}
	s.say("\n         --- System Configuration Dialog ---\n\n")
	yes, ok := s.yesNo("Would you like to enter the initial configuration dialog? [yes/no]: ")
	if yes || !ok {
		return false
	}
	s.say("\n\nPress RETURN to get started!\n\n")
	_, err := s.term.key()
	return err == nil
}

func (s *session) readCommand() (string, error) {
	e := lineEditor{
		t: s.term, prompt: s.prompt(), history: s.history,
		help: func(line string) string { return help(s.commands(), line) },
		tab:  func(line string) string { return completion(s.commands(), line) },
	}
	return e.read()
}

// execute runs one command line and prints what IOS prints.
func (s *session) execute(line string) {
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '!' {
		return
	}
	s.sw.note(line)
	s.history = append(s.history, line)
	s.history = s.history[max(0, len(s.history)-20):]
	if s.denied(line) {
		s.term.print("Command authorization failed.\n\n")
		return
	}
	if after, broken := s.breaks(line); broken && !after {
		s.breakOff()
		return
	} else if broken {
		defer s.breakOff()
	}
	if cut := s.sw.o.Faults.CutOutput; cut != nil {
		s.term.left = cut(line)
	}
	typed, filter, piped := strings.Cut(line, "|")
	if piped && s.sw.profile.can(noFilters) {
		s.reject(&parseError{"% Invalid input detected at '^' marker.", strings.IndexByte(line, '|')})
		return
	}
	m, bad := parse(s.commands(), typed)
	if bad != nil {
		s.reject(bad)
		return
	}
	if s.configuring && s.sw.o.Faults.RefuseLine != nil && s.sw.o.Faults.RefuseLine(line) {
		s.reject(&parseError{"% Invalid input detected at '^' marker.", 0})
		return
	}
	s.stamp()
	if !s.intrude(line) {
		return
	}
	if !piped {
		m.command.run(s, m.args)
		return
	}
	s.out = &strings.Builder{} // collects the output of show for the filter
	m.command.run(s, m.args)
	text := s.out.String()
	s.out = nil
	text, ok := filterLines(text, filter)
	if !ok {
		s.reject(&parseError{"% Invalid input detected at '^' marker.", strings.IndexByte(line, '|') + 1})
		return
	}
	s.term.page(text)
}

// breaks says whether the fault Break ends the terminal at a command, and
// whether the command still runs.
func (s *session) breaks(line string) (after, broken bool) {
	if s.sw.o.Faults.Break == nil {
		return false, false
	}
	broken, after = s.sw.o.Faults.Break(line)
	return after, broken
}

// breakOff ends the terminal without a word, and cuts the power with that fault.
func (s *session) breakOff() {
	s.hang()
	s.over = true
	if s.sw.o.Faults.CutPower {
		s.sw.restart()
	}
}

// intrude asks the question of the fault Ask before a command. It reports false
// if the command must not run.
func (s *session) intrude(line string) bool {
	if s.sw.o.Faults.Ask == nil {
		return true
	}
	question := s.sw.o.Faults.Ask(line)
	if question == "" {
		return true
	}
	yes, ok := s.confirm(question)
	if yes && ok {
		if err := s.sw.flash.erase("flash:"); err != nil {
			s.say(fmt.Sprintf("%%Error erasing flash: (%v)\n", err))
		}
	}
	return !yes && ok
}

// denied reports whether the AAA server refuses the command.
func (s *session) denied(line string) bool {
	if only := s.sw.o.Permitted; only != nil && !slices.ContainsFunc(only, func(r *regexp.Regexp) bool { return r.MatchString(line) }) {
		return true
	}
	return slices.ContainsFunc(s.sw.o.Denied, func(command string) bool { return strings.HasPrefix(line, command) })
}

// reject prints the reason why a line is not a command, with the caret under
// the place.
func (s *session) reject(bad *parseError) {
	if bad.at >= 0 {
		s.term.print(strings.Repeat(" ", len(s.prompt())+bad.at) + "^\n")
	}
	s.term.print(bad.text + "\n\n")
}

// show prints the output of a command, page by page.
func (s *session) show(text string) {
	if s.out != nil {
		s.out.WriteString(text)
		return
	}
	s.term.page(text)
}

// filterLines implements "| include", "| exclude", "| begin" and "| section".
func filterLines(text, filter string) (string, bool) {
	word, pattern, _ := strings.Cut(strings.TrimLeft(filter, " "), " ")
	re, err := regexp.Compile(pattern)
	if err != nil || word == "" {
		return "", false
	}
	var b strings.Builder
	var begun, inside bool
	for line := range strings.Lines(text) {
		hit := re.MatchString(line)
		inside = hit || inside && strings.HasPrefix(line, " ")
		begun = begun || hit
		keep := false
		switch {
		case strings.HasPrefix("include", word):
			keep = hit
		case strings.HasPrefix("exclude", word):
			keep = !hit
		case strings.HasPrefix("begin", word):
			keep = begun
		case strings.HasPrefix("section", word):
			keep = inside
		default:
			return "", false
		}
		if keep {
			b.WriteString(line)
		}
	}
	return b.String(), true
}

// login is the dialogue of a Telnet line. It reports whether it succeeded.
func (s *session) login() bool {
	o := &s.sw.o
	if o.Password == "" {
		s.say("\n\nPassword required, but none set\n")
		return false
	}
	s.say(o.Banner + "\n\nUser Access Verification\n\n")
	for range loginAttempts {
		user, err := s.username()
		if err != nil {
			return false
		}
		password, err := s.secret("Password: ")
		if err != nil && !errors.Is(err, errInterrupted) {
			return false
		}
		if user == o.Username && password == o.Password {
			s.say("\n")
			return true
		}
		if o.Username != "" {
			s.say("% Login invalid\n\n")
		}
	}
	if o.Username == "" {
		s.say("% Bad passwords\n")
	}
	return false
}

// username asks for the user name, if the line needs one.
func (s *session) username() (string, error) {
	if s.sw.o.Username == "" {
		return "", nil
	}
	for {
		e := lineEditor{t: s.term, prompt: "Username: "}
		user, err := e.read()
		switch {
		case errors.Is(err, errInterrupted), err == nil && strings.TrimSpace(user) == "":
			continue
		case err != nil:
			return "", err
		}
		s.sw.note("Username: " + user)
		return strings.TrimSpace(user), nil
	}
}

// enable asks for the enable password.
func (s *session) enable(_ []string) {
	want := s.sw.o.EnablePassword
	if s.privileged && !s.restricted() || want == "" {
		s.privileged, s.enabled = true, true
		return
	}
	for range loginAttempts {
		got, err := s.secret("Password: ")
		if err != nil {
			return
		}
		if got == want {
			s.privileged, s.enabled = true, true
			return
		}
	}
	s.say("% Bad secrets\n\n")
}

// uptime returns the time since the switch started.
func (s *Switch) uptime() time.Duration { return time.Since(s.started) }
