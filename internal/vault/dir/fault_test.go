package dir

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
)

// The environment variables that make the test binary a process to be killed.
const (
	victimVault = "VAULT_TEST_VICTIM"  // the vault's path
	victimSpool = "VAULT_TEST_SPOOL"   // where the files come from
	victimStep  = "VAULT_TEST_DIES_AT" // the step at which it kills itself; 0: never
)

func TestMain(m *testing.M) {
	var err error
	switch {
	case os.Getenv(victimVault) != "":
		err = victim()
	case os.Getenv(smallDisk) != "":
		err = onSmallDisk(os.Getenv(smallDisk))
	default:
		os.Exit(m.Run())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// backup does all that one backup does to the vault: an image from the spool,
// a text, and the snapshot that names both.
func backup(d *kit, spool, content string) (api.Snapshot, error) {
	return backupAfter(d, spool, content, "")
}

// backupAfter is backup for a device that has a snapshot already.
func backupAfter(d *kit, spool, content, previous string) (api.Snapshot, error) {
	s := snapshotOf(content)
	s.Previous = previous
	path := filepath.Join(spool, "upload-"+s.ID)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		return s, err
	}
	if err := d.Adopt(context.Background(), path, sumOf(content)); err != nil {
		return s, err
	}
	text := "hostname sw1\n! " + content
	sum, weak, err := d.Put(context.Background(), []byte(text))
	if err != nil {
		return s, err
	}
	s.Files = append(s.Files, api.File{Path: "running-config", Kind: api.KindConfig, Size: int64(len(text)), SHA256: sum, MD5: weak, Evidence: api.EvidenceSize})
	return d.PutSnapshot(context.Background(), s)
}

// TestOrderOfSteps is what the promise rests on: content is on stable storage
// before it has its name, its name before the next thing relies on it.
func TestOrderOfSteps(t *testing.T) {
	d := newVault(t)
	spool := t.TempDir()
	var steps []string
	d.faults(func(op, path string) error {
		switch {
		case path == "tmp" || filepath.Base(filepath.Dir(path)) == "tmp":
			path = "tmp"
		case strings.HasPrefix(path, spool):
			path = "spool"
		default:
			rel, err := filepath.Rel(d.dir.path, path)
			if err != nil {
				return err
			}
			path = filepath.Dir(rel + "/x") // as it is
			if parts := strings.Split(rel, "/"); parts[0] == "blobs" {
				path = strings.Join([]string{"blobs", "ab", "cd", "SUM"}[:len(parts)], "/")
			} else if parts[0] == "snapshots" && len(parts) > 3 {
				path = "snapshots/2026/11/NAME"
			}
		}
		steps = append(steps, op+" "+path)
		return nil
	})
	if _, err := backup(d, spool, "an image"); err != nil {
		t.Fatal(err)
	}
	blob := []string{"mkdir blobs/ab", "syncdir blobs", "mkdir blobs/ab/cd", "syncdir blobs/ab", "link blobs/ab/cd/SUM", "syncdir blobs/ab/cd"}
	write := []string{"create tmp", "write tmp", "chmod tmp", "sync tmp"}
	want := []string{"chmod spool", "sync spool"}
	want = append(append(want, blob...), "remove spool")
	for range 2 { // the running-config and the listings
		want = append(append(append(want, write...), blob...), "remove tmp")
	}
	want = append(append(want, write...), "mkdir snapshots/2026", "syncdir snapshots", "mkdir snapshots/2026/11", "syncdir snapshots/2026",
		"link snapshots/2026/11/NAME", "syncdir snapshots/2026/11", "remove tmp")
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
}

var errInjected = errors.New("injected")

// TestEveryStepMayFail lets each step fail once, in turn.
func TestEveryStepMayFail(t *testing.T) {
	for _, name := range []string{"one file system", "two file systems"} {
		t.Run(name, func(t *testing.T) {
			spool := t.TempDir()
			if name == "two file systems" {
				spool = otherFileSystem(t, newVault(t))
			}
			for n := 1; ; n += testlevel.Of(3, 1, 1) {
				if failAt(t, n, spool) {
					return
				}
			}
		})
	}
}

// failAt runs a backup whose step n fails, and reports whether there was no
// such step.
func failAt(t *testing.T, n int, spool string) (done bool) {
	d := newVault(t)
	steps, what := 0, ""
	d.faults(func(op, path string) error {
		if steps++; steps == n {
			what = op + " " + path
			return errInjected
		}
		return nil
	})
	s, err := backup(d, spool, "an image")
	d.faults(nil)
	if steps < n {
		if err != nil || n < 15 {
			t.Errorf("%d steps, error %v", steps, err)
		}
		return true
	}
	leftover := strings.HasPrefix(what, "remove "+filepath.Join(d.dir.path, tmpDir))
	if leftover != (err == nil) || err != nil && !errors.Is(err, errInjected) {
		t.Errorf("step %d (%s): error %v", n, what, err)
	}
	wantClean(t, d)
	if _, found := d.Snapshot(t.Context(), s.ID); err == nil && found != nil {
		t.Errorf("step %d (%s): the snapshot is lost: %v", n, what, found)
	}
	if _, err := backup(d, spool, "an image"); err != nil {
		t.Errorf("after step %d (%s) failed: %v", n, what, err)
	}
	wantClean(t, d)
	return false
}

// victim is what a process does that is going to be killed. It prints the ID
// of each snapshot that counts as kept.
func victim() error {
	d, err := openKit(os.Getenv(victimVault))
	if err != nil {
		return err
	}
	dieAt, err := strconv.Atoi(os.Getenv(victimStep))
	if err != nil {
		return err
	}
	steps := 0
	d.faults(func(string, string) error {
		if steps++; steps == dieAt {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}
		return nil
	})
	for i := range 100_000 {
		s, err := backup(d, os.Getenv(victimSpool), strings.Repeat(strconv.Itoa(i%100), 50_000))
		if err != nil {
			return err
		}
		fmt.Println(s.ID)
		if dieAt > 0 && steps > dieAt {
			return errors.New("survived")
		}
	}
	return errors.New("was not killed in time")
}

// startVictim starts a victim and returns it with what it prints.
func startVictim(t *testing.T, d *kit, spool string, dieAt int) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), victimVault+"="+d.dir.Path(), victimSpool+"="+spool, victimStep+"="+strconv.Itoa(dieAt))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd, bufio.NewScanner(out)
}

// wantKilled waits for a victim and fails unless it ended by SIGKILL.
func wantKilled(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
		t.Errorf("the victim ended with %v", err)
	}
}

// TestKilledAtEveryStep kills a process before each step of its first two
// backups, all in one vault. At the level quick it is every fourth step.
func TestKilledAtEveryStep(t *testing.T) {
	d, spool := newVault(t), t.TempDir()
	for n := 1; n <= 80; n += testlevel.Of(5, 1, 1) {
		cmd, out := startVictim(t, d, spool, n)
		var kept []string
		for out.Scan() {
			kept = append(kept, out.Text())
		}
		wantKilled(t, cmd)
		wantKept(t, d, kept)
	}
	wantClean(t, d)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantClean(t, d)
}

// TestKilledAtAnyMoment kills a process from outside while it works. The
// process prints each snapshot that it has kept: a later line each time is the sign to
// kill it, and it is then somewhere in a later backup.
func TestKilledAtAnyMoment(t *testing.T) {
	d, spool := newVault(t), t.TempDir()
	for n := range testlevel.Of(4, 12, 100) {
		cmd, out := startVictim(t, d, spool, 0)
		var kept []string
		for out.Scan() {
			if kept = append(kept, out.Text()); len(kept) == n+1 {
				// Not to be right: each process dies at another place.
				time.Sleep(time.Duration(rand.IntN(2_000)) * time.Microsecond)
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		wantKilled(t, cmd)
		if len(kept) <= n {
			t.Errorf("the victim kept %d snapshots before it was killed, want %d", len(kept), n+1)
		}
		wantKept(t, d, kept)
	}
	wantClean(t, d)
}

// wholeID is an ID as the victim prints it.
var wholeID = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-sw1-[a-z0-9]{4}$`)

func wantKept(t *testing.T, d *kit, ids []string) {
	t.Helper()
	for _, id := range ids {
		if !wholeID.MatchString(id) { // cut off by the kill
			continue
		}
		if _, err := d.Snapshot(t.Context(), id); err != nil {
			t.Errorf("a snapshot that was kept is gone: %v", err)
		}
	}
}
