package ios_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vty"
)

// session is one copy as a device may play it, with its expected outcome.
type session struct {
	copy   ios.Copy
	steps  []step
	typed  []string // the answers
	stop   cause.Cause
	result ios.CopyResult
}

// TestDisturbedCopies runs copies of every kind, in both directions. Slow
// devices print them in random pieces, with messages between the lines, in the
// progress and after prompts and questions. There must be no wrong answer, no
// wrong result and no hang.
func TestDisturbedCopies(t *testing.T) {
	for seed := range testlevel.Of[uint64](50, 1_000, 200_000) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		s := newSession(rnd)
		d := disturb{messages: rnd.IntN(60), glued: rnd.IntN(4) == 0, slow: rnd.IntN(2) == 0}
		if problem := s.run(t, seed, d); problem != "" {
			t.Errorf("seed %d, %+v, %s: %s\nthe device printed %+v", seed, d, s.copy.Command(), problem, s.steps)
		}
	}
}

// TestDisturbedReplay disturbs real sessions in the same way.
func TestDisturbedReplay(t *testing.T) {
	for _, tr := range ios.ReadTranscripts(t, "copy ") {
		for seed := range testlevel.Of[uint64](1, 5, 5) {
			if problem := replay(t, tr, seed, disturb{messages: 30, slow: seed%2 == 0}); problem != "" {
				t.Errorf("%s, seed %d: %s", tr.Name, seed, problem)
			}
		}
	}
}

// run plays a session and reports every error.
func (s session) run(t *testing.T, seed uint64, d disturb) (problem string) {
	typed := play(t, seed, d, "SW1#", s.steps, func(t *testing.T, cfg vty.Config) {
		// In virtual time: a session that takes this long hangs.
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		line, err := vty.Dial(ctx, cfg)
		if err != nil {
			problem = err.Error()
			return
		}
		defer line.Close()
		output, err := line.RunLong(ctx, s.copy.Command(), 0, s.copy.Answer)
		switch result := s.copy.Result(output); {
		case cause.Of(err) != s.stop:
			problem = fmt.Sprintf("stopped by %v, want %q; output %q", err, s.stop, output)
		case err == nil && result != s.result:
			problem = fmt.Sprintf("result %+v, want %+v; output %q", result, s.result, output)
		case err == nil:
			problem = stillThere(t, line)
		}
	})
	if problem == "" && !slices.Equal(typed, s.typed) {
		problem = fmt.Sprintf("answers %q, want %q", typed, s.typed)
	}
	return problem
}

func newSession(rnd *rand.Rand) session {
	s := session{copy: ios.Backup}
	if rnd.IntN(2) == 0 {
		s.copy = ios.Restore
	}
	s.plainQuestions(rnd)
	if rnd.IntN(5) == 0 {
		s.oldQuestion()
	}
	if s.copy.ToDevice && rnd.IntN(4) == 0 { // flash of class B copies after a no
		s.ask("Erase flash: before copying? [confirm]", "n")
	}
	if rnd.IntN(4) == 0 {
		s.stopped(rnd)
	} else {
		s.transfer(rnd)
	}
	return s
}

// ask adds a question and its expected answer.
func (s *session) ask(question string, answer ...string) {
	s.steps = append(s.steps, step{prints: question, question: true})
	s.typed = append(s.typed, answer...)
}

// plainQuestions adds some of the questions for names, in any order, with any
// default.
func (s *session) plainQuestions(rnd *rand.Rand) {
	source, destination := "d/x.bin", s.copy.Name
	if s.copy.ToDevice {
		source, destination = s.copy.Name, "x.bin"
	}
	questions := [][2]string{
		{"Source filename [%s]?", source}, {"Address or name of remote host [%s]?", s.copy.Server}, {"Destination filename [%s]?", destination},
	}
	rnd.Shuffle(len(questions), func(i, j int) { questions[i], questions[j] = questions[j], questions[i] })
	defaults := []string{"", "x.bin.bin", "x.bin ", "255.255.255.255", "erase.bin"}
	for _, q := range questions {
		if rnd.IntN(3) > 0 {
			s.ask(fmt.Sprintf(q[0], defaults[rnd.IntN(len(defaults))]), q[1])
		}
	}
	if rnd.IntN(6) == 0 {
		s.ask("[Type ?<no> for partition directory; ? for full directory; q to abort]\nWhich partition? [default = 2]", "")
	}
}

// oldQuestion adds the last question of IOS 12.0 and before.
func (s *session) oldQuestion() {
	if s.copy.ToDevice {
		s.ask("Copy 'x.bin' from TFTP server\n  as 'x.bin' into Flash WITHOUT erase? [yes/no]", "yes")
		return
	}
	s.ask("Verifying checksum for 'd/x.bin' (file # 1)... OK\nCopy 'd/x.bin' from Flash to server\n  as 'x'? [yes/no]", "yes")
}

// stopped ends the session in a question that must not get a yes.
func (s *session) stopped(rnd *rand.Rand) {
	stops := []struct {
		question string
		answer   []string
		stop     cause.Cause
	}{
		{"%Warning:There is a file already existing with this name\nDo you want to over write? [confirm]", []string{"n", breakKey}, cause.UnsafePrompt},
		{"Erasing the flash filesystem will remove all files! Continue? [confirm]", []string{"n", breakKey}, cause.UnsafePrompt},
		{"Flash contains files. Are you sure you want to erase? [confirm]", []string{"n", breakKey}, cause.UnsafePrompt},
		{"Copy 'x.bin' from TFTP server\n  as 'x.bin' into Flash WITH erase? [yes/no]", []string{"no", breakKey}, cause.UnsafePrompt},
		{"---- ******** ----\nProceed? [confirm]", []string{"n", breakKey}, cause.UnsafePrompt},
		{"Destination username [admin]?", []string{breakKey}, cause.PromptUnrecognised},
	}
	if !s.copy.ToDevice {
		stops[0].question = "Erase flash: before copying? [confirm]"
	}
	stop := stops[rnd.IntN(len(stops))]
	s.ask(stop.question, stop.answer...)
	s.stop = stop.stop
}

// transfer ends the session with progress and result.
func (s *session) transfer(rnd *rand.Rand) {
	url := "tftp://" + s.copy.Server + "/" + s.copy.Name
	marks := strings.Repeat("!", 1+rnd.IntN(200))
	text := marks + "\n"
	if s.copy.ToDevice {
		text = "Accessing " + url + "...\nLoading " + s.copy.Name + " from " + s.copy.Server + " (via Vlan1): " + marks + "\n"
	}
	switch rnd.IntN(4) {
	case 0:
		s.result = ios.CopyResult{Bytes: -1, Error: "%Error opening " + url + " (Timed out)"}
		text += ".....\n" + s.result.Error + "\n"
	case 1:
		s.result = ios.CopyResult{Bytes: -1, Error: "%Error writing " + url + " (Permission denied)", Cause: cause.RefusedByServer}
		text += s.result.Error + "\n"
	default:
		s.result = ios.CopyResult{Bytes: 1 + rnd.Int64N(1<<31), Seconds: 58.989, OK: true}
		if s.copy.ToDevice {
			text += fmt.Sprintf("[OK - %d bytes]\n\n", s.result.Bytes)
		}
		text += fmt.Sprintf("%d bytes copied in 58.989 secs (309991 bytes/sec)\n", s.result.Bytes)
	}
	s.steps = append(s.steps, step{prints: text})
}
