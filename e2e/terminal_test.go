package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// openTerminal returns both ends of a pseudo-terminal of 120 columns.
func openTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		testlevel.Missing(t, "no pseudo-terminals here: "+err.Error())
	}
	t.Cleanup(func() { ours.Close() })
	fd := int(ours.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	err = errors.Join(err, unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0),
		unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 120}))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// TestDemo runs the README's first command without rights, on a terminal of 120
// columns: a terminal emulator sees a line for each switch that runs and a footer, and
// at the end only one line for each switch. The results go to standard output alone.
func TestDemo(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "images of real size")
	ours, theirs := openTerminal(t)
	home, ordinary := ordinaryUser(t)
	dir := filepath.Join(home, "demo")
	cmd := ordinary(exec.Command(binary, "demo", "--dir", dir))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	drawn := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(ours) // ends with EIO when the program has closed its end
		drawn <- all
	}()
	err := cmd.Wait()
	text := <-drawn
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out.Bytes(), text)
	}
	wantProgress(t, text)
	for _, want := range []string{"DEVICE", "c3500xl-c3h2s-mz.120-5.WC10.bin", "size-only", "c3750-ipservicesk9-mz.150-2.SE8.bin", "device-md5", "packages.conf",
		"\n  " + binary + " --data " + dir + " check --read-data\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("standard output lacks %q\n%s", want, out.Bytes())
		}
	}
	if bytes.Contains(out.Bytes(), []byte("\x1b")) {
		t.Errorf("standard output:\n%s", out.Bytes())
	}
	if check := finish(t, ordinary(exec.Command(binary, "--data", dir, "check", "--read-data"))); check.code != 0 {
		t.Errorf("check: %s", check.stdout)
	}
}

// wantProgress judges what the demonstration drew on a terminal.
func wantProgress(t *testing.T, text []byte) {
	t.Helper()
	for _, want := range []string{"attic-sw1  ", "[=", "of 42.0 MB", "0/3 done"} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the terminal never showed %q", want)
		}
	}
	screen := vt.NewEmulator(120, 24)
	if _, err := screen.Write(text); err != nil {
		t.Fatal(err)
	}
	if got := screen.String(); screen.ScrollbackLen() > 0 || strings.Count(got, ": ok, ") != 3 || strings.Contains(got, "done") || strings.Contains(got, "[") {
		t.Errorf("%d rows have scrolled away; the screen is\n%s", screen.ScrollbackLen(), got)
	}
}

// TestHostKeyQuestion has a person decide about an unknown host key: "no" sends
// nothing secret and pins nothing, "yes" pins the key, and the next run asks
// no more. A daemon changes nothing of that.
func TestHostKeyQuestion(t *testing.T) {
	testlevel.NeedFull(t, "starts the program many times")
	t.Parallel()
	for _, daemon := range []bool{false, true} {
		t.Run(fmt.Sprintf("daemon %t", daemon), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.env = append(s.env, "FLASHWARDEN_SSH_UNKNOWN_HOSTS=ask")
			sw := s.add("sw1", "c3750", iossim.Options{})
			if daemon {
				s.serve()
			}
			o := s.answer("no\n", "device", "test", "sw1")
			if o.code != 3 || !strings.Contains(o.stdout, "host_key_unknown") || len(sw.Commands()) != 0 || strings.Contains(s.ok("device", "show", "sw1").stdout, "SHA256:") {
				t.Errorf("no: code %d, typed %q\n%s%s", o.code, sw.Commands(), o.stdout, o.stderr)
			}
			o = s.answer("yes\n", "device", "test", "sw1")
			if o.code != 0 || !strings.Contains(o.stderr, "SHA256:") || !strings.Contains(s.ok("device", "show", "sw1").stdout, "SHA256:") {
				t.Errorf("yes: code %d\n%s%s", o.code, o.stdout, o.stderr)
			}
			if o := s.ok("device", "test", "sw1"); strings.Contains(o.stderr, "unknown host key") {
				t.Errorf("it asks again: %s", o.stderr)
			}
		})
	}
}

// answer runs the program with a terminal as its input, on which text is typed.
func (s *site) answer(text string, args ...string) outcome {
	s.t.Helper()
	ours, theirs := openTerminal(s.t)
	if _, err := io.WriteString(ours, text); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command(args...)
	cmd.Stdin = theirs
	defer theirs.Close()
	return finish(s.t, cmd)
}

// serve runs a daemon on the site's data directory until the test ends.
func (s *site) serve() {
	s.t.Helper()
	cmd := s.command("serve")
	said, err := cmd.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	lines := bufio.NewScanner(said)
	for lines.Scan() && !strings.Contains(lines.Text(), `"msg":"serving"`) {
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for lines.Scan() { // the log must not fill the pipe
		}
	}()
	s.t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			s.t.Error(err)
		}
		<-drained
		if err := cmd.Wait(); err != nil {
			s.t.Errorf("the daemon ended with %v", err)
		}
	})
}

// TestPasswordQuestions types the password and the enable password of a new
// device on a terminal. Neither is shown.
func TestPasswordQuestions(t *testing.T) {
	testlevel.NeedFull(t, "starts the program; its package proves it in memory")
	t.Parallel()
	for _, test := range []struct{ typed, enable string }{{"s3cret-Login\ns3cret-Enable\n", "true"}, {"s3cret-Login\n\n", "false"}} {
		s := newSite(t)
		o := s.answer(test.typed, "device", "add", "sw1", "--address", "192.0.2.1", "--username", "backup")
		if o.code != 0 || !strings.Contains(o.stderr, "Password of sw1: ") || !strings.Contains(o.stderr, "Enable password of sw1 (empty: none): ") ||
			strings.Contains(o.stderr+o.stdout, "s3cret") {
			t.Errorf("code %d\n%s%s", o.code, o.stdout, o.stderr)
		}
		shown := s.ok("device", "show", "sw1").stdout
		for _, want := range []string{"password         yes", "enable password  " + map[string]string{"true": "yes", "false": "no"}[test.enable]} {
			if !strings.Contains(shown, want) {
				t.Errorf("no %q in\n%s", want, shown)
			}
		}
	}
}

// TestInterruptAtPassword ends the program while it waits for a password: at
// once, with 130, and with a terminal that echoes again.
func TestInterruptAtPassword(t *testing.T) {
	testlevel.NeedFull(t, "starts the program, and stops it with a signal")
	t.Parallel()
	s := newSite(t)
	ours, theirs := openTerminal(t)
	defer theirs.Close()
	cmd := s.command("device", "add", "sw1", "--address", "192.0.2.1", "--username", "backup")
	cmd.Stdin = theirs
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	asked := bufio.NewReader(said)
	if _, err := asked.ReadString(':'); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	rest, err := io.ReadAll(asked)
	if err != nil {
		t.Fatal(err)
	}
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || strings.TrimSpace(string(rest)) != "" {
		t.Errorf("code %d, %v; it printed %q", code, err, rest)
	}
	settings, err := unix.IoctlGetTermios(int(ours.Fd()), unix.TCGETS)
	if err != nil || settings.Lflag&unix.ECHO == 0 {
		t.Errorf("the terminal does not echo: %+v, %v", settings, err)
	}
}

// TestPager has a list that is longer than the screen go through the pager, and
// a short one not.
func TestPager(t *testing.T) {
	testlevel.NeedFull(t, "starts the program many times")
	t.Parallel()
	s := newSite(t)
	s.env = append(s.env, "LC_ALL=C", `PAGER=sed "s/^/paged, $LESSCHARSET: /"`)
	password := s.file("pager-pw", "s3cret\n")
	added := 0
	for _, test := range []struct {
		devices int
		paged   bool
	}{{3, false}, {24, true}} {
		for ; added < test.devices; added++ {
			i := added
			s.ok("device", "add", fmt.Sprintf("sw%d", i+1), "--address", fmt.Sprintf("192.0.2.%d", i+1), "--username", "backup", "--password-file", password)
		}
		ours, theirs := openTerminal(t)
		cmd := s.command("device", "list")
		cmd.Stdout = theirs
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if err := theirs.Close(); err != nil {
			t.Fatal(err)
		}
		shown := make(chan []byte)
		go func() {
			all, _ := io.ReadAll(ours) // ends with EIO when the program has closed its end
			shown <- all
		}()
		if err := cmd.Wait(); err != nil {
			t.Fatal(err)
		}
		if text := string(<-shown); strings.Contains(text, "paged, utf-8: sw1 ") != test.paged || !strings.Contains(text, "192.0.2.3") {
			t.Errorf("%d devices:\n%s", test.devices, text)
		}
	}
}

// TestNewPasswordTwice: a person types the password of a new user twice, and a mistake adds none.
func TestNewPasswordTwice(t *testing.T) {
	testlevel.NeedFull(t, "starts the program")
	t.Parallel()
	s := newSite(t)
	s.makeData()
	for _, test := range []struct {
		again string
		code  int
		says  string
	}{{"long-enough-2\n", 2, "the two passwords are not the same: nothing was changed"}, {"long-enough-1\n", 0, "User anna added"}} {
		p := s.atTerminal("user", "add", "anna", "--role", "viewer")
		p.await("Password of anna: ")
		p.typeText("long-enough-1\n")
		p.await("Again, the password of anna: ")
		p.typeText(test.again)
		if code := p.wait(); code != test.code || !strings.Contains(p.text, test.says) || strings.Contains(p.text, "long-enough") {
			t.Errorf("code %d\n%s", code, p.text)
		}
	}
}

// TestServeOnATerminal: a person who starts the service reads where it can be reached.
func TestServeOnATerminal(t *testing.T) {
	testlevel.NeedFull(t, "starts the program")
	t.Parallel()
	s := newSite(t)
	page := fmt.Sprintf("127.0.0.1:%d", s.port+1)
	s.env = append(s.env, "FLASHWARDEN_WEB_LISTEN="+page)
	s.makeData()
	p := s.atTerminal("serve")
	p.await(fmt.Sprintf("TFTP on UDP 127.0.0.1:%d, transfers on UDP ", s.port))
	p.await("page and API on http://" + page + "/")
	p.await("Ctrl-C ends")
	p.typeText("\x03")
	if code := p.wait(); code != 130 {
		t.Errorf("code %d\n%s", code, p.text)
	}
}
