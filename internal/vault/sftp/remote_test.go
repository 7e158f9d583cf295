package sftp

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"

	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
	"flashwarden/internal/vault/vaulttest"
)

// requests are the types of requests in draft-ietf-secsh-filexfer-02, section 3.
var requests = map[byte]string{3: "open", 6: "write", 10: "fsetstat", 13: "remove", 14: "mkdir", 18: "rename"}

// recorder passes a stream of requests on, and notes those that change
// something.
type recorder struct {
	io.WriteCloser

	mu    sync.Mutex
	bytes []byte
	seen  []string
}

// Write implements io.Writer.
func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.bytes = append(r.bytes, p...)
	for len(r.bytes) >= 4 && len(r.bytes) >= 4+int(binary.BigEndian.Uint32(r.bytes)) {
		size := int(binary.BigEndian.Uint32(r.bytes))
		r.note(r.bytes[4 : 4+size])
		r.bytes = r.bytes[4+size:]
	}
	r.mu.Unlock()
	return r.WriteCloser.Write(p)
}

func (r *recorder) note(packet []byte) {
	if packet[0] == 200 { // SSH_FXP_EXTENDED
		name := packet[9 : 9+binary.BigEndian.Uint32(packet[5:9])]
		r.seen = append(r.seen, strings.TrimSuffix(string(name), "@openssh.com"))
	} else if name := requests[packet[0]]; name != "" {
		r.seen = append(r.seen, name)
	}
}

// recorded returns the notes since the last call.
func (r *recorder) recorded() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen := r.seen
	r.seen = nil
	return seen
}

// openRecorded is open with a recorder.
func openRecorded(t *testing.T, path string) (*Store, *recorder) {
	t.Helper()
	open(t, path) // is there a server?
	cmd := exec.Command(sftpServer)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r := &recorder{WriteCloser: in}
	client, err := sftp.NewClientPipe(out, r)
	if err != nil {
		t.Fatal(err)
	}
	s := once(client, path, cmd.Wait)
	t.Cleanup(func() { s.Close() })
	return s, r
}

// TestSyncedBeforePowerCut: the server is asked to sync a file before it gets its
// name, and then the directory of the name. Package dir proves that this order
// survives power cuts.
func TestSyncedBeforePowerCut(t *testing.T) {
	s, r := openRecorded(t, filepath.Join(t.TempDir(), "vault"))
	if err := s.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	put := func(content string) {
		t.Helper()
		if err := s.Put(t.Context(), vault.BlobKey(strings.Repeat("a", 64)), strings.NewReader(content), int64(len(content))); err != nil {
			t.Fatal(err)
		}
	}
	r.recorded()
	put("an image")
	write := []string{"open", "fsetstat", "write", "fsetstat", "fsync"} // its mode when it is empty, and at the end
	if got := r.recorded(); !slices.Equal(got[:len(write)], write) ||
		!slices.Equal(got[len(got)-4:], []string{"hardlink", "open", "fsync", "remove"}) {
		t.Errorf("put: %q", got)
	}
	if err := s.Replace(t.Context(), vault.BlobKey(strings.Repeat("a", 64)), strings.NewReader("other"), 5); err != nil {
		t.Fatal(err)
	}
	if got := r.recorded(); !slices.Equal(got, append(slices.Clone(write), "posix-rename", "open", "fsync")) {
		t.Errorf("replace: %q", got)
	}
	if err := s.Delete(t.Context(), vault.BlobKey(strings.Repeat("a", 64))); err != nil {
		t.Fatal(err)
	}
	if got := r.recorded(); !slices.Equal(got, []string{"remove", "open", "fsync"}) {
		t.Errorf("delete: %q", got)
	}
}

// openPlain returns the store in a directory, over a server with these
// extensions alone.
func openPlain(t *testing.T, path string, extensions ...string) *Store {
	t.Helper()
	if err := sftp.SetSFTPExtensions(extensions...); err != nil {
		t.Fatal(err)
	}
	ours, theirs := net.Pipe()
	server, err := sftp.NewServer(theirs)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve() }()
	client, err := sftp.NewClientPipe(ours, ours)
	if err != nil {
		t.Fatal(err)
	}
	s := once(client, path, func() error { <-ended; return nil })
	t.Cleanup(func() { s.Close() })
	if err := s.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	if s.Synced() {
		t.Error("a server that cannot sync counts as one that does")
	}
	return s
}

// TestServerThatCannotSync has a server without fsync@openssh.com.
func TestServerThatCannotSync(t *testing.T) {
	testlevel.NeedFull(t, "TestServerWithoutLinks")
	vaulttest.Test(t, func(t *testing.T) vault.Store {
		return openPlain(t, filepath.Join(t.TempDir(), "vault"), extLink)
	})
}

// TestServerWithoutLinks has a server without any extension.
func TestServerWithoutLinks(t *testing.T) {
	s := openPlain(t, filepath.Join(t.TempDir(), "vault"))
	key := vault.BlobKey(strings.Repeat("a", 64))
	put := func(content string) error {
		return s.Put(t.Context(), key, strings.NewReader(content), int64(len(content)))
	}
	if s.Synced() {
		t.Error("a server without the extension syncs")
	}
	if err := put("an image"); err != nil {
		t.Fatal(err)
	}
	if err := put("other"); !errors.Is(err, vault.ErrExists) {
		t.Errorf("error %v; want ErrExists", err)
	}
	if err := s.Replace(t.Context(), key, strings.NewReader("new"), 3); err != nil {
		t.Fatal(err)
	}
	if info, err := s.Stat(t.Context(), key); err != nil || info.Size != 3 {
		t.Errorf("%+v, error %v", info, err)
	}
}

// TestModes: nobody else on the server may read the files of the store, not even
// while it is written.
func TestModes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault")
	s := open(t, path)
	if err := s.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := vault.BlobKey(strings.Repeat("a", 64))
	looks := lookingReader{look: func() {
		tmp, err := filepath.Glob(filepath.Join(path, "tmp", "*"))
		if err != nil || len(tmp) != 1 {
			t.Fatalf("tmp/ has %q, error %v", tmp, err)
		}
		wantMode(t, tmp[0], 0o600)
	}}
	if err := s.Put(t.Context(), key, looks, 0); err != nil {
		t.Fatal(err)
	}
	wantMode(t, filepath.Join(path, key), 0o400)
	for dir := filepath.Dir(filepath.Join(path, key)); dir != filepath.Dir(path); dir = filepath.Dir(dir) {
		wantMode(t, dir, 0o700)
	}
}

// lookingReader is empty, and looks around when it is read.
type lookingReader struct{ look func() }

// Read implements io.Reader.
func (r lookingReader) Read([]byte) (int, error) { r.look(); return 0, io.EOF }

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has the mode %04o, want %04o", path, got, want)
	}
}

// TestConnectionIsLost: a lost connection is no answer.
func TestConnectionIsLost(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "vault"))
	if err := s.Make(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.connection.now.client.Close()
	s.connection.dial = func() (*remote, error) { return nil, errors.New("no route to host") }
	v := vault.New(s)
	if has, err := v.HasBlob(t.Context(), strings.Repeat("a", 64), 8); has || err == nil {
		t.Errorf("HasBlob %v, error %v; want that it cannot say", has, err)
	}
	if _, _, err := v.Put(t.Context(), []byte("an image")); err == nil {
		t.Error("put without a connection")
	}
	if _, err := v.Names(t.Context()); err == nil {
		t.Error("listed without a connection")
	}
}
