//go:build linux

package tftp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashwarden/tftp"
)

// TestDirectory runs section B of the conformance cases and the cases of other
// sections that need files, against a Dir.
func TestDirectory(t *testing.T) {
	reads := []struct {
		name, file string
		code       uint16
	}{
		{"011 missing file", "nope", 1},
		{"011 missing directory", "no/pe", 1},
		{"012 directory", "dir", 2},
		{"012 directory with slash", "dir/", 2},
		{"013 unreadable file", "private", 2},
		{"014 fifo", "fifo", 2},
		{"014 socket", "socket", 2},
		{"014 device", "null", 2},
		{"017 control characters", "a\n\x1b[31m", 2},
		{"017 control characters of Latin 1", "a\u0085b", 2},
		{"018 long name", strings.Repeat("x", 400), 2},
		{"018 long path", strings.Repeat("x/", 600), 2},
		{"030 traversal", "../secret", 2},
		{"030 traversal below a slash", "/../secret", 2},
		{"030 traversal from a directory", "dir/../../secret", 2},
		{"030 two dots", "..", 2},
		{"030 directory and two dots", "dir/..", 2},
		{"032 absolute path", "/etc/passwd", 1},
		{"033 symlink out of the root", "link", 2},
		{"033 symlinked directory out of the root", "updir/secret", 2},
		{"033 absolute symlink", "abslink", 2},
		{"033 symlinked directory, then out", "updir/root/../../secret", 2},
		{"033 symlink to itself", "loop", 2},
		{"035 prefix sibling", "../root-sibling/f", 2},
		{"037 temporary name", ".flashwarden-upload-abc", 2},
		{"037 hidden file", ".hidden", 2},
		{"037 hidden directory", "dir/.hidden/f", 2},
	}
	for _, c := range reads {
		t.Run(c.name, func(t *testing.T) {
			w, root := serveDir(t, tftp.Dir{Public: true, Create: true})
			p := w.peer()
			p.request(rrq(c.file, "octet"))
			if text := p.expectError(c.code); strings.Contains(text, root) || strings.Contains(text, "openat") {
				t.Errorf("the text reveals a path of the server: %q", text)
			}
			before := tree(t, filepath.Dir(root))
			if c.code == 1 && !strings.Contains(c.file, "/") {
				return // with Create that may be written
			}
			p.request(wrq(c.file, "octet"))
			p.expectError(c.code)
			if after := tree(t, filepath.Dir(root)); after != before {
				t.Errorf("the write request left\n%s\nof\n%s", after, before)
			}
		})
	}
	t.Run("029 writes are off", func(t *testing.T) {
		w, root := serveDir(t, tftp.Dir{ReadOnly: true, Create: true})
		refusedWrite(t, w, root, "new", 2)
		refusedWrite(t, w, root, "f", 2)
	})
	t.Run("029 new files are off", func(t *testing.T) {
		w, root := serveDir(t, tftp.Dir{})
		refusedWrite(t, w, root, "new", 1)
	})
	t.Run("029 link to nothing", func(t *testing.T) {
		w, root := serveDir(t, tftp.Dir{Create: true})
		if err := os.Symlink("nothing", filepath.Join(root, "new")); err != nil {
			t.Fatal(err)
		}
		refusedWrite(t, w, root, "new", 2)
	})
	t.Run("029 not for everybody to write", func(t *testing.T) {
		w, root := serveDir(t, tftp.Dir{Public: true})
		refusedWrite(t, w, root, "f", 2)
	})
	t.Run("033 symlinks inside the root", testLinksInside)
	t.Run("036 names of other spellings", testSpellings)
	t.Run("034 symlink swapped in", testSymlinkRace)
	t.Run("038 read while it is written", testReadDuringUpload)
	t.Run("060 more announced than there is room", func(t *testing.T) {
		w, root := serveDir(t, tftp.Dir{Create: true})
		refusedWrite(t, w, root, "new", 3, "tsize", "10000000000000000")
		w, root = serveDir(t, tftp.Dir{Create: true, MaxUpload: 1000})
		refusedWrite(t, w, root, "new", 3, "tsize", "1001")
	})
	t.Run("100 stored with its final ACK", testStoredWithACK)
	t.Run("101 102 disk full", testDiskFull)
	t.Run("104 existing file", testExistingFile)
	t.Run("106 107 broken off", testBrokenOff)
	t.Run("108 larger than the limit", func(t *testing.T) {
		w, root := serveDir(t, tftp.Dir{Create: true, MaxUpload: 1000})
		p := w.peer()
		before := tree(t, root)
		p.request(wrq("new", "octet"))
		p.expect(ack(0))
		p.store(content(1, 2000), 512, 1, 2)
		p.send(data(2, content(1, 1024)[512:])) // not the end of the file
		p.expectError(3)
		p = w.peer()
		p.request(wrq("new", "octet"))
		p.expect(ack(0))
		p.store(content(1, 1001), 512, 1, 2)
		p.send(data(2, content(1, 1001)[512:]))
		p.expectError(3)
		w.stop()
		if after := tree(t, root); after != before {
			t.Errorf("left:\n%s", after)
		}
	})
	t.Run("110 two uploads of one name at once", testTwoUploads)
	t.Run("129 sweep at the start", testSweep)
	t.Run("129 sweep leaves foreign files", testSweepForeign)
}

// serveDir serves a directory with a bit of everything. It gives its path; the
// directory above it is the test's own as well.
func serveDir(t *testing.T, d tftp.Dir) (*world, string) {
	t.Helper()
	top := t.TempDir()
	root := filepath.Join(top, "root")
	for _, dir := range []string{"root/dir/.hidden", "root-sibling"} {
		if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for name, mode := range map[string]fs.FileMode{
		"root/f": 0o644, "root/dir/f": 0o644, "root/private": 0o600, "root/.hidden": 0o644,
		"root/.flashwarden-upload-abc": 0o644, "root/dir/.hidden/f": 0o644, "secret": 0o644, "root-sibling/f": 0o644,
	} {
		if err := os.WriteFile(filepath.Join(top, name), []byte("old content"), mode); err != nil {
			t.Fatal(err)
		}
	}
	for link, target := range map[string]string{"link": "../secret", "updir": "..", "abslink": filepath.Join(top, "secret"), "loop": "loop"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	special(t, root)
	r, err := os.OpenRoot(root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	d.Root = r
	return onLoopback(t, &tftp.Server{Handler: &d}), root
}

// special creates a named pipe, a socket and a device.
func special(t *testing.T, root string) {
	t.Helper()
	if err := syscall.Mkfifo(filepath.Join(root, "fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mknod(filepath.Join(root, "socket"), syscall.S_IFSOCK|0o666, 0); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mknod(filepath.Join(root, "null"), syscall.S_IFCHR|0o666, 1<<8|3); err != nil {
		if err := os.Symlink("/dev/null", filepath.Join(root, "null")); err != nil { // no right to make devices
			t.Fatal(err)
		}
	}
}

// tree lists the contents of a directory.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		fmt.Fprintln(&b, path, info.Mode())
		if info.Mode().IsRegular() {
			body, err := os.ReadFile(path)
			fmt.Fprintf(&b, "  %d bytes %.20q %v\n", len(body), body, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// refusedWrite checks that a write request gets an ERROR and changes nothing.
func refusedWrite(t *testing.T, w *world, root, name string, code uint16, options ...string) {
	t.Helper()
	before := tree(t, root)
	p := w.peer()
	p.request(wrq(name, "octet", options...))
	p.expectError(code)
	if after := tree(t, root); after != before {
		t.Errorf("left\n%s\nof\n%s", after, before)
	}
}

// testSymlinkRace reads a name that alternates between a file and a link out of the
// root. The request may be refused, but must never return the secret.
func testSymlinkRace(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{})
	if err := os.WriteFile(filepath.Join(root, "..", "secret"), []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		name, file, link := filepath.Join(root, "turns"), filepath.Join(root, "a"), filepath.Join(root, "b")
		for {
			select {
			case <-stop:
				return
			default:
			}
			os.WriteFile(file, []byte("public"), 0o644)
			os.Rename(file, name)
			os.Symlink("../secret", link)
			os.Rename(link, name)
		}
	}()
	for range 300 {
		p := w.peer()
		p.request(rrq("turns", "octet"))
		if got := p.recv(p.soon()); bytes.Contains(got, []byte("secret")) {
			t.Fatal("the secret came out")
		}
		p.c.Close()
	}
	close(stop)
	<-stopped
}

func testReadDuringUpload(t *testing.T) {
	w, _ := serveDir(t, tftp.Dir{Create: true})
	for name, want := range map[string][]byte{"new": nil, "f": []byte("old content")} {
		up, down := w.peer(), w.peer()
		up.request(wrq(name, "octet"))
		up.expect(ack(0))
		body := content(1, 100_000)
		up.store(body, 512, 1, 150)
		down.request(rrq(name, "octet"))
		if want == nil {
			down.expectError(1)
		} else {
			down.expect(data(1, want))
			down.send(ack(1))
		}
		up.store(body, 512, 150, blocks(body, 512)+1)
		down = w.peer()
		down.request(rrq(name, "octet"))
		if got := down.fetch(512); !bytes.Equal(got, body) {
			t.Errorf("%s: got %d bytes after the upload", name, len(got))
		}
	}
}

func testStoredWithACK(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{Create: true})
	for _, n := range []int{0, 5, 512, 300_000} {
		body := content(uint64(n), n)
		p := w.peer()
		p.request(wrq("dir/new", "octet"))
		p.expect(ack(0))
		p.store(body, 512, 1, blocks(body, 512)+1)
		got, err := os.ReadFile(filepath.Join(root, "dir/new"))
		if err != nil || !bytes.Equal(got, body) {
			t.Errorf("%d bytes: stored %d, %v", n, len(got), err)
		}
	}
	if strings.Count(tree(t, root), tftp.TempPrefix) != 1 {
		t.Errorf("left:\n%s", tree(t, root))
	}
}

// testDiskFull uploads to a file system of 64 KB.
func testDiskFull(t *testing.T) {
	if !inNamespace(t, "--mount") {
		return
	}
	dir := t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	defer syscall.Unmount(dir, 0)
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	w := onLoopback(t, &tftp.Server{Handler: &tftp.Dir{Root: root, Create: true}})
	for _, n := range []int{66_000, 300_000} { // over on the last block, and in the middle
		c := w.client()
		_, err := c.Put(context.Background(), w.server, "new", bytes.NewReader(content(1, n)), -1)
		var e *tftp.Error
		if !errors.As(err, &e) || e.Code != tftp.CodeDiskFull {
			t.Errorf("%d bytes: %v", n, err)
		}
		eventually(t, func() bool { return strings.Count(tree(t, dir), "\n") == 1 })
	}
	w.stop()
}

// eventually waits until something becomes true.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("it did not come true in a minute")
		}
	}
}

func testExistingFile(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{})
	name := filepath.Join(root, "f")
	if err := os.Chmod(name, 0o606); err != nil {
		t.Fatal(err)
	}
	old := func() {
		t.Helper()
		if got, _ := os.ReadFile(name); string(got) != "old content" {
			t.Fatalf("the old file is %.20q", got)
		}
	}
	p := w.peer()
	body := content(1, 1300)
	p.request(wrq("f", "octet"))
	p.expect(ack(0))
	old()
	p.store(body, 512, 1, 3)
	old()
	p.store(body, 512, 3, 4)
	info, err := os.Stat(name)
	got, _ := os.ReadFile(name)
	if err != nil || !bytes.Equal(got, body) || info.Mode() != 0o606 {
		t.Errorf("now %d bytes, %v, %v", len(got), info.Mode(), err)
	}
}

func testBrokenOff(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{Create: true})
	before := tree(t, root)
	for _, name := range []string{"f", "new"} {
		p := w.peer()
		body := content(1, 200_000)
		p.request(wrq(name, "octet"))
		p.expect(ack(0))
		p.store(body, 512, 1, 300)
		if name == "f" {
			p.send(failure(0, "bye"))
		}
	}
	w.events.done(t, 1)
	w.stop()
	if after := tree(t, root); after != before {
		t.Errorf("left\n%s\nof\n%s", after, before)
	}
}

func testTwoUploads(t *testing.T) {
	w, root := serveDir(t, tftp.Dir{Create: true})
	bodies := [][]byte{content(1, 90_000), content(2, 120_000)}
	var wg sync.WaitGroup
	for _, body := range bodies {
		wg.Go(func() {
			c := w.client()
			if _, err := c.Put(context.Background(), w.server, "new", bytes.NewReader(body), -1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := os.ReadFile(filepath.Join(root, "new"))
	if err != nil || !bytes.Equal(got, bodies[0]) && !bytes.Equal(got, bodies[1]) {
		t.Errorf("%d bytes that are neither upload, %v", len(got), err)
	}
}
