package e2e

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestKill ends a backup with kill -9 at five moments of its life, at the level soak at
// ten: each time at another line that it prints, and a little later.
func TestKill(t *testing.T) {
	testlevel.NeedFull(t, "makes five backups twice")
	t.Parallel()
	whole := newSite(t)
	whole.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize})
	lines := strings.Count(whole.ok("backup", "sw1", "-v").stderr, "\n")
	moments := testlevel.Of(0, 5, 10)
	if lines < moments {
		t.Fatalf("a backup prints %d lines; want at least %d", lines, moments)
	}
	for i := range moments {
		line := 1 + i*(lines-1)/(moments-1)
		t.Run(fmt.Sprintf("at line %d of %d", line, lines), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize})
			s.killAtLine(line, "backup", "sw1", "-v")
			s.wantClean()
			s.ok("backup", "sw1")
			s.wantClean()
			s.wantEmptySpool()
		})
	}
}

// killAtLine runs the program and kills it after it has printed so many lines
// to standard error.
func (s *site) killAtLine(line int, args ...string) {
	s.t.Helper()
	cmd := s.command(args...)
	printed, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	seen := 0
	for in := bufio.NewScanner(printed); in.Scan(); {
		if seen++; seen == line {
			// Not to be right: the moments are to lie between the lines, too.
			time.Sleep(time.Duration(rand.IntN(200)) * time.Millisecond)
			if err := cmd.Process.Kill(); err != nil {
				s.t.Log("it had ended:", err)
			}
		}
	}
	_ = cmd.Wait() // it was killed, or had ended
	if seen < line {
		s.t.Errorf("it printed %d lines, want %d", seen, line)
	}
}

// TestKilledRunIsInterrupted kills a backup in the middle of its first copy: the
// status shows an interrupted run, and the next backup protects the device. Each transport does so.
func TestKilledRunIsInterrupted(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "a copy that lasts")
	for by, profile := range map[string]string{"tftp": "c3500xl", "scp-pull": "c9300-secure", "https": "c3750", "scp": "c9300"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			killedRun(t, by, profile)
		})
	}
}

func killedRun(t *testing.T, by, profile string) {
	s := newSite(t)
	// The switch must know the port of the SCP server: the address is the one that no other program has.
	ours := fmt.Sprintf("127.80.%d.%d", os.Getpid()>>8&0xff, os.Getpid()&0xff)
	s.env = append(s.env, "FLASHWARDEN_TRANSPORTS_HTTPS_LISTEN=127.0.0.1:0")
	o := iossim.Options{LargestImage: imageSize, SCPServer: true, SCPPort: 2022, Privilege: 15, Pace: imageSize / 600} // ten minutes
	sw := s.add("sw1", profile, o)
	s.ok("device", "edit", "sw1", "--copy-by", by)
	if by == "scp" {
		s.env = append(s.env, "FLASHWARDEN_TRANSPORTS_SCP_LISTEN="+ours+":2022")
		s.ok("device", "edit", "sw1", "--tftp-address", ours)
	}
	s.killAtCopy("backup", "sw1", "-v")
	status := s.run("status", "--json")
	if status.code != 1 || !strings.Contains(status.stdout, `"status": "interrupted"`) || !strings.Contains(status.stdout, `"hint": "`+"`flashwarden backup sw1`") {
		t.Errorf("ended with %d\n%s%s", status.code, status.stdout, status.stderr)
	}
	if err := sw.Close(); err != nil {
		t.Fatal(err)
	}
	o.Pace = 0
	quick := s.switchOn("sw1", profile, o)
	s.ok("device", "edit", "sw1", "--address", quick.Addr().String())
	s.ok("backup", "sw1")
	s.ok("status")
	s.wantClean()
	s.wantEmptySpool()
}

// killAtCopy runs the program and kills it as soon as it copies a file.
func (s *site) killAtCopy(args ...string) {
	s.t.Helper()
	cmd := s.command(args...)
	printed, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	for in := bufio.NewScanner(printed); in.Scan(); {
		if strings.Contains(in.Text(), "copying ") {
			if err := cmd.Process.Kill(); err != nil {
				s.t.Error(err)
			}
		}
	}
	_ = cmd.Wait() // it was killed
}

// TestDeviceGone cuts terminal and transfer in the middle of the first copy;
// the next attempt succeeds.
func TestDeviceGone(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "waits for the second attempt")
	s := newSite(t)
	s.add("sw1", "c3500xl", iossim.Options{LargestImage: imageSize, Faults: iossim.Faults{Hangup: iossim.After{Bytes: imageSize / 3, Times: 1}}})
	r := parse(t, s.ok("backup", "sw1", "--json")).Results[0]
	if r.Status != "ok" || r.Attempts != 2 {
		t.Errorf("%s after %d attempts (%s)", r.Status, r.Attempts, r.Message)
	}
	s.wantClean()
	s.wantEmptySpool()
}
