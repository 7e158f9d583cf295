package e2e

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"flashwarden/api"
	apiclient "flashwarden/api/client"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// question is how the program asks what Ctrl-C means.
const question = "[c/l/g] "

// TestCtrlCAsks presses Ctrl-C while backups wait in a service. The backup of another
// device holds them there, until the test ends that one.
func TestCtrlCAsks(t *testing.T) {
	testlevel.NeedFull(t, "starts the program on a terminal")
	t.Parallel()
	for name, test := range map[string]struct {
		typed []string // at one question each
		code  int
		shown string
		state string // of the job
		held  bool   // the job ends while the other backup holds it
	}{
		"leave":              {[]string{"l\n"}, 130, "they continue in the service", "done", false},
		"cancel":             {[]string{"c\n"}, 130, "2 devices not tried", "cancelled", true},
		"Ctrl-D":             {[]string{"\x04"}, 130, "2 devices not tried", "cancelled", true},
		"twice":              {[]string{"\x03"}, 130, "", "cancelled", true},
		"go on":              {[]string{"go on\n"}, 0, "ok", "done", false},
		"go on, then leave":  {[]string{"g\n", "leave\n"}, 130, "`flashwarden jobs`", "done", false},
		"ends before answer": {[]string{""}, 0, "ok", "done", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.env = append(s.env, "FLASHWARDEN_BACKUP_PARALLEL=1", "FLASHWARDEN_SCHEDULE_BACKUP=never")
			s.add("slow", "c3750", iossim.Options{LargestImage: imageSize, Pace: 1000})
			s.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize})
			s.add("sw2", "c3500xl", iossim.Options{LargestImage: imageSize})
			s.serve()
			release := s.occupy("slow")
			p := s.atTerminal("backup", "sw1", "sw2")
			p.await("0/2 done")
			for i, typed := range test.typed {
				p.typeText("\x03")
				p.await(question)
				p.typeText(typed)
				if typed == "g\n" && i+1 < len(test.typed) {
					p.await("0/2 done")
				}
			}
			if test.code == 0 {
				release()
			}
			if code := p.wait(); code != test.code || !strings.Contains(p.text, test.shown) {
				t.Errorf("code %d, want %d; want %q in\n%s", code, test.code, test.shown, p.text)
			}
			if test.code != 0 && !test.held {
				s.wantJob("sw1", "queued")
				s.wantJob("sw2", "queued")
				release()
			}
			s.wantJob("sw1", test.state)
			s.wantJob("sw2", test.state)
			if saved := strings.Contains(s.ok("snapshots").stdout, "sw1"); saved != (test.state == "done") {
				t.Errorf("a snapshot: %t", saved)
			}
			release()
		})
	}
}

// occupy backs a device up, until release cancels that. Meanwhile no other job begins.
func (s *site) occupy(device string) (release func()) {
	s.t.Helper()
	cmd := s.command("backup", device, "-v")
	begun := newMarker("copying")
	cmd.Stderr = begun
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	<-begun.seen
	return func() {
		if cmd.ProcessState != nil {
			return
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			s.t.Error(err)
		}
		_ = cmd.Wait()
	}
}

// wantJob waits until the newest job of a device is in a state.
func (s *site) wantJob(device, state string) {
	s.t.Helper()
	c, running, err := apiclient.Dial(s.t.Context(), s.data)
	if err != nil || !running {
		s.t.Fatalf("a service runs: %t, %v", running, err)
	}
	defer c.Close()
	was := ""
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(20 * time.Millisecond) {
		page, err := c.Jobs(s.t.Context(), api.JobSelect{Device: device, Limit: 1})
		if err != nil || len(page.Jobs) != 1 {
			s.t.Fatalf("jobs %+v, %v", page.Jobs, err)
		}
		if was = page.Jobs[0].State; was == state {
			return
		}
	}
	s.t.Errorf("the job of %s is %s; want it %s", device, was, state)
}

// person is a person at a terminal where the program runs.
type person struct {
	t    *testing.T
	ours *os.File
	cmd  *exec.Cmd
	text string // so far
	read int    // how much of it await has passed
}

// atTerminal runs the program on a terminal of its own, from which Ctrl-C reaches it.
func (s *site) atTerminal(args ...string) *person {
	s.t.Helper()
	ours, theirs := openTerminal(s.t)
	defer closeFile(s.t, theirs)
	cmd := s.command(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = theirs, theirs, theirs
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	return &person{t: s.t, ours: ours, cmd: cmd}
}

// more reads what the program has printed, and reports whether it may print more.
func (p *person) more() bool {
	some := make([]byte, 4096)
	n, err := p.ours.Read(some) // ends with EIO when the program has closed its end
	p.text += string(some[:n])
	return err == nil
}

// await waits until the program prints a word that it had not printed at the last call.
func (p *person) await(word string) {
	p.t.Helper()
	for {
		if i := strings.Index(p.text[p.read:], word); i >= 0 {
			p.read += i + len(word)
			return
		}
		if !p.more() {
			p.t.Fatalf("the program ended without %q\n%s", word, p.text)
		}
	}
}

func (p *person) typeText(text string) {
	p.t.Helper()
	if _, err := p.ours.WriteString(text); err != nil {
		p.t.Fatal(err)
	}
}

// wait reads the rest and returns the exit code.
func (p *person) wait() int {
	for p.more() {
	}
	_ = p.cmd.Wait() // the code is judged
	return p.cmd.ProcessState.ExitCode()
}
