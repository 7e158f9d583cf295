package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

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

// TestBars runs the demonstration on a terminal: it draws a bar for each
// switch, and the table still goes to standard output alone.
func TestBars(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "the demonstration once more")
	ours, theirs := openTerminal(t)
	cmd := exec.Command(binary, "demo", "--dir", filepath.Join(t.TempDir(), "demo"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, theirs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	screen := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(ours) // ends with EIO when the program has closed its end
		screen <- all
	}()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	drawn := <-screen
	for _, want := range []string{"attic-sw1 ", "[=", "of 42.0 MB", "ok, 54.7 MB copied"} {
		if !bytes.Contains(drawn, []byte(want)) {
			t.Errorf("the terminal never showed %q", want)
		}
	}
	if !bytes.Contains(out.Bytes(), []byte("DEVICE")) || bytes.Contains(out.Bytes(), []byte("\x1b")) {
		t.Errorf("standard output:\n%s", out.Bytes())
	}
}
