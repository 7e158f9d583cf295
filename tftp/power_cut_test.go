//go:build linux

package tftp_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"flashwarden/internal/disk/disktest"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// modelDisk is a disktest.Disk as Dir uses it.
type modelDisk struct {
	*disktest.Disk
	lock error // of every lock; nil: the lock is taken
}

// OpenFile implements tftp.Disk.
func (d modelDisk) OpenFile(name string, flag int, perm fs.FileMode) (tftp.DiskFile, error) {
	f, err := d.Disk.Open(name, flag, perm)
	if err != nil {
		return nil, err
	}
	return modelFile{f, d.lock}, nil
}

// modelFile is a disktest.File that can be locked.
type modelFile struct {
	*disktest.File
	lock error
}

// Lock implements tftp.DiskFile.
func (f modelFile) Lock() error {
	if f.lock != nil {
		return f.lock
	}
	return syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
}

// powerDir is a Dir on a disk that can lose its power.
type powerDir struct {
	*tftp.Dir
	disk *disktest.Disk
	lock error // of every lock; nil: the lock is taken
}

// newPowerDir serves top/root with the staging directory top/staging. The file
// in-place has two links, so that Dir writes into it. If crashed is not empty, it
// is the content of an upload that a crash has interrupted when half of it was written
// into the file.
func newPowerDir(t *testing.T, file, crashed string) *powerDir {
	t.Helper()
	top := t.TempDir()
	for _, dir := range []string{"root", "staging"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{"replaced", "in-place"} {
		if err := os.WriteFile(filepath.Join(top, "root", file), []byte("the old content"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(top, "root/in-place"), filepath.Join(top, "root/second-link")); err != nil {
		t.Fatal(err)
	}
	if crashed != "" {
		complete := filepath.Join(top, "staging/.flashwarden-complete-1-1")
		err := os.WriteFile(complete, []byte(file+"\n"+crashed), 0o600)
		if file == "in-place" {
			err = errors.Join(err, os.WriteFile(filepath.Join(top, "root", file), []byte(crashed[:len(crashed)/2]), 0o644))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	d := dirIn(t, top)
	p := &powerDir{Dir: d, disk: disktest.New(t, top)}
	d.SetDisk(func(r *os.Root) tftp.Disk { return modelDisk{p.disk.At(r.Name()), p.lock} })
	return p
}

// dirIn returns a Dir for top/root and top/staging.
func dirIn(t *testing.T, top string) *tftp.Dir {
	t.Helper()
	open := func(name string) *os.Root {
		r, err := os.OpenRoot(filepath.Join(top, name))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		return r
	}
	return &tftp.Dir{Root: open("root"), Staging: open("staging"), Create: true}
}

// store stores a file as the server does when a peer sends it.
func store(d *tftp.Dir, name, content string) error {
	w, err := d.OpenWrite(context.Background(), &tftp.Request{Op: tftp.Write, Filename: name, Size: -1})
	if err != nil {
		return err
	}
	half := len(content) / 2
	for _, part := range []string{content[:half], content[half:]} {
		if _, err := w.Write([]byte(part)); err != nil {
			w.Abort(err)
			return err
		}
	}
	return w.Commit()
}

// step is something that happens to a file. content is what the file has when the
// step has ended, and from then on.
type step struct {
	content string
	do      func(t *testing.T, p *powerDir, name, content string)
}

func uploaded(content string) step {
	return step{content, func(t *testing.T, p *powerDir, name, content string) {
		if err := store(p.Dir, name, content); err != nil {
			t.Fatal(err)
		}
	}}
}

// unlinked removes the second link, so that the next upload replaces the file.
func unlinked(content string) step {
	return step{content, func(t *testing.T, p *powerDir, name, content string) {
		if err := p.disk.Remove("root/second-link"); err != nil {
			t.Fatal(err)
		}
	}}
}

// swept begins with a complete upload that a crash has left in the staging
// directory.
func swept(content string) step {
	return step{content, func(t *testing.T, p *powerDir, name, content string) {
		if err := p.Sweep(); err != nil {
			t.Fatal(err)
		}
	}}
}

// keptAside begins like swept, but the file of the upload has gone.
func keptAside(content string) step {
	return step{content, func(t *testing.T, p *powerDir, name, content string) {
		if err := p.Sweep(); err == nil || !strings.Contains(err.Error(), "the upload is kept as") {
			t.Fatal(err)
		}
	}}
}

// TestPowerCut cuts the power at every step of changes of one file, and in many
// ways. After the restart the file has one whole content: at least as new as that
// of the last upload whose last ACK was sent.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file, old, crashed string
		steps              []step
	}{
		"new file":              {"new", "absent", "", []step{uploaded("short"), uploaded("the longest content of all three")}},
		"existing file":         {"replaced", "the old content", "", []step{uploaded("short"), uploaded("the longest content of all three")}},
		"in place":              {"in-place", "the old content", "", []step{uploaded("short"), uploaded("the longest content of all"), uploaded("the longest")}},
		"in place and replaced": {"in-place", "the old content", "", []step{uploaded("first and more"), unlinked("first and more"), uploaded("first")}},
		"in place, recovered":   {"in-place", "recovered", "recovered", []step{swept("recovered"), uploaded("later")}},
		"in place, then gone":   {"new", "absent", "stale", []step{keptAside("absent"), uploaded("later")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPowerDir(t, c.file, c.crashed)
			contents, ended := []string{c.old}, []int{0}
			for _, s := range c.steps {
				s.do(t, p, c.file, s.content)
				contents, ended = append(contents, s.content), append(ended, p.disk.Steps())
			}
			for steps := range p.disk.Steps() + 1 {
				oldest := 0
				for oldest+1 < len(ended) && ended[oldest+1] <= steps {
					oldest++
				}
				for _, loss := range disktest.Losses(testlevel.Of(3, 8, 500)) {
					p.restart(t, steps, loss, c.file, contents[oldest:])
				}
			}
		})
	}
}

// restart cuts the power and checks what a new process makes of the rest.
func (p *powerDir) restart(t *testing.T, steps int, loss disktest.Loss, name string, want []string) {
	t.Helper()
	top := p.disk.Cut(t, steps, loss)
	defer os.RemoveAll(top)
	d := dirIn(t, top)
	defer d.Root.Close()
	defer d.Staging.Close()
	err := d.Sweep()
	if kept := leftovers(t, top, keptPrefix); err != nil && (len(kept) == 0 || !strings.Contains(err.Error(), "the upload is kept as "+kept[0])) {
		t.Fatalf("power cut after %d steps, %+v: %v", steps, loss, err)
	}
	b, err := os.ReadFile(filepath.Join(top, "root", name))
	got := string(b)
	if errors.Is(err, fs.ErrNotExist) {
		got = "absent"
	}
	if !strings.Contains("|"+strings.Join(want, "|")+"|", "|"+got+"|") {
		t.Fatalf("power cut after %d steps, %+v: the file has %q, want one of %q", steps, loss, got, want)
	}
	if all, kept := leftovers(t, top, ".flashwarden-"), leftovers(t, top, keptPrefix); len(all) > len(kept) {
		t.Fatalf("power cut after %d steps, %+v: left: %q", steps, loss, all)
	}
}

// keptPrefix begins the names of uploads that Sweep keeps aside.
const keptPrefix = ".flashwarden-kept-"

// leftovers lists the files in a directory whose names begin with a prefix.
func leftovers(t *testing.T, dir, prefix string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err == nil && strings.HasPrefix(e.Name(), prefix) {
			left = append(left, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}
