package dir

import (
	"context"
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"flashwarden/internal/vault"
)

// inMemory reports whether a file can be read without its disk.
func inMemory(t *testing.T, path string) bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n, err := unix.Preadv2(int(f.Fd()), [][]byte{make([]byte, 8)}, 0, unix.RWF_NOWAIT)
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP):
		t.Skip("this file system does not say which pages are in memory")
	case err != nil && !errors.Is(err, syscall.EAGAIN):
		t.Fatal(err)
	}
	return n > 0
}

// TestForget drops a content from the memory of this host.
func TestForget(t *testing.T) {
	k := newVault(t)
	var fs unix.Statfs_t
	if err := unix.Statfs(k.dir.path, &fs); err != nil {
		t.Fatal(err)
	}
	if fs.Type == unix.TMPFS_MAGIC {
		t.Skip("the temporary directory has no disk")
	}
	putSnapshot(t, k, "sw1", "an image")
	path := k.blobPath(sumOf("an image"))
	if _, err := os.ReadFile(path); err != nil || !inMemory(t, path) {
		t.Skipf("the content is not in memory: error %v", err)
	}
	if err := k.dir.Forget(t.Context(), vault.BlobKey(sumOf("an image"))); err != nil || inMemory(t, path) {
		t.Errorf("error %v, still in memory %v", err, inMemory(t, path))
	}
	if err := k.dir.Forget(t.Context(), vault.BlobKey(sumOf("none"))); !errors.Is(err, vault.ErrNotFound) {
		t.Errorf("no content: error %v; want ErrNotFound", err)
	}
}

// TestForgetWithoutAdvice: a signal and a file system without posix_fadvise do not
// make a proof fail.
func TestForgetWithoutAdvice(t *testing.T) {
	for _, test := range []struct {
		answers []error
		want    error
	}{
		{[]error{nil}, nil},
		{[]error{syscall.EINTR, syscall.EINTR, nil}, nil},
		{[]error{syscall.EINTR, syscall.EIO}, syscall.EIO},
		{[]error{syscall.ENOSYS}, nil},
		{[]error{syscall.EOPNOTSUPP}, nil},
		{[]error{syscall.EINVAL}, nil},
	} {
		calls := 0
		err := dropPages(func() error { calls++; return test.answers[calls-1] })
		if !errors.Is(err, test.want) || calls != len(test.answers) {
			t.Errorf("%v: error %v after %d calls; want %v", test.answers, err, calls, test.want)
		}
	}
}

// forgetting counts the calls of Forget.
type forgetting struct {
	*Store
	calls atomic.Int64
}

// Forget implements vault.Forgetter.
func (f *forgetting) Forget(ctx context.Context, key string) error {
	f.calls.Add(1)
	return f.Store.Forget(ctx, key)
}

// TestProofsComeFromTheDisk: check and mirror do not take the memory of this host
// for the disk.
func TestProofsComeFromTheDisk(t *testing.T) {
	k := newVault(t)
	putSnapshot(t, k, "sw1", "an image")
	f := &forgetting{Store: k.dir}
	if _, err := vault.New(f).Check(t.Context(), vault.CheckOptions{ReadData: true}); err != nil || f.calls.Load() != 1 {
		t.Errorf("check forgot %d of one content, error %v", f.calls.Load(), err)
	}
	to := &forgetting{Store: mirrorOf(t, newVault(t))}
	if err := os.Remove(to.path + "/" + vault.IdentityKey); err != nil {
		t.Fatal(err)
	}
	mirror(t, k, to, true)
	if to.calls.Load() != 2 {
		t.Errorf("mirror forgot %d of a content and a document", to.calls.Load())
	}
}
