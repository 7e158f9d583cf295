package ios

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"flashwarden/internal/cause"
	"flashwarden/internal/testlevel"
)

// transcript is one real copy dialogue.
type transcript struct {
	Command  string `json:"command"`
	Outcome  string `json:"outcome"`
	Class    string `json:"error_class"`
	Complete bool   `json:"complete"`
	Dialogue []Question
	Bytes    *int64   `json:"bytes"`
	Seconds  *float64 `json:"seconds"`
	Hashes   []string `json:"hashes"`
	Name     string   `json:"-"` // name of its files, without the ending
	Text     string   `json:"-"`
}

// Question is a question of a recorded session, with the person's answer.
type Question struct {
	Prompt string
	Answer string // empty: Return
}

// otherResult lists transcripts whose result we cannot read as their outcome
// says, with the reason.
var otherResult = map[string]string{
	"016": "the output ends after the erase, before any result of the copy",
	"067": "the output ends at the last question",
	"001": "the result line was not recorded",
	"037": "the result line was not recorded",
	"042": "the result line was not recorded",
	"050": "the result line was not recorded",
	"089": "the result line was not recorded",
	"110": "nothing was copied; the recorder calls that ok",
}

// TestTranscripts passes the questions of real copy dialogues to Answer and
// their outputs to Result.
func TestTranscripts(t *testing.T) {
	transcripts := readTranscripts(t, "copy ")
	questions, answered, results, right := 0, 0, 0, 0
	for _, tr := range transcripts {
		c := tr.Copy()
		for _, step := range tr.Dialogue {
			questions++
			if problem := wrongAnswer(c, tr.question(step.Prompt)); problem != "" {
				t.Errorf("%s: %s", tr.Name, problem)
			} else {
				answered++
			}
		}
		results++
		if problem := wrongResult(c, tr); problem != "" {
			t.Errorf("%s: %s", tr.Name, problem)
		} else {
			right++
		}
	}
	t.Logf("questions %d/%d", answered, questions)
	t.Logf("results %d/%d", right, results)
}

// readTranscripts reads the transcripts whose command begins with verb.
func readTranscripts(t *testing.T, verb string) []transcript {
	t.Helper()
	directory := testlevel.DeviceTexts(t, "FLASHWARDEN_TRANSCRIPTS", "../../../shared/transcripts")
	files, err := filepath.Glob(filepath.Join(directory, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts in %s: %v", directory, err)
	}
	var all []transcript
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		tr := transcript{Name: strings.TrimSuffix(filepath.Base(file), ".json")}
		if err := json.Unmarshal(data, &tr); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		tr.Text = string(text)
		if strings.HasPrefix(tr.Command, verb) {
			all = append(all, tr)
		}
	}
	return all
}

// Copy returns the Copy for the dialogue: the command, completed by the
// person's answers.
func (tr transcript) Copy() Copy {
	c := copyOfCommand(tr.Command)
	c.ToDevice = c.ToDevice || c.Destination != ""
	for _, step := range tr.Dialogue {
		answer := step.Answer
		if answer == "" || answer == "<cr>" {
			_, answer, _ = strings.Cut(step.Prompt, "[")
			answer, _, _ = strings.Cut(answer, "]")
		}
		switch lower := strings.ToLower(step.Prompt); {
		case strings.Contains(lower, "remote host"):
			c.Server = strings.TrimSpace(answer)
		case strings.HasPrefix(lower, "source file") && c.ToDevice:
			c.Name = answer
		case strings.HasPrefix(lower, "source file"):
			c.Source = "flash:/" + strings.TrimPrefix(answer, "flash:")
		case strings.HasPrefix(lower, "destination file") && !c.ToDevice, strings.HasPrefix(lower, "name of config"):
			c.Name = answer
		}
	}
	if m := recordedURL.FindStringSubmatch(tr.Text); m != nil && c.Server == "" {
		c.Server, c.Name = m[1], m[2] // the record begins after the questions
	}
	if c.ToDevice && len(tr.Dialogue) == 1 && tr.Dialogue[0].Answer != "" {
		c.Destination = tr.Dialogue[0].Answer
	}
	return c
}

var recordedURL = regexp.MustCompile(`tftp://([^/\s]+)/(\S+)`)

// question returns a prompt. If the prompt is only the second half of a
// question, the line above it comes first.
func (tr transcript) question(prompt string) string {
	if before, _, ok := strings.Cut(tr.Text, prompt); ok && strings.HasPrefix(prompt, "as '") {
		lines := strings.Split(strings.TrimSpace(before), "\n")
		return lines[len(lines)-1] + "\n" + prompt
	}
	return prompt
}

var (
	eraseFirst      = regexp.MustCompile(`(?i)^erase \S+ (?:device )?before`)
	hostQuestion    = regexp.MustCompile(`(?i)remote host`)
	unsafeWords     = regexp.MustCompile(`(?i)\bwith erase|^eras|over write|overwrite|are you sure|^proceed`)
	unknownQuestion = regexp.MustCompile(`(?i)^username|^password|username \[|^\[confirm\]$`)
)

// wrongAnswer judges an answer by its kind, with rules of its own.
func wrongAnswer(c Copy, question string) string {
	answer, stop := c.Answer(question)
	lower := strings.ToLower(question)
	problem := "to " + question + " the answer was " + quote(answer)
	switch {
	case c.ToDevice && eraseFirst.MatchString(question): // a no, and the copy goes on
		if answer != "n" || stop != nil {
			return problem
		}
	case unsafeWords.MatchString(question):
		no := "n"
		if strings.Contains(lower, "[yes/no]") {
			no = "no"
		}
		if answer != no || cause.Of(stop) != cause.UnsafePrompt {
			return problem
		}
	case unknownQuestion.MatchString(question):
		if answer != "" || cause.Of(stop) != cause.PromptUnrecognised {
			return problem
		}
	case stop != nil:
		return problem + ": " + stop.Error()
	case hostQuestion.MatchString(question):
		if answer != c.Server {
			return problem
		}
	case strings.HasPrefix(lower, "source file"):
		if answer != c.sourceName() || answer == "" {
			return problem
		}
	case strings.HasPrefix(lower, "destination file"), strings.HasPrefix(lower, "name of"):
		if answer != c.destinationName() {
			return problem
		}
	case strings.HasPrefix(lower, "which partition"):
		if answer != "" {
			return problem
		}
	case strings.Contains(lower, "to server"):
		if answer != "yes" {
			return problem
		}
	case strings.HasPrefix(lower, "write file"):
		if answer != "y" {
			return problem
		}
	default:
		return "no rule in the test for the question " + question
	}
	return ""
}

// causeOfClass has the cause for each failure class of the transcripts.
var causeOfClass = map[string]cause.Cause{
	"timeout_open": "", "timeout_mid": "",
	"permission_denied": cause.RefusedByServer, "is_a_directory": cause.SourceMissing,
	"incomplete_command": cause.CommandRejected, "bad_host": cause.CommandRejected, "dns": cause.CommandRejected,
	"device_read_only": cause.CommandRejected, "invalid_argument": cause.CommandRejected,
}

func wrongResult(c Copy, tr transcript) string { return tr.Judge(c.Result(tr.Text)) }

// Judge describes the error in a result; "" for none.
func (tr transcript) Judge(r CopyResult) string {
	wantOK := tr.Outcome == "ok" && otherResult[tr.Name] == ""
	if r.OK != wantOK {
		return "result " + tr.Outcome + " was read as error " + quote(r.Error)
	}
	if tr.Bytes != nil && r.Bytes != *tr.Bytes || tr.Bytes == nil && r.Bytes != -1 {
		return "bytes"
	}
	if tr.Seconds != nil && r.Seconds != *tr.Seconds {
		return "seconds"
	}
	if tr.Outcome == "error" && tr.Class != "no_such_file" && (r.Error == "" || !strings.Contains(tr.Text, r.Error)) {
		return "no error line"
	}
	want, ok := causeOfClass[tr.Class]
	if ok && r.Cause != want {
		return "cause " + string(r.Cause)
	}
	return ""
}

// TestVerifyTranscripts reads real outputs of verify. The MD5 of the file is
// the last hash in the output; after a wrong digest in the command, the
// device's own digest stands before it.
func TestVerifyTranscripts(t *testing.T) {
	transcripts := readTranscripts(t, "verify ")
	right := 0
	for _, tr := range transcripts {
		want, hashes := "", tr.Hashes
		if tr.Class == "md5_mismatch" {
			hashes = hashes[:len(hashes)-1]
		}
		if len(hashes) > 0 && !strings.Contains(tr.Text, "SHA1") { // such images print parts of hashes only
			want = strings.ToLower(hashes[len(hashes)-1])
		}
		d, err := ParseVerify(tr.Text)
		if d.MD5 != want || (err != nil) != (tr.Outcome == "error") || d.Path == "" {
			t.Errorf("%s: %+v, %v; want %q", tr.Name, d, err, want)
		} else {
			right++
		}
	}
	t.Logf("verify %d/%d", right, len(transcripts))
}
