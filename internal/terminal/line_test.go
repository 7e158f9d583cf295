package terminal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"flashwarden/internal/terminal"
	"flashwarden/internal/testlevel"
)

// pseudoTerminal returns the ends of a person and of a program.
func pseudoTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		testlevel.Missing(t, "no pseudo-terminals here: "+err.Error())
	}
	t.Cleanup(func() { person.Close() })
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	if err := errors.Join(err, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0)); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return person, program
}

// TestReadLine reads lines one by one. A call that ended before its line was typed does
// not take the line from the next one.
func TestReadLine(t *testing.T) {
	person, program := pseudoTerminal(t)
	ctx, end := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() {
		_, err := terminal.ReadLine(ctx, program)
		ended <- err
	}()
	end()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v after the end", err)
	}
	if _, err := io.WriteString(person, "first\nsecond\n\x04"); err != nil {
		t.Fatal(err)
	}
	if _, err := terminal.ReadLine(ctx, program); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, although it may read no more", err)
	}
	for _, want := range []string{"first\n", "second\n"} {
		if got, err := terminal.ReadLine(t.Context(), program); err != nil || got != want {
			t.Errorf("%q, %v; want %q", got, err, want)
		}
	}
	if got, err := terminal.ReadLine(t.Context(), program); !errors.Is(err, io.EOF) {
		t.Errorf("%q, %v; want the end", got, err)
	}
}
