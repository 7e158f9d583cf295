package ios_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/device"
	"flashwarden/internal/ios"
	"flashwarden/internal/vty"
)

// notAsRecorded lists transcripts with another outcome than ours, with the
// reason.
var notAsRecorded = map[string]string{
	"016": "the person consented to an erase; we decline",
	"073": "the person consented to an erase; we decline",
	"092": "the person consented to an erase; we decline",
	"108": "the person consented to an overwrite; we decline",
	"079": "scp asks for a user name and a password, which a copy to TFTP must not answer",
	"039": "no command of ours: how it fails is not read",
	"096": "the help text of a ROM monitor, which has no error in it",
	"110": "0 bytes of a file that is not empty: nothing was copied",
}

// TestReplay plays each real session in pieces of random size and drives it as
// a backup does. It checks every answer, the outcome, the bytes and the cause.
func TestReplay(t *testing.T) {
	passed, all := map[string]int{}, map[string]int{}
	for _, tr := range ios.ReadTranscripts(t, "") {
		class := strings.Trim(tr.Outcome+" "+tr.Class, " ")
		if !tr.Complete {
			class = "(incomplete) " + class
		}
		all[class]++
		good := true
		for seed := range uint64(3) {
			if problem := replay(t, tr, seed, disturb{}); problem != "" {
				good = false
				t.Errorf("%s, seed %d: %s", tr.Name, seed, problem)
			}
		}
		if good {
			passed[class]++
		}
		if why := notAsRecorded[tr.Name]; why != "" {
			t.Logf("%s: not as recorded: %s", tr.Name, why)
		}
	}
	n, m := 0, 0
	for _, class := range slices.Sorted(maps.Keys(all)) {
		t.Logf("%s %d/%d", class, passed[class], all[class])
		n, m = n+passed[class], m+all[class]
	}
	t.Logf("transcripts %d/%d", n, m)
}

// replay plays one transcript and reports every error.
func replay(t *testing.T, tr ios.Transcript, seed uint64, d disturb) (problem string) {
	prompt, steps, want := recorded(tr)
	c := wanted(tr)
	typed := play(t, seed, d, prompt, steps, func(t *testing.T, cfg vty.Config) {
		line, err := vty.Dial(t.Context(), cfg)
		if err != nil {
			problem = err.Error()
			return
		}
		defer line.Close()
		output, err := line.RunLong(t.Context(), tr.Command, 0, c.Answer)
		problem = judge(tr, c, output, err)
		if problem == "" && err == nil {
			problem = stillThere(t, line)
		}
	})
	if problem == "" && !slices.Equal(trimPaths(typed), want) {
		problem = fmt.Sprintf("answers %q, want %q", typed, want)
	}
	return problem
}

// stillThere checks that the line is at its prompt.
func stillThere(t *testing.T, line *vty.Line) string {
	clock, err := line.Run(t.Context(), "show clock", nil)
	if err != nil || !strings.Contains(clock, "12:00:00.000 UTC") || strings.Contains(clock, "copied") {
		return fmt.Sprintf("show clock afterwards: %q, %v", clock, err)
	}
	return ""
}

// judge compares our outcome of a session with the recorded one.
func judge(tr ios.Transcript, c ios.Copy, output string, err error) string {
	want := stopCause(tr)
	if cause.Of(err) != want {
		return fmt.Sprintf("stopped by %v, want %q", err, want)
	}
	switch {
	case err != nil:
		return ""
	case strings.HasPrefix(tr.Command, "copy"):
		return tr.Judge(c.Result(output))
	case strings.HasPrefix(tr.Command, "verify"):
		d, err := ios.ParseVerify(output)
		if whole, _ := ios.ParseVerify(tr.Text); d != whole || (err != nil) != (tr.Outcome == "error") {
			return fmt.Sprintf("read %+v, %v", d, err)
		}
	case tr.Outcome == "error" && notAsRecorded[tr.Name] == "" && ios.Rejected(output) == nil:
		return fmt.Sprintf("no refusal in %q", output)
	case tr.Bytes != nil && c.Result(output).Bytes != *tr.Bytes:
		return fmt.Sprintf("%d bytes, want %d", c.Result(output).Bytes, *tr.Bytes)
	}
	return ""
}

var (
	unsafeQuestion  = regexp.MustCompile(`(?i)with erase|^eras|over write|overwrite|are you sure|^proceed`)
	eraseFirst      = regexp.MustCompile(`(?i)^erase \S+ (device )?before`) // a copy to the device goes on after a no
	foreignQuestion = regexp.MustCompile(`(?i)^password|username \[|^\[confirm\]$`)
)

// stopCause returns the cause that must end a session; "" for none.
func stopCause(tr ios.Transcript) cause.Cause {
	for _, step := range asked(tr) {
		switch {
		case tr.Copy().ToDevice && eraseFirst.MatchString(step.Prompt):
		case unsafeQuestion.MatchString(step.Prompt):
			return cause.UnsafePrompt
		case foreignQuestion.MatchString(step.Prompt):
			return cause.PromptUnrecognised
		}
	}
	return ""
}

// body returns the output after the command, and the prompt before it.
func body(tr ios.Transcript) (prompt, text string) {
	prompt = "Router#"
	if m := namedPrompt.FindString(tr.Text); m != "" {
		prompt = m
	}
	text = tr.Text
	for range 8 {
		before, after, ok := strings.Cut(text, tr.Command)
		if !ok || strings.Count(before, "\n") > 8 {
			break
		}
		_, text, _ = strings.Cut(after, "\n")
	}
	return prompt, text
}

var namedPrompt = regexp.MustCompile(`(?m)^[A-Za-z0-9][\w.()-]*#`)

// asked returns the dialogue without the login before it.
func asked(tr ios.Transcript) []ios.Question {
	_, text := body(tr)
	var steps []ios.Question
	for _, step := range tr.Dialogue {
		if strings.Contains(text, step.Prompt) {
			steps = append(steps, step)
		}
	}
	return steps
}

// recorded splits a transcript into the device's output and the answers that we
// must give.
func recorded(tr ios.Transcript) (prompt string, steps []step, want []string) {
	prompt, text := body(tr)
	stopped := false
	for _, q := range asked(tr) {
		at := strings.Index(text, q.Prompt) + len(q.Prompt)
		steps = append(steps, step{prints: text[:at], question: true})
		text = withoutAnswer(text[at:], q.Answer)
		if !stopped {
			var answers []string
			answers, stopped = wantedAnswer(tr, q)
			want = append(want, answers...)
		}
	}
	rest := strings.TrimRight(text, " \n")
	if !shownPrompt.MatchString(lastLine(rest)) {
		rest += "\n"
	}
	return prompt, append(steps, step{prints: rest}), want
}

func lastLine(text string) string { return text[strings.LastIndexByte(text, '\n')+1:] }

// withoutAnswer removes the person's typing from the beginning of text. It is
// on the line of the question or on the next one.
func withoutAnswer(text, answer string) string {
	line, rest, _ := strings.Cut(text, "\n")
	if next, after, _ := strings.Cut(rest, "\n"); strings.TrimSpace(line) == "" && answer != "" && answer[:1] == next[:min(1, len(next))] && strings.HasPrefix(answer, strings.TrimSpace(next)) {
		return after
	}
	return rest
}

// wantedAnswer returns the answer that we must type at a question, and whether
// it ends the command.
func wantedAnswer(tr ios.Transcript, q ios.Question) (answers []string, stop bool) {
	lower := strings.ToLower(q.Prompt)
	switch {
	case tr.Copy().ToDevice && eraseFirst.MatchString(q.Prompt):
		return []string{"n"}, false
	case unsafeQuestion.MatchString(q.Prompt) && strings.HasSuffix(lower, "[yes/no]"):
		return []string{"no", breakKey}, true
	case unsafeQuestion.MatchString(q.Prompt):
		return []string{"n", breakKey}, true
	case foreignQuestion.MatchString(q.Prompt):
		return []string{breakKey}, true
	case strings.HasPrefix(lower, "which partition"):
		return []string{""}, false
	case strings.Contains(lower, "[yes/no]"):
		return []string{"yes"}, false
	case strings.HasPrefix(lower, "write file"):
		return []string{"y"}, false
	}
	return []string{trimPath(value(q))}, false
}

// value returns the person's answer, or the default.
func value(q ios.Question) string {
	if q.Answer != "" && q.Answer != "<cr>" {
		return q.Answer
	}
	_, standard, _ := strings.Cut(q.Prompt, "[")
	standard, _, _ = strings.Cut(standard, "]")
	return strings.TrimSpace(standard)
}

// trimPath returns a file name as we type it, without its file system.
func trimPath(name string) string {
	return strings.TrimLeft(name[strings.IndexByte(name, ':')+1:], "/")
}

// trimPaths removes the slash at the beginning of names on a server.
func trimPaths(typed []string) []string {
	trimmed := make([]string, len(typed))
	for i, answer := range typed {
		trimmed[i] = strings.TrimLeft(answer, "/")
	}
	return trimmed
}

// wanted returns the copy of a session, with the values of its dialogue.
func wanted(tr ios.Transcript) ios.Copy {
	c := tr.Copy()
	if strings.HasPrefix(tr.Command, "verify") {
		for _, q := range tr.Dialogue {
			c.Source = "disk1:" + q.Answer
		}
	}
	for _, q := range tr.Dialogue {
		if strings.HasPrefix(strings.ToLower(q.Prompt), "destination file") && c.ToDevice {
			fs, _, _ := strings.Cut(c.Destination, ":")
			c.Destination = fs + ":" + trimPath(value(q))
		}
	}
	return c
}

// TestReplayOfBackup drives a real session through the whole of package device.
func TestReplayOfBackup(t *testing.T) {
	for _, tr := range ios.ReadTranscripts(t, "copy ") {
		c := wanted(tr)
		if c.Validate() != nil || stopCause(tr) != "" {
			continue
		}
		prompt, steps, want := recorded(tr)
		var problem string
		typed := play(t, 1, disturb{}, prompt, steps, func(t *testing.T, cfg vty.Config) {
			d, err := device.Dial(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			result, err := d.Copy(t.Context(), c)
			if problem = tr.Judge(result); err != nil {
				problem = err.Error()
			}
		})
		if problem != "" || !slices.Equal(trimPaths(typed), want) {
			t.Errorf("%s: %s; answers %q, want %q", tr.Name, problem, typed, want)
		}
	}
}
