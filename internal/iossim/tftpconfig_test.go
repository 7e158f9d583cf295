package iossim

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/testlevel"
)

// configure types lines in global configuration mode.
func configure(l *line, s *Switch, lines ...string) {
	l.t.Helper()
	l.run("configure terminal", "(config)#")
	for _, line := range lines {
		if out := l.run(line, s.Hostname()+"(config)#"); out != "" {
			l.t.Errorf("%s: %s", line, out)
		}
	}
	l.run("end", s.Hostname()+"#")
}

// TestSourceInterface checks the source address: the uplink's, until the
// configuration names the interface of the terminal.
func TestSourceInterface(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c2960", Options{TFTPPort: st.port, Listen: "127.0.0.31:0", Source: netip.MustParseAddr("127.0.0.32")})
	l := atPrompt(t, s)
	if out := l.run("show ip interface brief", "#"); !strings.Contains(out, "Vlan1                  127.0.0.32 ") || !strings.Contains(out, "Loopback0              127.0.0.31 ") {
		t.Errorf("interfaces:\n%s", out)
	}
	for _, c := range []struct{ line, from string }{
		{"", "127.0.0.32"}, {"ip tftp source-interface Loopback0", "127.0.0.31"}, {"no ip tftp source-interface", "127.0.0.32"},
	} {
		if c.line != "" {
			configure(l, s, c.line)
		}
		sendFile(l, "flash:/vlan.dat", "a")
		l.expect("bytes copied")
		l.expect("#")
		if got := st.last().Remote.Addr().String(); got != c.from {
			t.Errorf("after %q it sent from %s, want %s", c.line, got, c.from)
		}
	}
}

// TestBlockSize changes the requested block size, if the software can.
func TestBlockSize(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "isr4300", Options{TFTPPort: st.port})
	l := atPrompt(t, s)
	image := systemImage(s)
	for _, c := range []struct {
		line  string
		marks int // one for ten blocks
	}{{"", 350003 / 81920}, {"ip tftp blocksize 1468", 350003 / 14680}, {"no ip tftp blocksize", 350003 / 81920}} {
		if c.line != "" {
			configure(l, s, c.line)
		}
		sendFile(l, image, "a")
		if got := strings.Count(l.expect("bytes copied"), "!"); got != c.marks {
			t.Errorf("after %q: %d marks, want %d", c.line, got, c.marks)
		}
		l.expect("#")
	}
	old := launch(t, "c2960", Options{TFTPPort: st.port})
	l = atPrompt(t, old)
	l.run("configure terminal", "(config)#")
	if out := l.run("ip tftp blocksize 1468", "(config)#"); !strings.Contains(out, "% Invalid input") {
		t.Errorf("software without the command said %q", out)
	}
}

// TestExecTimeout types twice and then nothing: the line is hung up ten minutes
// after the last key. That a copy goes on without its line is proved by
// TestHangTerminal, and over a network by package e2e.
func TestExecTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		s := &Switch{o: Options{ExecTimeout: 10 * time.Minute}, conns: map[net.Conn]bool{theirs: true}, sessions: 1}
		term := newTerminal()
		defer s.execTimeout(term, theirs)()
		term.open(theirs)
		defer term.close()
		for range 2 {
			time.Sleep(9 * time.Minute)
			if _, err := ours.Write([]byte("x")); err != nil {
				t.Fatalf("hung up before its time: %v", err)
			}
		}
		last := time.Now()
		if _, err := ours.Read(make([]byte, 1)); err != io.EOF || time.Since(last) != 10*time.Minute {
			t.Errorf("%v after %s", err, time.Since(last))
		}
		synctest.Wait()
		if s.sessions != 0 {
			t.Errorf("%d sessions are left", s.sessions)
		}
	})
}

// TestDenied uses an account that may not copy.
func TestDenied(t *testing.T) {
	t.Parallel()
	l := atPrompt(t, launch(t, "c2960", Options{Denied: []string{"copy "}}))
	if out := l.run("copy flash:/vlan.dat tftp://127.0.0.1/a", "#"); !strings.HasPrefix(out, "Command authorization failed.") {
		t.Errorf("said %q", out)
	}
	l.run("show clock", "#")
}

// TestOtherName requests another name than the one in the copy.
func TestOtherName(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	l := atPrompt(t, launch(t, "c2960", Options{TFTPPort: st.port, Faults: Faults{OtherName: 1}}))
	for _, want := range []string{"vlan.dat", "a"} {
		sendFile(l, "flash:/vlan.dat", "a")
		l.expect("bytes copied")
		l.expect("#")
		if got := st.last().Filename; got != want {
			t.Errorf("asked for %q, want %q", got, want)
		}
	}
}

// TestTexts replaces a text of the profile.
func TestTexts(t *testing.T) {
	t.Parallel()
	l := atPrompt(t, launch(t, "c2960", Options{Hostname: "sw1", Texts: map[string]string{"show_version": "Something else\n"}}))
	if out := l.run("show version", "sw1#"); out != "Something else\r\n" {
		t.Errorf("said %q", out)
	}
}

// TestLargestImage replaces the large images of the profiles by small ones, and
// keeps the other files.
func TestLargestImage(t *testing.T) {
	t.Parallel()
	for profile, want := range map[string][]string{"c3750": {" 100000 ", " 5824 "}, "c9300": {" 100000 ", " 134458 "}} {
		l := atPrompt(t, launch(t, profile, Options{LargestImage: 100_000}))
		l.send("dir /recursive flash:\r")
		out := l.expect("bytes free)")
		for _, size := range want {
			if !strings.Contains(out, size) {
				t.Errorf("%s: no file has%sbytes:\n%s", profile, size, out)
			}
		}
	}
}

// TestSwitchesOfOneProfile makes a second switch after one with small images and
// another BOOT: it has those of the profile.
func TestSwitchesOfOneProfile(t *testing.T) {
	t.Parallel()
	size, boots := func(s *Switch) int64 {
		image, err := s.flash.lookup(s.profile.Image)
		if err != nil {
			t.Fatal(err)
		}
		return image.size
	}, func(s *Switch) string { return strings.Join(s.boot.units[0].boots, ";") }
	launched := func(o Options) *Switch {
		s, err := New("c3750", o)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	before := launched(Options{})
	small := launched(Options{LargestImage: 100_000, Boots: []string{"flash:/other.bin"}})
	after := launched(Options{})
	if size(small) != 100_000 || boots(small) != "flash:/other.bin" {
		t.Errorf("the small one has %d bytes and boots %s", size(small), boots(small))
	}
	if size(after) != size(before) || size(after) <= 100_000 || boots(after) != boots(before) {
		t.Errorf("the next one has %d bytes and boots %s; want %d and %s", size(after), boots(after), size(before), boots(before))
	}
}

// TestFlashSize uses a flash that is too small for a file.
func TestFlashSize(t *testing.T) {
	t.Parallel()
	l := atPrompt(t, launch(t, "c2960", Options{Hostname: "sw1", FlashSize: 80_000}))
	l.send("copy " + "flash:/c2960-lanbase-mz.122-25.FX.bin/c2960-lanbase-mz.122-25.FX.bin" + " flash:/old.bin\r")
	l.expect("]? ")
	l.send("\r")
	l.expect("(Not enough space on device)")
}
