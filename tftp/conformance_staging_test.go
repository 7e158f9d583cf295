//go:build linux

package tftp_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"flashwarden/tftp"
)

// testSweep has temporary files of a dead process and of a process that is still
// writing.
func testSweep(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{Create: true})
	dead := tftp.TempPrefix + "DEADDEADDEADDEADDEADDEADDE"
	latin1 := "caf\xe9"
	if err := os.Mkdir(filepath.Join(root, latin1), 0o755); err != nil {
		t.Skip("this file system has UTF-8 names only")
	}
	for _, name := range []string{dead, "dir/" + dead, filepath.Join(latin1, dead)} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := w.peer()
	body := content(1, 100_000)
	p.request(wrq("new", "octet"))
	p.expect(ack(0))
	p.store(body, 512, 1, 190)
	eventually(t, func() bool { return strings.Count(tree(t, root), tftp.TempPrefix) == 5 }) // and that of serveDir
	sweep(t, root)
	if left := tree(t, root); strings.Contains(left, dead) || strings.Count(left, tftp.TempPrefix) != 2 {
		t.Errorf("left:\n%s", left)
	}
	p.store(body, 512, 190, blocks(body, 512)+1)
	if got, _ := os.ReadFile(filepath.Join(root, "new")); !bytes.Equal(got, body) {
		t.Error("the upload that ran was damaged")
	}
}

func sweep(t *testing.T, root string) {
	t.Helper()
	r, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := (&tftp.Dir{Root: r}).Sweep(); err != nil {
		t.Fatal(err)
	}
}

// testSweepForeign has files of other people whose names resemble ours, and things
// that are no files. All stay.
func testSweepForeign(t *testing.T) {
	root := t.TempDir()
	ours := tftp.TempPrefix + "DEADDEADDEADDEADDEADDEADDE"
	for _, name := range []string{".tmp-important", tftp.TempPrefix, tftp.TempPrefix + "notes", ours + ".bak", "x" + ours} {
		if err := os.WriteFile(filepath.Join(root, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"a", "b", "c", "closed"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(
		os.Mkdir(filepath.Join(root, "a", ours), 0o755), syscall.Mkfifo(filepath.Join(root, "b", ours), 0o600),
		os.Symlink("../.tmp-important", filepath.Join(root, "c", ours)), os.Chmod(filepath.Join(root, "closed"), 0o300))
	if err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 { // a file of another user
		foreign := filepath.Join(root, ours)
		if err := errors.Join(os.WriteFile(foreign, nil, 0o600), os.Chown(foreign, 1, 1)); err != nil {
			t.Fatal(err)
		}
	}
	list := func() (names []string) {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, _ error) error {
			names = append(names, path)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := list()
	sweep(t, root)
	if after := list(); strings.Join(after, "\n") != strings.Join(before, "\n") {
		t.Errorf("left\n%q of\n%q", after, before)
	}
}

// TestStaging writes into existing files that a rename would damage.
func TestStaging(t *testing.T) {
	t.Run("hard links stay", func(t *testing.T) {
		top := stagingDir(t)
		f, other := filepath.Join(top, "root/f"), filepath.Join(top, "root/other")
		if err := errors.Join(os.WriteFile(f, []byte("the old content"), 0o666), os.Link(f, other)); err != nil {
			t.Fatal(err)
		}
		wantInPlace(t, top, f)
		if got, err := os.ReadFile(other); err != nil || string(got) != "new" {
			t.Errorf("the other link has %q, %v", got, err)
		}
	})
	t.Run("the ACL stays", func(t *testing.T) {
		top := stagingDir(t)
		f := filepath.Join(top, "root/f")
		if err := os.WriteFile(f, []byte("the old content"), 0o666); err != nil {
			t.Fatal(err)
		}
		acl := accessList(1)
		if err := unix.Setxattr(f, "system.posix_acl_access", acl, 0); err != nil {
			t.Skipf("no ACLs here: %v", err)
		}
		if err := store(dirIn(t, top), "f", "new"); err != nil {
			t.Fatal(err)
		}
		got := make([]byte, 1000)
		n, err := unix.Getxattr(f, "system.posix_acl_access", got)
		if err != nil || !bytes.Equal(got[:n], acl) {
			t.Errorf("the ACL is % x, %v; want % x", got[:max(n, 0)], err, acl)
		}
	})
	t.Run("the owner stays", testOwnerStays)
	t.Run("no room for the new content", testNoRoomInPlace)
	t.Run("uploads of one file take turns", testTurns)
	t.Run("not read while it is written", testNotReadMeanwhile)
	t.Run("a failed upload is completed or replaced", testFailedInPlace)
	t.Run("a file that was changed after a crash stays", testChangedAfterCrash)
	t.Run("files with the same number on two file systems", testTwoFileSystems)
	t.Run("other file systems", testOtherFileSystems)
}

// testOwnerStays replaces a file of another user by a rename.
func testOwnerStays(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to have files of another user")
	}
	top := stagingDir(t)
	f := filepath.Join(top, "root/f")
	if err := errors.Join(os.WriteFile(f, []byte("old"), 0o644), os.Chown(f, 1, 2)); err != nil {
		t.Fatal(err)
	}
	if err := store(dirIn(t, top), "f", "new"); err != nil {
		t.Fatal(err)
	}
	var s unix.Stat_t
	if err := unix.Stat(f, &s); err != nil || s.Uid != 1 || s.Gid != 2 || s.Size != 3 {
		t.Errorf("the file is now %+v, %v", s, err)
	}
}

// testNoRoomInPlace uploads into an existing file whose file system has too little
// space. The staging directory is on another one, which has enough.
func testNoRoomInPlace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mount needs root")
	}
	top := stagingDir(t)
	root := filepath.Join(top, "root")
	if err := unix.Mount("none", root, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("no tmpfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	f := filepath.Join(root, "f")
	if err := errors.Join(os.WriteFile(f, []byte("old"), 0o644), os.Link(f, f+"2")); err != nil {
		t.Fatal(err)
	}
	d := dirIn(t, top)
	if err := store(d, "f", strings.Repeat("new", 50_000)); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(f); string(got) != "old" || read(d, "f") != nil {
		t.Errorf("the file has %.20q, %v", got, err)
	}
	if left := leftovers(t, top, ".flashwarden-"); left != nil {
		t.Errorf("left: %q", left)
	}
}

// testOtherFileSystems has the limits of network file systems: no locks, no fsync of
// directories. A file with several links needs a lock.
func testOtherFileSystems(t *testing.T) {
	for _, lock := range []error{syscall.ENOLCK, syscall.EOPNOTSUPP, syscall.EIO} {
		p := newPowerDir(t, "", "")
		p.lock = lock
		for _, name := range []string{"new", "replaced", "in-place"} {
			err := store(p.Dir, name, "the content")
			if works := lock != syscall.EIO && name != "in-place"; works != (err == nil) {
				t.Errorf("lock: %v: %s: %v", lock, name, err)
			}
		}
		if left := leftovers(t, filepath.Dir(p.Root.Name()), ".flashwarden-"); left != nil {
			t.Errorf("lock: %v: left: %q", lock, left)
		}
	}
	for _, sync := range []error{syscall.EINVAL, syscall.EOPNOTSUPP, syscall.EIO} {
		p := newPowerDir(t, "", "")
		p.disk.Fault(func(op, _ string) error {
			if op == "syncdir" {
				return sync
			}
			return nil
		})
		for _, name := range []string{"new", "replaced", "in-place"} {
			if err := store(p.Dir, name, "the content"); (err == nil) != (sync != syscall.EIO) {
				t.Errorf("fsync of a directory: %v: %s: %v", sync, name, err)
			}
		}
	}
}

// TestUnknownSize uploads to a file system that does not know its size.
func TestUnknownSize(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mount needs root")
	}
	top := stagingDir(t)
	root := filepath.Join(top, "root")
	if err := unix.Mount("none", root, "ramfs", 0, ""); err != nil {
		t.Skipf("no ramfs here: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	w, err := dirIn(t, top).OpenWrite(t.Context(), &tftp.Request{Op: tftp.Write, Filename: "new", Size: 10})
	if err != nil {
		t.Fatal(err)
	}
	w.Abort(nil)
}

// stagingDir returns a directory for dirIn.
func stagingDir(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for _, dir := range []string{"root", "staging"} {
		if err := os.Mkdir(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return top
}

// wantInPlace replaces a file and checks that it is still the same inode.
func wantInPlace(t *testing.T, top, file string) {
	t.Helper()
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := store(dirIn(t, top), filepath.Base(file), "new"); err != nil {
		t.Fatal(err)
	}
	after, err := os.Stat(file)
	if err != nil || !os.SameFile(before, after) || after.Size() != 3 {
		t.Errorf("before %v, after %v, %v", before, after, err)
	}
	if left := leftovers(t, top, ".flashwarden-"); left != nil {
		t.Errorf("left: %q", left)
	}
}

// accessList is the ACL u::rw, u:UID:rw, g::r, m::rw, o::rw.
func accessList(uid uint32) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 2)
	for _, e := range []struct {
		tag, perm uint16
		id        uint32
	}{{0x01, 6, ^uint32(0)}, {0x02, 6, uid}, {0x04, 4, ^uint32(0)}, {0x10, 6, ^uint32(0)}, {0x20, 6, ^uint32(0)}} {
		b = binary.LittleEndian.AppendUint16(b, e.tag)
		b = binary.LittleEndian.AppendUint16(b, e.perm)
		b = binary.LittleEndian.AppendUint32(b, e.id)
	}
	return b
}

// testTurns uploads to two links of one file at the same time.
func testTurns(t *testing.T) {
	top := stagingDir(t)
	f, other := filepath.Join(top, "root/f"), filepath.Join(top, "root/other")
	if err := errors.Join(os.WriteFile(f, nil, 0o666), os.Link(f, other)); err != nil {
		t.Fatal(err)
	}
	d := dirIn(t, top)
	var wg sync.WaitGroup
	for i := range 8 {
		name := []string{"f", "other"}[i%2]
		wg.Go(func() {
			for range 5 {
				if err := store(d, name, strings.Repeat(string(rune('a'+i)), 100_000+1000*i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(f)
	if err != nil || len(got) == 0 || len(got) != 100_000+1000*int(got[0]-'a') || strings.Trim(string(got), string(got[:1])) != "" {
		t.Errorf("%d bytes that are no single upload, %v", len(got), err)
	}
	if left := leftovers(t, top, ".flashwarden-"); left != nil {
		t.Errorf("left: %q", left)
	}
}

// failOnce lets a change of the file in-place fail once.
func failOnce(p *powerDir, op string) {
	p.disk.Fault(func(o, path string) error {
		if o == op && strings.HasSuffix(path, "/in-place") {
			p.disk.Fault(nil)
			return syscall.EIO
		}
		return nil
	})
}

// testFailedInPlace lets the disk fail while the existing file is written. The next
// upload counts; without one, the next start completes the failed one.
func testFailedInPlace(t *testing.T) {
	for _, op := range []string{"write", "truncate", "sync"} {
		for _, next := range []string{"the next upload", ""} {
			p := newPowerDir(t, "", "")
			failOnce(p, op)
			if err := store(p.Dir, "in-place", "the failed upload"); !errors.Is(err, syscall.EIO) {
				t.Fatalf("%s: error %v", op, err)
			}
			want := "the failed upload"
			if op == "truncate" { // the first change: nothing was written
				want = "the old content"
			}
			if err := read(p.Dir, "in-place"); (err == nil) != (op == "truncate") {
				t.Errorf("%s: read while half written: %v", op, err)
			}
			if next != "" {
				if want = next; store(p.Dir, "in-place", next) != nil {
					t.Errorf("%s: the next upload failed", op)
				}
			}
			if err := p.Sweep(); err != nil {
				t.Errorf("%s: %v", op, err)
			}
			got, err := os.ReadFile(filepath.Join(p.Root.Name(), "in-place"))
			if err != nil || string(got) != want || read(p.Dir, "in-place") != nil {
				t.Errorf("%s: the file has %q, want %q; %v", op, got, want, err)
			}
			if left := leftovers(t, filepath.Dir(p.Root.Name()), ".flashwarden-"); left != nil {
				t.Errorf("%s: left: %q", op, left)
			}
		}
	}
}

// testChangedAfterCrash has a complete upload that a crash has interrupted while it was
// written into the file. Only a file that holds a part of it and nothing else is
// completed. Every other one was changed by somebody: it stays, and so does the upload.
func testChangedAfterCrash(t *testing.T) {
	const upload = "the interrupted upload\n"
	for _, c := range []struct {
		now       string
		completed bool
	}{
		{upload[:9], true},
		{"", true},
		{upload, true},
		{"the \x00\x00\x00\x00\x00rupted\x00\x00\x00", true},
		{"another content", false},
		{upload + "and a line by hand\n", false},
		{upload[:9] + "?", false},
		{"absent", false},
	} {
		top := stagingDir(t)
		f := filepath.Join(top, "root/f")
		err := os.WriteFile(filepath.Join(top, "staging/.flashwarden-complete-1-2"), []byte("f\n"+upload), 0o600)
		if c.now != "absent" {
			err = errors.Join(err, os.WriteFile(f, []byte(c.now), 0o666))
		}
		if err != nil {
			t.Fatal(err)
		}
		d := dirIn(t, top)
		err = d.Sweep()
		got, readErr := os.ReadFile(f)
		kept := leftovers(t, top, ".flashwarden-")
		switch {
		case c.completed:
			if err != nil || kept != nil || string(got) != upload {
				t.Errorf("%q became %q, left %q, %v", c.now, got, kept, err)
			}
			continue
		case c.now != "absent" && string(got) != c.now, c.now == "absent" && !errors.Is(readErr, fs.ErrNotExist):
			t.Errorf("%q became %q", c.now, got)
		case len(kept) != 1 || err == nil || !strings.Contains(err.Error(), "kept as "+kept[0]):
			t.Errorf("%q: left %q, %v", c.now, kept, err)
			continue
		}
		if aside, err := os.ReadFile(kept[0]); string(aside) != "f\n"+upload {
			t.Errorf("%q: kept %q, %v", c.now, aside, err)
		}
		if err := d.Sweep(); err != nil { // reported once
			t.Errorf("%q: %v", c.now, err)
		}
	}
}

// testTwoFileSystems writes into a file and reads one with the same inode number on
// another file system.
func testTwoFileSystems(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("mount needs root")
	}
	p := newPowerDir(t, "", "")
	var inodes []uint64
	for _, name := range []string{"a", "b"} {
		dir := filepath.Join(p.Root.Name(), name)
		if err := errors.Join(os.Mkdir(dir, 0o755), unix.Mount("none", dir, "tmpfs", 0, "")); err != nil {
			t.Skipf("no tmpfs here: %v", err)
		}
		t.Cleanup(func() {
			if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
		f := filepath.Join(dir, "f")
		var s unix.Stat_t
		if err := errors.Join(os.WriteFile(f, []byte("old"), 0o644), os.Link(f, f+"2"), unix.Stat(f, &s)); err != nil {
			t.Fatal(err)
		}
		inodes = append(inodes, s.Ino)
	}
	if inodes[0] != inodes[1] {
		t.Skipf("this kernel numbers the inodes %d and %d", inodes[0], inodes[1])
	}
	p.disk.Fault(func(op, path string) error {
		if op == "write" && strings.HasSuffix(path, "/a/f") {
			return read(p.Dir, "b/f")
		}
		return nil
	})
	if err := store(p.Dir, "a/f", "new"); err != nil {
		t.Error(err)
	}
}

// read opens a file as the server does for a peer.
func read(d *tftp.Dir, name string) error {
	r, err := d.OpenRead(context.Background(), &tftp.Request{Op: tftp.Read, Filename: name})
	if err != nil {
		return err
	}
	return r.Close()
}

// testNotReadMeanwhile reads a file while an upload is written into it: before, with
// both links of the file; and with a transfer that has begun earlier.
func testNotReadMeanwhile(t *testing.T) {
	p := newPowerDir(t, "", "")
	open, err := p.OpenRead(context.Background(), &tftp.Request{Op: tftp.Read, Filename: "in-place"})
	if err != nil {
		t.Fatal(err)
	}
	defer open.Close()
	half := make([]byte, 5)
	for range 2 { // the file stays open from the second one on
		if _, err := open.ReadAt(half, 0); err != nil {
			t.Fatal(err)
		}
	}
	writes := 0
	p.disk.Fault(func(op, path string) error {
		if op != "write" || !strings.HasSuffix(path, "/in-place") {
			return nil
		}
		writes++
		for _, name := range []string{"in-place", "second-link"} {
			var e *tftp.Error
			if err := read(p.Dir, name); !errors.As(err, &e) || e.Code != tftp.CodeAccess {
				t.Errorf("%s: %v", name, err)
			}
		}
		return nil
	})
	if err := store(p.Dir, "in-place", "the new content"); err != nil || writes == 0 {
		t.Fatalf("%d writes, %v", writes, err)
	}
	if _, err := open.ReadAt(half, 5); err == nil {
		t.Errorf("the second half of the file is %q: another content", half)
	}
	if err := read(p.Dir, "in-place"); err != nil {
		t.Error(err)
	}
}
