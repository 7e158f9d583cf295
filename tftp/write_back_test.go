//go:build linux

package tftp

import (
	"errors"
	"os"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

// slowDisk writes 100 MB/s, one thing after the other.
type slowDisk struct {
	busy  time.Time           // until then
	ready map[int64]time.Time // when the writing of the range at this offset ends
}

const diskRate = 100_000_000 // bytes/s

func (d *slowDisk) write(n int64) time.Time {
	if now := time.Now(); d.busy.Before(now) {
		d.busy = now
	}
	d.busy = d.busy.Add(time.Duration(n) * time.Second / diskRate)
	return d.busy
}

func (d *slowDisk) rangeSync(_ uintptr, off, n int64, flags int) error {
	if d.ready[off].IsZero() {
		d.ready[off] = d.write(n)
	}
	if flags&unix.SYNC_FILE_RANGE_WAIT_AFTER != 0 {
		time.Sleep(time.Until(d.ready[off]))
	}
	return nil
}

// TestFinalSyncIsShort receives an image of 500 MB faster than the disk writes.
// The final fsync must end while the sender still waits for the last ACK.
func TestFinalSyncIsShort(t *testing.T) {
	for name, interval := range map[string]time.Duration{"1 GB/s": 64 * time.Microsecond, "50 MB/s": 1280 * time.Microsecond} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := &slowDisk{ready: map[int64]time.Time{}}
				b := &WriteBack{rangeSync: d.rangeSync}
				const image, chunk = 500_000_000, 64_000
				var size int64
				for size < image {
					size += chunk
					if err := b.Written(0, size); err != nil {
						t.Fatal(err)
					}
					time.Sleep(interval)
				}
				fsync := time.Until(d.write(size - b.begun))
				if fsync > 500*time.Millisecond {
					t.Errorf("the final fsync takes %v", fsync)
				}
			})
		})
	}
}

// TestWriteBackErrors passes on that the disk failed, and nothing else.
func TestWriteBackErrors(t *testing.T) {
	for want, errs := range map[error][]error{unix.EIO: {unix.EIO}, unix.ENOSPC: {unix.ENOSPC}, nil: {nil, unix.ENOSYS, unix.EINVAL, unix.ESPIPE}} {
		for _, err := range errs {
			b := &WriteBack{rangeSync: func(uintptr, int64, int64, int) error { return err }}
			if got := b.Written(0, 3*writeBackStep); !errors.Is(got, want) {
				t.Errorf("%v: got %v", err, got)
			}
		}
	}
}

// TestUploadsAreWrittenBack: Dir begins to write a large upload to the disk while it
// arrives, and gives the upload up if the disk fails.
func TestUploadsAreWrittenBack(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	d := &Dir{Root: root, Create: true}
	w, err := d.OpenWrite(t.Context(), &Request{Op: Write, Filename: "f", Size: -1})
	if err != nil {
		t.Fatal(err)
	}
	var begun []int64
	w.(*dirWriter).back.rangeSync = func(_ uintptr, off, _ int64, _ int) error {
		begun = append(begun, off)
		return unix.EIO
	}
	block := make([]byte, writeBackStep-1)
	if _, err := w.Write(block); err != nil || len(begun) > 0 {
		t.Errorf("before a whole step: %v, began at %v", err, begun)
	}
	if _, err := w.Write(block[:1]); !errors.Is(err, unix.EIO) || !slices.Equal(begun, []int64{0}) {
		t.Errorf("after a whole step: %v, began at %v", err, begun)
	}
	w.Abort(nil)
}
