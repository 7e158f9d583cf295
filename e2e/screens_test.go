package e2e

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/charmbracelet/x/vt"
	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/iossim"
	"flashwarden/internal/terminal"
	"flashwarden/internal/testlevel"
)

// screens are the sizes of the terminals on which every command must be readable.
var screens = []terminal.Size{{Columns: 80, Rows: 24}, {Columns: 100, Rows: 30}, {Columns: 160, Rows: 50}}

// TestScreens runs the commands that people read, for no device, for one, and for more
// than a small terminal has rows: on terminals of three sizes, with colours and without,
// and without a terminal. A terminal emulator judges: no line is wider than the
// terminal, except for a command to type, nothing but colours is sent, and the devices
// are in the order of a person.
func TestScreens(t *testing.T) {
	testlevel.NeedFull(t, "some hundred commands, and simulated switches for them")
	for _, devices := range testlevel.Of(nil, []int{0, 1, 3, 40}, []int{0, 1, 3, 40}) {
		t.Run(fmt.Sprintf("%d devices", devices), func(t *testing.T) {
			t.Parallel()
			s := newSite(t)
			s.env = append(s.env, "PAGER=cat", "NO_COLOR=")
			s.fleet(devices)
			sizes := screens
			if devices < 24 {
				sizes = testlevel.Of(nil, screens[:1], screens)
			}
			for _, args := range readable(devices) {
				s.readableWithoutTerminal(devices, args)
				for i, size := range sizes {
					color := []string{"never", "always"}[i%2]
					s.readable(size, devices, append(args, "--color", color))
				}
			}
		})
	}
}

// readable are the commands that TestScreens runs: with one device also those that
// say the same for any fleet.
func readable(devices int) [][]string {
	fleet := [][]string{{"status"}, {"device", "list"}, {"snapshots"}, {"images"}, {"firewall", "nft"}, {"backup", "--all"}, {"device", "test", "--all"}}
	if devices != 1 {
		return fleet
	}
	return append(fleet, [][]string{{"--help"}, {"backup", "--help"}, {"tftpd", "--help"}, {"demo", "--help"}, {"check"}, {"doctor"}, {"device", "show", "sw99"},
		{"device", "show", "sw1"}, {"show", "sw1"}, {"status", "sw1"}, {"backup", "sw1", "--dry-run"}, {"restore", "sw1", "--dry-run"}}...)
}

// fleet makes an inventory. The first device is a simulated stack with another
// image on its second member, which is backed up; the others refuse the connection.
func (s *site) fleet(devices int) {
	s.t.Helper()
	s.makeData()
	if devices == 0 {
		return
	}
	s.add("sw1", "c2960x-stack", iossim.Options{LargestImage: imageSize})
	s.ok("backup", "sw1")
	if devices == 1 {
		return
	}
	list := "name,address\n"
	for i := range devices - 1 {
		list += fmt.Sprintf("sw%d,127.0.0.%d:9\n", i+2, i+2)
	}
	s.ok("device", "import", s.file("list.csv", list), "--username", user, "--password-file", s.file("login", password), "--site", "hq")
}

// readable judges the output of a command on a terminal.
func (s *site) readable(size terminal.Size, devices int, args []string) {
	s.t.Helper()
	text := s.onTerminal(size, args)
	what := fmt.Sprintf("%d devices, %dx%d: flashwarden %s", devices, size.Columns, size.Rows, strings.Join(args, " "))
	if bytes.Contains(text, []byte("\x1b[J")) || bytes.Contains(text, []byte("\x1b[2J")) {
		s.t.Errorf("%s erases the display", what)
	}
	e := vt.NewEmulator(size.Columns, size.Rows)
	if _, err := e.Write(text); err != nil {
		s.t.Fatal(err)
	}
	wide := vt.NewEmulator(2000, size.Rows) // nothing wraps here
	if _, err := wide.Write(text); err != nil {
		s.t.Fatal(err)
	}
	rows := rowsOf(wide)
	for _, row := range rows {
		if terminal.Width(row) > size.Columns && !isCommand(row) {
			s.t.Errorf("%s\nhas a line of %d columns:\n%s", what, terminal.Width(row), row)
		}
	}
	if strings.Contains(strings.Join(rows, "\n"), " left") || e.ScrollbackLen() > wide.ScrollbackLen()+3*len(rows) {
		s.t.Errorf("%s leaves a frame:\n%s", what, strings.Join(rows, "\n"))
	}
	s.wantNaturalOrder(what, rows)
}

// readableWithoutTerminal judges the output of a command into pipes.
func (s *site) readableWithoutTerminal(devices int, args []string) {
	s.t.Helper()
	o := s.run(args...)
	what := fmt.Sprintf("%d devices, no terminal: flashwarden %s", devices, strings.Join(args, " "))
	if strings.ContainsAny(o.stdout+o.stderr, "\x1b\r\x00") {
		s.t.Errorf("%s prints controls of a terminal:\n%s%s", what, o.stdout, o.stderr)
	}
	s.wantNaturalOrder(what, strings.Split(o.stdout, "\n"))
}

// onTerminal runs the program on a terminal and returns all that it writes there.
func (s *site) onTerminal(size terminal.Size, args []string) []byte {
	s.t.Helper()
	ours, theirs := openTerminal(s.t)
	if err := unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(size.Rows), Col: uint16(size.Columns)}); err != nil {
		s.t.Fatal(err)
	}
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = theirs, theirs
	var text []byte
	var wait sync.WaitGroup
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	closeFile(s.t, theirs)
	wait.Go(func() { text, _ = io.ReadAll(ours) }) // ends with EIO when the program has closed its end
	_ = cmd.Wait()                                 // the exit code is judged elsewhere
	wait.Wait()
	closeFile(s.t, ours)
	return text
}

func closeFile(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// rowsOf returns all rows of an emulator, those that have scrolled away first.
func rowsOf(e *vt.Emulator) []string {
	var rows []string
	for _, line := range e.Scrollback().Lines() {
		var row strings.Builder
		for _, c := range line {
			row.WriteString(c.Content)
		}
		rows = append(rows, strings.TrimRight(row.String(), " "))
	}
	return append(rows, strings.Split(strings.TrimRight(e.String(), "\n "), "\n")...)
}

// isCommand reports whether a row is, or has at its beginning, a command that a
// person copies: such a command is never broken. So is a line of firewall.
func isCommand(row string) bool {
	text := strings.TrimSpace(row)
	return strings.HasPrefix(text, "`") || strings.HasPrefix(text, "flashwarden ") || strings.HasPrefix(text, "setpriv ") || strings.HasPrefix(text, "sudo ") ||
		strings.HasPrefix(text, "pass show ") || strings.HasPrefix(text, "copy ") || strings.HasPrefix(text, "verify ") || strings.HasPrefix(text, "#") ||
		strings.HasPrefix(text, "elements = ")
}

// wantNaturalOrder wants rows that begin with the name of a device, one after the
// other, in natural order.
func (s *site) wantNaturalOrder(what string, rows []string) {
	s.t.Helper()
	before := ""
	for _, row := range rows {
		name, _, _ := strings.Cut(row, " ")
		if !strings.HasPrefix(name, "sw") || strings.HasSuffix(name, ":") {
			before = ""
			continue
		}
		if before != "" && api.CompareNames(before, name) > 0 {
			s.t.Errorf("%s: %s comes before %s", what, before, name)
		}
		before = name
	}
}
