package iossim

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/testlevel"
)

// sendFile types a copy together with the answers to its questions.
func sendFile(l *line, path, name string) {
	l.t.Helper()
	l.send("copy " + path + " tftp://127.0.0.1/" + name + "\r")
	l.expect("remote host [127.0.0.1]? ")
	l.send("\r")
	l.expect("Destination filename [" + name + "]? ")
	l.send("\r")
}

const office = "flash:/c3750-ipservicesk9-mz.150-2.SE8/c3750-ipservicesk9-mz.150-2.SE8.bin"

func TestRestrictTFTP(t *testing.T) {
	st := serveTFTP(t, 0)
	s := launch(t, "c9300", Options{TFTPPort: st.port, Faults: Faults{RestrictTFTP: 1}})
	l := atPrompt(t, s)
	l.send("copy flash:/vlan.dat tftp://127.0.0.1/a\r")
	l.expect("SECURITY WARNING - Module: TFTP", "remote host [")
	l.expect("% Command rejected: tftp is insecure", "remote host [")
	l.expect("#")
	if n := len(s.Transfers()); n > 0 {
		t.Errorf("%d transfers after the rejection", n)
	}
	sendFile(l, "flash:/vlan.dat", "a")
	l.expect("bytes copied")
}

// TestSecureMode refuses TFTP until the insecure mode is configured.
func TestSecureMode(t *testing.T) {
	st := serveTFTP(t, 0)
	s := launch(t, "c9300-secure", Options{TFTPPort: st.port})
	l := atPrompt(t, s)
	l.send("copy flash:/vlan.dat tftp://127.0.0.1/a\r")
	l.expect("% Command rejected: tftp is insecure", "remote host [")
	l.send("configure terminal\rsystem mode insecure\rend\r")
	l.expect("(config)#end")
	sendFile(l, "flash:/vlan.dat", "a")
	l.expect("bytes copied")
	l.send("show running-config\r")
	l.expect("system mode insecure")
}

// TestOldSoftware has neither filters nor a table of file systems.
func TestOldSoftware(t *testing.T) {
	l := atPrompt(t, launch(t, "c2900xl", Options{}))
	for _, command := range []string{"show version | include IOS", "show file systems"} {
		l.send(command + "\r")
		l.expect("% Invalid input detected")
	}
}

// TestIgnoredStartup starts without its startup-config, and names the variable.
func TestIgnoredStartup(t *testing.T) {
	s := launch(t, "c9300", Options{IgnoreStartup: true, Hostname: "sw-core"})
	l := atPrompt(t, s)
	l.send("show romvar\r")
	l.expect("SWITCH_IGNORE_STARTUP_CFG=\"1\"", "sw-core#")
	s.PowerCycle()
	if text := s.textFile("system:running-config"); !strings.Contains(text, "hostname Switch\n") {
		t.Errorf("it runs\n%s", text)
	}
	if text := s.textFile("nvram:startup-config"); !strings.Contains(text, "hostname sw-core\n") {
		t.Errorf("its startup-config is\n%s", text)
	}
}

func TestAskErase(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port, Faults: Faults{AskErase: 3}})
	l := atPrompt(t, s)
	before := s.Files()

	sendFile(l, "flash:/vlan.dat", "a")
	l.expect("Erase flash: before copying? [confirm]")
	l.send("n")
	l.expect("1096 bytes copied")
	if !slices.Equal(s.Files(), before) {
		t.Fatal("the answer n did not keep the files")
	}

	sendFile(l, "flash:/vlan.dat", "b")
	l.expect("Erase flash: before copying? [confirm]")
	l.send("\x03")
	l.expect("#")
	if _, ok := st.file("b"); ok {
		t.Error("the copy went on after Ctrl-C")
	}

	sendFile(l, "flash:/vlan.dat", "b")
	l.expect("Erase flash: before copying? [confirm]")
	l.send("\r")
	l.expect("Erasing the flash filesystem will remove all files! Continue? [confirm]")
	l.send("y")
	l.expect("Erase of flash: complete")
	l.expect("#")
	if slices.ContainsFunc(s.Files(), func(p string) bool { return strings.HasPrefix(p, "flash:") }) {
		t.Error("the files survived two confirmations")
	}
	for _, want := range []string{"Erase flash: before copying? [confirm]n", "Erasing the flash filesystem will remove all files! Continue? [confirm]y"} {
		if !slices.Contains(s.Commands(), want) {
			t.Errorf("the journal lacks %q", want)
		}
	}
	sendFile(l, "nvram:/private-config", "c") // a fourth copy is not disturbed
	l.expect("bytes copied")
}

func TestAskOverwrite(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port, Faults: Faults{AskOverwrite: Always}})
	l := atPrompt(t, s)
	before, _ := s.File("vlan.dat")
	sendFile(l, "flash:/vlan.dat", "a")
	l.expect("%Warning:There is a file already existing with this name \r\nDo you want to over write? [confirm]")
	l.send("n")
	l.expect("#")
	if after, _ := s.File("vlan.dat"); !bytes.Equal(before, after) {
		t.Error("the answer n changed the file")
	}
	if len(s.Transfers()) != 0 {
		t.Error("the copy went on after n")
	}
	sendFile(l, "flash:/vlan.dat", "a")
	l.expect("[confirm]")
	l.send("\r")
	l.expect("#")
	if after, _ := s.File("vlan.dat"); bytes.Equal(before, after) {
		t.Error("the answer Enter ruined nothing")
	}
}

func TestAskUnknown(t *testing.T) {
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port, Faults: Faults{AskUnknown: 1}})
	l := atPrompt(t, s)
	sendFile(l, "flash:/vlan.dat", "a")
	l.expect("Switch planes now? [confirm]")
	l.send("\x03")
	l.expect("#")
	if len(s.Transfers()) != 0 {
		t.Error("the copy went on after Ctrl-C")
	}
}

func TestSentBytesDiffer(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	for name, c := range map[string]struct {
		faults Faults
		short  int
		differ int
	}{
		"one block less": {Faults{ShortBlock: 1}, 512, 0},
		"one bit wrong":  {Faults{FlipBit: 1}, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			st := serveTFTP(t, 0)
			s := launch(t, "c3750", Options{TFTPPort: st.port, Faults: c.faults})
			l := atPrompt(t, s)
			want, _ := s.File("nvram:startup-config")
			for try, bad := range []bool{true, false} {
				sendFile(l, "nvram:/startup-config", "a")
				l.expect(" bytes copied in ")
				got, _ := st.file("a")
				if !bad && !bytes.Equal(got, want) {
					t.Fatalf("try %d: the fault struck again", try)
				}
				if bad && (len(want)-len(got) != c.short || differences(got, want) != c.differ) {
					t.Errorf("%d bytes of %d arrived, %d of them differ", len(got), len(want), differences(got, want))
				}
			}
		})
	}
}

// differences counts the different bytes over the shorter length.
func differences(a, b []byte) int {
	n := 0
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}

func TestHangup(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c9300", Options{TFTPPort: st.port, Timeout: patience, Faults: Faults{Hangup: After{100_000, 1}}})
	l := atPrompt(t, s)
	sendFile(l, "flash:/vlan.dat", "small") // too small for the fault
	l.expect("3496 bytes copied")
	sendFile(l, image["c9300"], "a")
	if rest := l.expectEnd(); strings.Contains(rest, "bytes") || strings.Contains(rest, "%Error") {
		t.Errorf("last words of a switch that lost its power: %q", rest)
	}
	if _, ok := st.file("a"); ok {
		t.Error("the file arrived")
	}
	l = atPrompt(t, s) // it has booted
	sendFile(l, image["c9300"], "a")
	l.expect("2933771 bytes copied")
}

// The dead transfer stays just below the configured number of bytes.
func TestStall(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c3750", Options{TFTPPort: st.port, Timeout: 3 * time.Second, Faults: Faults{Stall: After{100_000, 1}}})
	l := atPrompt(t, s)
	sendFile(l, office, "a")
	if out := l.expect("%Error writing tftp://127.0.0.1/a (Timed out)"); !strings.Contains(out, "!.....\r\n") {
		t.Errorf("the terminal said %q", out)
	}
	if tr := s.Transfers(); len(tr) != 1 || tr[0].Bytes > 100_000 || tr[0].Bytes < 100_000-512 || tr[0].Err == nil {
		t.Errorf("transfers recorded: %+v", tr)
	}
	l.expect("#")
	l.run("show clock", "#") // the terminal is still there
}

// TestCutOutput loses the terminal in the middle of write memory, which goes on to
// its end, and has reload ask in another form.
func TestCutOutput(t *testing.T) {
	s := launch(t, "c3750", Options{})
	if err := s.Remove("nvram:startup-config"); err != nil {
		t.Fatal(err)
	}
	s.Arm(Faults{ReloadAsks: "Reload this shelf", CutOutput: func(command string) int {
		if command == "write memory" {
			return 9
		}
		return 0
	}})
	l := atPrompt(t, s)
	l.run("reload", "Reload this shelf [confirm]")
	l.send("n")
	l.expect("#")
	l.send("write memory\r")
	if rest := l.expectEnd(); !strings.HasSuffix(rest, "Building ") {
		t.Errorf("the last words are %q", rest)
	}
	if err := s.Close(); err != nil { // waits for the session
		t.Fatal(err)
	}
	if _, there := s.File("nvram:startup-config"); !there {
		t.Error("nothing was saved")
	}
}

func TestHangTerminal(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c9300", Options{TFTPPort: st.port, Faults: Faults{HangTerminal: 1}})
	l := atPrompt(t, s)
	sendFile(l, image["c9300"], "a")
	if rest := l.expectEnd(); strings.Contains(rest, "bytes copied") {
		t.Error("the terminal saw the end of the copy")
	}
	waitFor(t, func() bool { return len(s.Transfers()) == 1 })
	want, _ := s.File(image["c9300"])
	if got, _ := st.file("a"); !bytes.Equal(got, want) {
		t.Error("the copy did not go on to its end")
	}
	atPrompt(t, s)
	if s.PeakSessions() != 1 {
		t.Errorf("%d lines at once: the lost one was counted after its end", s.PeakSessions())
	}
}

// waitFor waits for a condition without a signal.
func waitFor(t *testing.T, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !done(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come to pass")
		}
	}
}

func TestLostPackets(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults Faults
		want   string
	}{
		"NoTFTP":      {Faults{NoTFTP: 1}, ".....\r\n%Error opening tftp://127.0.0.1/a (Timed out)"},
		"LoseAnswers": {Faults{LoseAnswers: 1}, ".....\r\n%Error opening tftp://127.0.0.1/a (Timed out)"},
		"LoseLarge":   {Faults{LoseLarge: 1}, ".....\r\n%Error writing tftp://127.0.0.1/a (Timed out)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := serveTFTP(t, 0)
			s := launch(t, "c9300", Options{TFTPPort: st.port, Timeout: 3 * time.Second, Faults: c.faults})
			l := atPrompt(t, s)
			sendFile(l, image["c9300"], "a")
			l.expect(c.want)
			l.expect("#")
			if _, ok := st.file("a"); ok {
				t.Error("the file arrived")
			}
			sendFile(l, "flash:/vlan.dat", "a")
			l.expect("3496 bytes copied")
		})
	}
}

// A path that loses fragments lets small blocks pass.
func TestLoseLargePassesSmallBlocks(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	st := serveTFTP(t, 1468)
	s := launch(t, "c9300", Options{TFTPPort: st.port, Timeout: patience, Faults: Faults{LoseLarge: Always}})
	l := atPrompt(t, s)
	sendFile(l, image["c9300"], "a")
	l.expect("2933771 bytes copied")
}

func TestSyslogNoise(t *testing.T) {
	testlevel.NeedFull(t, "the tests of restore use it")
	t.Parallel()
	st := serveTFTP(t, 0)
	s := launch(t, "c9300", Options{TFTPPort: st.port, Faults: Faults{SyslogNoise: Always}})
	l := atPrompt(t, s)
	sendFile(l, "nvram:/startup-config", "small")
	l.expect("bytes copied")
	l.expect("#")
	sendFile(l, image["c9300"], "a")
	out := l.expect("2933771 bytes copied")
	for _, want := range []string{"!\r\n*Mar", "changed state to up!", "%Error opening tftp://255.255.255.255/network-confg (Timed out)!"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in the progress bar", want)
		}
	}
	want, _ := s.File(image["c9300"])
	if got, _ := st.file("a"); !bytes.Equal(got, want) {
		t.Error("noise on the terminal changed the file")
	}
	l.expect("#")
	l.send("dir\r")
	l.expect("Directory of flash:/")
	if out := l.expect("bytes free)"); !strings.Contains(out, "%LIN") {
		t.Errorf("no log message between the lines of\n%s", out)
	}
}

// Every character arrives, and alone. The clock starts before the connection,
// because the switch begins to print at once.
func TestSlowPrint(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3500xl", Options{Faults: Faults{SlowPrint: 1}})
	began := time.Now()
	l := dialTelnet(t, s)
	l.expect("User Access Verification\r\n\r\nUsername: ")
	if took := time.Since(began); took < 35*slowCharacter {
		t.Errorf("38 characters took %v", took)
	}
}

func TestRejectVerify(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{Faults: Faults{RejectVerify: 1}})
	l := atPrompt(t, s)
	if out := l.run("verify /md5 flash:/vlan.dat", "#"); !strings.HasSuffix(out, "% Invalid input detected at '^' marker.\r\n\r\nsw-office") {
		t.Errorf("it said %q", out)
	}
	if out := l.run("verify /md5 flash:/vlan.dat", "#"); !strings.Contains(out, "verify /md5 (flash:/vlan.dat) = ") {
		t.Errorf("the second time it said %q", out)
	}
}

func TestRejectMD5(t *testing.T) {
	t.Parallel()
	s := launch(t, "c3750", Options{Faults: Faults{RejectMD5: Always}})
	l := atPrompt(t, s)
	if out := l.run("verify /md5 "+office, "#"); !strings.Contains(out, "% Invalid input detected at '^' marker.") {
		t.Errorf("it said %q", out)
	}
	if out := l.run("verify "+office, "#"); !strings.Contains(out, "CCO Hash        MD5 : ") {
		t.Errorf("plain verify said %q", out)
	}
}

// The copy in flash differs from the original by one bit, and verify detects
// it.
func TestDamagedImages(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	whole := launch(t, "c3750", Options{})
	s := launch(t, "c3750", Options{Faults: Faults{DamagedImages: true}})
	a, _ := whole.File(office)
	b, _ := s.File(office)
	differ := 0
	for i := range a {
		if a[i] != b[i] {
			differ++
		}
	}
	if len(a) != len(b) || differ != 1 {
		t.Errorf("%d of %d bytes differ", differ, len(b))
	}
	l := atPrompt(t, s)
	if out := l.run("verify "+office, "#"); !strings.Contains(out, "%Error verifying "+office) || strings.Contains(out, "CCO") {
		t.Errorf("verify said %q", out)
	}
}

// A digest takes time, prints dots meanwhile, and can be broken off.
func TestDigestPace(t *testing.T) {
	testlevel.NeedFull(t, "takes a second of CPU or of waiting")
	t.Parallel()
	s := launch(t, "c3750", Options{DigestPace: 1 << 20})
	l := atPrompt(t, s)
	l.send("verify /md5 " + office + "\r")
	l.expect("...")
	l.send("\x03")
	l.expect("#")
	if out := l.run("verify /md5 flash:/vlan.dat", "#"); !strings.Contains(out, ".Done!\r\nverify /md5 (flash:/vlan.dat) = ") {
		t.Errorf("the next one said %q", out)
	}
}
