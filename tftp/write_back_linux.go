package tftp

import (
	"errors"

	"golang.org/x/sys/unix"
)

// writeBackStep is how much a file may grow before its writing to the disk starts,
// in bytes. The last fsync finds at most three steps of it unwritten: on a disk
// that writes 100 MB/s they take a quarter of a second, where a whole image takes
// longer than its sender waits for the last ACK.
const writeBackStep = 8 << 20

// WriteBack lets the kernel write a growing file to the disk early and steadily, so
// that the final fsync is short. It is for Writers that store large files. It does
// nothing on other systems than Linux. The zero value is ready to use.
type WriteBack struct {
	begun int64 // bytes whose writing has begun

	// rangeSync replaces sync_file_range(2) in tests; nil: the system call.
	rangeSync func(fd uintptr, off, n int64, flags int) error
}

// Written reports that the file fd has grown to size bytes without a gap. It waits
// while the disk is behind by more than a step. An error means that the kernel
// could not store the file: the caller must give it up, because fsync(2) may not
// report the error again.
func (b *WriteBack) Written(fd uintptr, size int64) error {
	for size-b.begun >= writeBackStep {
		if err := b.sync(fd, b.begun, unix.SYNC_FILE_RANGE_WRITE); err != nil {
			return err
		}
		if last := b.begun - writeBackStep; last >= 0 {
			const wait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
			if err := b.sync(fd, last, wait); err != nil {
				return err
			}
		}
		b.begun += writeBackStep
	}
	return nil
}

func (b *WriteBack) sync(fd uintptr, off int64, flags int) error {
	call := b.rangeSync
	if call == nil {
		call = func(fd uintptr, off, n int64, flags int) error { return unix.SyncFileRange(int(fd), off, n, flags) }
	}
	err := call(fd, off, writeBackStep, flags)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ESPIPE) {
		return nil // a file system without it
	}
	return err
}
