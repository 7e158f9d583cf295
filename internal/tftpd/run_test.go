package tftpd_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"flashwarden/internal/tftpd"
	"flashwarden/tftp"
)

// serveVariable makes the test binary a server with these flags: Run gives up rights
// that the test process still needs.
const serveVariable = "TFTPD_TEST_SERVE"

func TestMain(m *testing.M) {
	line, ok := os.LookupEnv(serveVariable)
	if !ok {
		os.Exit(m.Run())
	}
	if err := serve(strings.Split(line, "\n")); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// serve does what the command does.
func serve(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	var f tftpd.Flags
	fs := pflag.NewFlagSet("tftpd", pflag.ContinueOnError)
	f.Register(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	c, err := f.Config(fs.Arg(0))
	if err != nil {
		return err
	}
	c.Log = f.Logger(os.Stderr, true, false)
	if err := f.Listen(&c); err != nil {
		return err
	}
	return tftpd.Run(ctx, c)
}

// process is a server in a process of its own.
type process struct {
	t    *testing.T
	cmd  *exec.Cmd
	port netip.AddrPort

	mu   sync.Mutex
	log  bytes.Buffer
	more chan struct{} // something was logged
}

// Write implements io.Writer for the log.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case p.more <- struct{}{}:
	default:
	}
	return p.log.Write(b)
}

func (p *process) logged() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// await waits until text was logged, n times.
func (p *process) await(text string, n int) {
	p.t.Helper()
	limit := time.After(time.Minute)
	for strings.Count(p.logged(), text) < n {
		select {
		case <-p.more:
		case <-limit:
			p.t.Fatalf("%q is not logged %d times:\n%s", text, n, p.logged())
		}
	}
}

// start starts a server and waits until it answers.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	p := launch(t, nil, args...)
	p.awaitPort()
	return p
}

// awaitPort waits until the server answers.
func (p *process) awaitPort() {
	p.t.Helper()
	p.await("msg=serving", 1)
	_, rest, _ := strings.Cut(p.logged(), "msg=serving")
	_, rest, _ = strings.Cut(rest, "address=")
	p.port = netip.MustParseAddrPort(strings.Fields(rest)[0])
}

// launch starts a server, with further variables in its environment.
func launch(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, cmd: exec.Command(self), more: make(chan struct{}, 1)}
	state := t.TempDir()
	p.cmd.Env = append(os.Environ(), append([]string{
		serveVariable + "=" + strings.Join(append([]string{"--address", "127.0.0.1:0"}, args...), "\n"), "STATE_DIRECTORY=" + state}, env...)...)
	p.cmd.Stderr = p
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			p.stop()
		}
	})
	return p
}

// stop ends the server as systemd does and checks that it ends well.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Error(err)
	}
	if err := p.cmd.Wait(); err != nil {
		p.t.Errorf("it ended with %v:\n%s", err, p.logged())
	}
}

func (p *process) put(name, content string, size int64) error {
	var c tftp.Client
	_, err := c.Put(p.t.Context(), p.port, name, strings.NewReader(content), size)
	return err
}

func (p *process) get(name string) (string, error) {
	var c tftp.Client
	var b bytes.Buffer
	_, err := c.Get(p.t.Context(), p.port, name, &b)
	return b.String(), err
}

// wantCode checks that an error is an ERROR of the server with this code.
func wantCode(t *testing.T, err error, code tftp.Code) {
	t.Helper()
	var e *tftp.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("error %v, want code %d", err, code)
	}
}

// write makes a file with exactly this mode.
func write(t *testing.T, name, content string, mode fs.FileMode) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(content), 0o600), os.Chmod(name, mode)); err != nil {
		t.Fatal(err)
	}
}

// wantFile checks the content of a file.
func wantFile(t *testing.T, name, want string) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || string(got) != want {
		t.Errorf("%s has %.50q, want %.50q; %v", filepath.Base(name), got, want, err)
	}
}

// TestClassicDirectory has the set-up of most servers: a directory in which only
// root may create files, below one that only root may enter, and a file that was
// made with touch and chmod 666.
func TestClassicDirectory(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "tftp")
	cfg := filepath.Join(dir, "cfg")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, cfg, "the old content", 0o666)
	if err := errors.Join(os.Chmod(dir, 0o555), os.Chmod(parent, 0o700)); err != nil {
		t.Fatal(err)
	}
	before, err := os.Stat(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "--secure", dir)
	if err := p.put("cfg", "new", -1); err != nil {
		t.Fatalf("%v\n%s", err, p.logged())
	}
	wantFile(t, cfg, "new")
	after, err := os.Stat(cfg)
	if err != nil || !os.SameFile(before, after) || after.Mode() != before.Mode() {
		t.Errorf("before %v, after %v, %v", before, after, err)
	}
	wantCode(t, p.put("unknown", "x", -1), tftp.CodeNotFound)
	if names, err := os.ReadDir(dir); err != nil || len(names) != 1 {
		t.Errorf("the directory has %v, %v", names, err)
	}
	if !strings.Contains(p.logged(), "msg=confined") {
		t.Skip("this kernel has no Landlock")
	}
}

// TestChangedUser has a server that gets another user, in the same state directory. It
// still takes uploads that need the staging directory.
func TestChangedUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	dir, state := t.TempDir(), t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(state, 0o755)); err != nil {
		t.Fatal(err)
	}
	cfg := filepath.Join(dir, "cfg")
	write(t, cfg, "old", 0o666)
	for _, name := range []string{"daemon", "nobody", "daemon"} {
		p := launch(t, []string{"STATE_DIRECTORY=" + state}, "--secure", "--user", name, dir)
		p.awaitPort()
		if err := p.put("cfg", "of "+name, -1); err != nil {
			t.Errorf("%s: %v\n%s", name, err, p.logged())
		}
		wantFile(t, cfg, "of "+name)
		p.stop()
	}
}

// TestForeignStaging refuses a staging directory that somebody else made, and
// serves all the same.
func TestForeignStaging(t *testing.T) {
	dir, state := t.TempDir(), filepath.Join(t.TempDir(), "state")
	if err := os.Symlink(t.TempDir(), state); err != nil {
		t.Fatal(err)
	}
	p := launch(t, []string{"STATE_DIRECTORY=" + filepath.Join(state, "nowhere", "below")}, "--secure", "--create", dir)
	p.await("msg=serving", 1)
	p.await("no staging directory", 1)
	open := filepath.Join(t.TempDir(), "open") // others may replace what is in it
	if err := errors.Join(os.Mkdir(open, 0o755), os.Chmod(open, 0o777)); err != nil {
		t.Fatal(err)
	}
	bases := []string{open}
	if os.Geteuid() == 0 {
		foreign, link := filepath.Join(t.TempDir(), "foreign"), filepath.Join(t.TempDir(), "link")
		if err := errors.Join(os.Mkdir(foreign, 0o755), os.Chown(foreign, 1, 1), os.Symlink(t.TempDir(), link), os.Lchown(link, 1, 1)); err != nil {
			t.Fatal(err)
		}
		bases = append(bases, foreign, link)
	}
	for _, base := range bases {
		p := launch(t, []string{"STATE_DIRECTORY=" + base}, "--secure", "--create", dir)
		p.await("msg=serving", 1)
		p.await("no staging directory", 1)
		if names, err := os.ReadDir(base); err != nil || len(names) > 0 {
			t.Errorf("%s has %v, %v", base, names, err)
		}
	}
}

// TestOpenedStaging refuses a staging directory that others can reach, or that belongs
// to another user.
func TestOpenedStaging(t *testing.T) {
	dir, state := t.TempDir(), t.TempDir()
	env := []string{"STATE_DIRECTORY=" + state}
	p := launch(t, env, "--secure", dir)
	p.awaitPort()
	p.stop()
	names, err := filepath.Glob(state + "/*")
	if err != nil || len(names) != 1 {
		t.Fatalf("%q, %v", names, err)
	}
	refused := func() {
		t.Helper()
		p := launch(t, env, "--secure", dir)
		p.await("msg=serving", 1)
		p.await("no staging directory", 1)
	}
	if err := os.Chmod(names[0], 0o755); err != nil {
		t.Fatal(err)
	}
	refused()
	if os.Geteuid() == 0 {
		if err := errors.Join(os.Chmod(names[0], 0o700), os.Chown(names[0], 1, 1)); err != nil {
			t.Fatal(err)
		}
		refused()
	}
}

// TestMapFile rewrites names, and reads the rules again after SIGHUP, also if an
// editor has replaced the file.
func TestMapFile(t *testing.T) {
	dir, rules := t.TempDir(), filepath.Join(t.TempDir(), "rules")
	public := filepath.Dir(rules) // the user of the server reads the rules again
	if err := errors.Join(os.Chmod(public, 0o755), os.Chmod(filepath.Dir(public), 0o755)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "one"), "1", 0o644)
	write(t, filepath.Join(dir, "two"), "2", 0o644)
	write(t, rules, "r ^boot$ one\na ^two$\n", 0o644)
	p := start(t, "--secure", "--map-file", rules, dir)
	want := func(name, content string) {
		t.Helper()
		if got, err := p.get(name); err != nil || got != content {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	want("boot", "1")
	_, err := p.get("two")
	wantCode(t, err, tftp.CodeAccess)

	write(t, rules+".new", "r ^boot$ two\n", 0o644)
	if err := os.Rename(rules+".new", rules); err != nil {
		t.Fatal(err)
	}
	hangup := func() {
		t.Helper()
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	hangup()
	p.await("map file read", 1)
	want("boot", "2")
	write(t, rules, "nonsense", 0o644)
	hangup()
	p.await("the old rules stay", 1)
	want("boot", "2")
}

// TestHangupWithoutMapFile: SIGHUP never ends the server.
func TestHangupWithoutMapFile(t *testing.T) {
	p := start(t, "--secure", t.TempDir())
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	p.await("there is no map file", 1)
}

// TestWrongMapFile ends with the line of the mistake.
func TestWrongMapFile(t *testing.T) {
	rules := filepath.Join(t.TempDir(), "rules")
	write(t, rules, "\nx y z", 0o644)
	p := launch(t, nil, "--map-file", rules, t.TempDir())
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.logged(), rules+": line 2: ") {
		t.Errorf("%v:\n%s", err, p.logged())
	}
}

// TestPIDFile removes the file at the end, or empties it where the user of the
// server may not remove it.
func TestPIDFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(t.TempDir(), "pid")
	p := start(t, "--secure", "--pidfile", file, dir)
	wantFile(t, file, fmt.Sprintln(p.cmd.Process.Pid))
	p.stop()
	if left, err := os.ReadFile(file); !errors.Is(err, fs.ErrNotExist) && (os.Geteuid() != 0 || len(left) > 0) {
		t.Errorf("the file is left with %q, %v", left, err)
	}
	p = launch(t, nil, "--pidfile", file+"/x", dir)
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.logged(), "--pidfile") {
		t.Errorf("%v:\n%s", err, p.logged())
	}
	p = start(t, "--secure", "--user", "", "--pidfile", file, dir)
	p.stop()
	if left, err := os.ReadFile(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is left with %q, %v", left, err)
	}
	p = start(t, "--secure", "--user", "", "--pidfile", file, dir)
	write(t, file+".new", "of another process", 0o644)
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
	p.stop()
	wantFile(t, file, "of another process")
}

// TestUmaskOfEverything: --umask 777 makes files that nobody may read.
func TestUmaskOfEverything(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	p := start(t, "--secure", "--create", "--umask", "777", dir)
	if err := p.put("new", "x", -1); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "new")); err != nil || info.Mode() != 0 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// TestForeignLeftovers: files of other users that have our names do not keep the
// server from starting.
func TestForeignLeftovers(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to have files of another user")
	}
	dir := t.TempDir()
	name := filepath.Join(dir, ".flashwarden-upload-ABCDEFGHIJKLMNOPQRSTUVWXYZ")
	write(t, name, "important", 0o600)
	if err := os.Chmod(dir, 0o1733); err != nil {
		t.Fatal(err)
	}
	start(t, "--secure", "--create", dir)
	wantFile(t, name, "important")
}

// TestPrivilegedPorts opens the ports of transfers while the process is root.
func TestPrivilegedPorts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to bind ports below 1024")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "f"), "content", 0o644)
	first := 600 + os.Getpid()%100*4
	p := start(t, "--secure", "--port-range", fmt.Sprintf("%d:%d", first, first+3), dir)
	if got, err := p.get("f"); err != nil || got != "content" {
		t.Errorf("%q, %v", got, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil || !strings.Contains(string(status), "CapEff:\t0000000000000000") || strings.Contains(string(status), "Uid:\t0") {
		t.Errorf("its rights, %v:\n%s", err, status)
	}
}

// TestUnknownUser answers no request.
func TestUnknownUser(t *testing.T) {
	p := launch(t, nil, "--user", "no-such-user", t.TempDir())
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.logged(), "become user no-such-user") || strings.Contains(p.logged(), "msg=serving") {
		t.Errorf("%v:\n%s", err, p.logged())
	}
}

// TestGroups has the supplementary groups of every user, as in.tftpd sets them with
// initgroups(3).
func TestGroups(t *testing.T) {
	if _, err := user.Current(); err != nil {
		t.Skip(err)
	}
	passwd, err := os.ReadFile("/etc/passwd")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(passwd)) {
		name, _, _ := strings.Cut(line, ":")
		want, err := exec.Command("id", "-G", name).Output()
		if err != nil {
			continue
		}
		if got, err := tftpd.GroupsOf(name); err != nil || !sameNumbers(got, string(want)) {
			t.Errorf("%s has the groups %v, want %s, %v", name, got, want, err)
		}
	}
}

func sameNumbers(got []int, want string) bool {
	have := map[string]bool{}
	for _, n := range got {
		have[fmt.Sprint(n)] = true
	}
	for _, n := range strings.Fields(want) {
		if !have[n] {
			return false
		}
		delete(have, n)
	}
	return len(have) == 0
}

// TestUnsyncedDirectory serves a file system that cannot sync directories, as CIFS.
func TestUnsyncedDirectory(t *testing.T) {
	const text = "cannot sync directories"
	if p := start(t, "/proc/fs"); strings.Count(p.logged(), text) != 1 {
		t.Errorf("/proc/fs: logged\n%s", p.logged())
	}
	if p := start(t, t.TempDir()); strings.Contains(p.logged(), text) {
		t.Errorf("logged\n%s", p.logged())
	}
}
