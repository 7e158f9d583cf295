package terminal

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
)

// Pager returns the shell command that shows long texts: the value of PAGER, or
// less if PAGER is not set and less exists. Empty means none: PAGER is empty or
// cat. getenv reads the environment and reports whether the variable is set.
func Pager(getenv func(name string) (value string, set bool)) string {
	switch pager, set := getenv("PAGER"); {
	case set && pager == "cat":
		return ""
	case set:
		return pager
	}
	if _, err := exec.LookPath("less"); err != nil {
		return ""
	}
	return "less"
}

// Page writes a text to out. If out is a terminal and the text has more lines
// than its screen, the pager shows it; a pager that cannot run changes nothing.
// It returns when the user has left the pager.
func Page(out io.Writer, text, pager string) error {
	size := SizeOf(out)
	if pager == "" || size.Rows == 0 || screenLines(text, size.Columns) < size.Rows {
		_, err := io.WriteString(out, text)
		return err
	}
	cmd := exec.Command("sh", "-c", pager)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(text), out, os.Stderr
	cmd.Env = os.Environ()
	for name, value := range map[string]string{
		"LESS":        "FRX",   // leave short texts, show colours, keep the text on the screen
		"LESSCHARSET": "utf-8", // as the text is, also with LC_ALL=C; else less shows <E2><80><A6>
	} {
		if _, set := os.LookupEnv(name); !set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err == nil || errors.As(err, &exit) && exit.ExitCode() != 126 && exit.ExitCode() != 127 {
		return nil // a pager that the user ends has shown what the user wanted
	}
	_, err = io.WriteString(out, text)
	return err
}

// screenLines is the number of lines that a text takes on a screen of so many
// columns.
func screenLines(text string, columns int) int {
	n := 0
	for line := range strings.Lines(text) {
		n += 1 + max(0, Width(strings.TrimRight(line, "\n"))-1)/max(columns, 1)
	}
	return n
}
