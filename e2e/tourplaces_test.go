package e2e

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/diff"
	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// shortPath gives the data directory a second name whose length is the same on every
// machine, because texts that name it are broken at blanks.
func (s *site) shortPath() {
	s.t.Helper()
	short := fmt.Sprintf("/tmp/fw%010d", rand.Uint64N(1e10))
	if err := os.Symlink(filepath.Dir(s.data), short); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { os.Remove(short) })
	s.data = filepath.Join(short, "data")
	s.env = append(s.env, "FLASHWARDEN_DATA="+s.data)
}

// here is the program with these arguments, in a directory of the test. JOB means the job of
// the site.
func (g *guide) here(args ...string) *exec.Cmd {
	for i, arg := range args {
		if arg == "JOB" {
			args[i] = g.job
		}
	}
	cmd := g.command(args...)
	cmd.Dir = filepath.Dir(g.data)
	cmd.Env = append(slices.Clone(cmd.Env), "PWD="+cmd.Dir) // without resolving its short name
	return cmd
}

// aside runs a command that prepares a visit, or undoes it.
func (g *guide) aside(line string) {
	g.t.Helper()
	if line == "" {
		return
	}
	if o := finish(g.t, g.here(words(line)...)); o.code != 0 {
		g.t.Fatalf("flashwarden %s ends with %d\n%s%s", line, o.code, o.stdout, o.stderr)
	}
}

// pipe runs the program without a terminal.
func (g *guide) pipe(args ...string) outcome {
	g.t.Helper()
	g.aside(g.before)
	defer g.aside(g.after)
	cmd := g.here(slices.Clone(args)...)
	if g.until == "" {
		return finish(g.t, cmd)
	}
	var out, errs bytes.Buffer
	watched := &watcher{want: g.until, found: func() { _ = cmd.Process.Signal(syscall.SIGINT) }}
	cmd.Stdout, cmd.Stderr = io.MultiWriter(&out, watched), io.MultiWriter(&errs, watched)
	_ = cmd.Run() // the exit code says it
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// terminal runs the program on a terminal, and returns all that it writes there and the exit
// code.
func (g *guide) terminal(size terminal.Size, args ...string) ([]byte, int) {
	g.t.Helper()
	ours, theirs := openTerminal(g.t)
	resize(g.t, ours, size)
	g.aside(g.before)
	defer g.aside(g.after)
	cmd := g.here(slices.Clone(args)...)
	cmd.Stdout, cmd.Stderr = theirs, theirs
	if g.typed != "" {
		cmd.Stdin = theirs
	}
	return g.read(cmd, ours, theirs)
}

// document runs the program with a terminal as its standard output alone.
func (g *guide) document(size terminal.Size, args ...string) string {
	g.t.Helper()
	ours, theirs := openTerminal(g.t)
	resize(g.t, ours, size)
	g.aside(g.before)
	defer g.aside(g.after)
	cmd := g.here(slices.Clone(args)...)
	cmd.Stdout = theirs
	text, _ := g.read(cmd, ours, theirs)
	return string(text)
}

// read runs cmd and returns all that it writes to its end of a terminal.
func (g *guide) read(cmd *exec.Cmd, ours, theirs *os.File) ([]byte, int) {
	g.t.Helper()
	if err := cmd.Start(); err != nil {
		g.t.Fatal(err)
	}
	closeFile(g.t, theirs)
	var text bytes.Buffer
	watched := &watcher{want: g.until, found: func() { _ = cmd.Process.Signal(syscall.SIGINT) }}
	if g.typed != "" {
		watched = &watcher{want: "[y/n]", found: func() { _, _ = io.WriteString(ours, g.typed) }}
	}
	var wait sync.WaitGroup
	wait.Go(func() { _, _ = io.Copy(io.MultiWriter(&text, watched), ours) }) // ends with EIO when the program has closed its end
	_ = cmd.Wait()                                                           // the exit code says it
	wait.Wait()
	closeFile(g.t, ours)
	return text.Bytes(), cmd.ProcessState.ExitCode()
}

// watcher calls found once, when the text wanted was written.
type watcher struct {
	mu    sync.Mutex
	want  string
	found func()
	text  []byte
}

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.text = append(w.text, p...); w.want != "" && bytes.Contains(w.text, []byte(w.want)) {
		w.want = ""
		w.found()
	}
	return len(p), nil
}

func resize(t *testing.T, f *os.File, size terminal.Size) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(f.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: uint16(size.Rows), Col: uint16(size.Columns)}); err != nil {
		t.Fatal(err)
	}
}

func closeFile(t *testing.T, f *os.File) {
	t.Helper()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// changing are the parts of a screen that are another one each time, and what stands for
// them: of the same width, where others stand behind them.
var changing = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\d{8}T\d{6}Z-([\w-]+)-\w{4}\b`), "20261122T141503Z-$1-k3f9"},
	{regexp.MustCompile(`\d{8}T\d{6}Z`), "20261122T141503Z"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(\.\d+)?`), "2026-11-22${1}14:15:03"},
	{regexp.MustCompile(`(127\.\d+\.\d+\.\d+):\d{5}`), "$1:PPPPP"},
	{regexp.MustCompile(`\b[0-9a-f]{64}\b`), strings.Repeat("d", 64)},
	{regexp.MustCompile(`\b[0-9a-f]{12}\b`), strings.Repeat("d", 12)},
	{regexp.MustCompile(`SHA256:[\w+/]{43}`), "SHA256:" + strings.Repeat("k", 43)},
	{regexp.MustCompile(`\b\d+(\.\d+)? (ms|s|min)\b`), "N s"},
	{regexp.MustCompile(`\b\d+(\.\d+)? [kMG]?B/s`), "N MB/s"},
	{regexp.MustCompile(`\b\d+(\.\d+)? [kMGT]?B( are)? free`), "N GB$2 free"},
	{regexp.MustCompile(`until \d\d:\d\d:\d\d`), "until 14:15:03"},
	{regexp.MustCompile(`^( *)\d\d:\d\d:\d\d UTC$`), "${1}14:15:03 UTC"}, // the next row of one that ends with until
	{regexp.MustCompile(`^(taken .*) \(.*\)$`), "$1 (just now)"},         // by the document in the vault
	{regexp.MustCompile(`\brange 1\d{4} 1\d{4}`), "range RANGE"},
	{regexp.MustCompile(`\bfw_\w+`), "fw_SECRET"},
	{regexp.MustCompile(`PID \d+`), "PID N"},
	{regexp.MustCompile(`B {2,6}\d{1,5}\.\d(  |$)`), "B      0.0$1"}, // the column SECONDS
	{regexp.MustCompile(`job-20261122T141503Z-\w{8}`), "job-20261122T141503Z-k3f9m2qa"},
	{regexp.MustCompile(`\b1\d{4}[-:]1\d{4}\b`), "RANGE"},
	{regexp.MustCompile(`\bports? 1\d{4}( to 1\d{4})?`), "ports RANGE"},
	{regexp.MustCompile(`"seconds": [\d.e-]+`), `"seconds": N`},
}

// inTurn finds the rows that a fleet prints in the order in which its devices are done.
var inTurn = regexp.MustCompile(`^[a-z0-9-]+: (ok|failed|incomplete|unchanged)\b`)

// normal returns rows without what changes each time.
func normal(s *site, rows []string) []string {
	var list []string
	begin := 0 // of the rows in turn at the end of the list
	for _, row := range rows {
		row = strings.ReplaceAll(row, filepath.Dir(s.data), "/tmp/fw0123456789")
		row = strings.ReplaceAll(row, fmt.Sprint(s.port), "PPPPP")
		for _, c := range changing {
			row = c.find.ReplaceAllString(row, c.with)
		}
		list = append(list, row)
		if inTurn.MatchString(row) {
			slices.SortFunc(list[begin:], api.CompareNames)
		} else {
			begin = len(list)
		}
	}
	return list
}

func difference(old, new string) string {
	return string(diff.Diff("before", []byte(old), "now", []byte(new)))
}
