package spool

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/internal/disk"
	"flashwarden/tftp"
)

// upload is the tftp.Writer of one ticket. It computes the digests while it
// receives, so that the file is never read again.
type upload struct {
	ticket  *Ticket
	request *tftp.Request
	size    int64 // bytes expected; -1: not known
	file    disk.File
	back    tftp.WriteBack
	md5     hash.Hash
	sha256  hash.Hash
	bytes   int64
	began   time.Time
	refused bool // Write has ended the transfer
}

// newUpload creates the ticket's file. A request for a name that nobody can guess
// also reserves the space: so the device gets the error of a full disk before it
// sends data. Any other request may be forged, and reserves nothing. The caller
// holds the ticket's lock.
func newUpload(t *Ticket, r *tftp.Request, size int64) (*upload, error) {
	f, err := t.spool.disk.OpenFile(t.partial(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, storageError(err)
	}
	if t.rule == nil {
		if err := reserve(f, size); err != nil {
			return nil, storageError(errors.Join(err, f.Close(), t.spool.disk.Remove(t.partial())))
		}
	}
	return &upload{ticket: t, request: r, size: size, began: time.Now(), file: f, md5: md5.New(), sha256: sha256.New()}, nil
}

// reserve reserves the space of a file where the file system can. It first looks at
// the free space: a file system in memory takes all memory before it says that it is
// full.
func reserve(f disk.File, size int64) error {
	if size <= 0 {
		return nil
	}
	var st unix.Statfs_t
	known := unix.Fstatfs(int(f.Fd()), &st) == nil && st.Blocks > 0
	if known && size/int64(st.Bsize) > int64(st.Bavail) {
		return fmt.Errorf("reserve %d bytes: %w", size, unix.ENOSPC)
	}
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// storageError wraps err, as ErrFull if the file system or a quota is full.
func storageError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("write to spool: %w", err)
}

// Limit implements tftp.Limiter: the expected or permitted size, in bytes.
func (u *upload) Limit() int64 {
	switch {
	case u.size >= 0:
		return u.size
	case u.ticket.rule != nil:
		return u.ticket.rule.MaxSize
	}
	return 0
}

// Write stores p. It ends the transfer if there are more bytes than expected or
// permitted, or if the ticket was closed.
func (u *upload) Write(p []byte) (int, error) {
	if u.ticket.over() {
		return 0, u.refuse(ErrClosed)
	}
	total := u.bytes + int64(len(p))
	if u.size >= 0 && total > u.size {
		return 0, u.refuse(fmt.Errorf("%w: more than %d bytes arrived", ErrSize, u.size))
	}
	if rule := u.ticket.rule; rule != nil && total > rule.MaxSize {
		return 0, u.refuse(fmt.Errorf("%w: more than %d bytes arrived", ErrTooLarge, rule.MaxSize))
	}
	if u.bytes == 0 && u.ticket.rule != nil { // the peer has proved its address: it answered ours
		if err := reserve(u.file, u.size); err != nil {
			return 0, u.refuse(storageError(err))
		}
	}
	n, err := u.file.Write(p)
	u.md5.Write(p[:n])
	u.sha256.Write(p[:n])
	u.bytes += int64(n)
	if err == nil {
		err = u.back.Written(u.file.Fd(), u.bytes)
	}
	if err != nil {
		return n, u.refuse(storageError(err))
	}
	u.ticket.mu.Lock()
	u.ticket.evidence.Bytes = max(u.ticket.evidence.Bytes, u.bytes)
	u.ticket.mu.Unlock()
	return n, nil
}

// refuse ends the transfer because of err and returns the error for the device.
// It removes the partial file first, because the device may try again at once.
func (u *upload) refuse(err error) error {
	err = errors.Join(err, u.discard())
	t := u.ticket
	t.mu.Lock()
	defer t.mu.Unlock()
	u.refused = true
	t.upload, t.evidence.Running = nil, 0
	t.fail(err)
	return t.wire(err)
}

// discard removes the partial file.
func (u *upload) discard() error {
	return errors.Join(u.file.Close(), u.ticket.spool.removeIfThere(u.ticket.partial()))
}

// Commit checks the size, syncs the file and its name, and passes the file to the
// ticket. A file of Receive or Rule is passed to Keep first.
func (u *upload) Commit() error {
	f, err := u.store()
	if err == nil {
		err = u.keep(f)
	}
	t := u.ticket
	t.mu.Lock()
	defer t.mu.Unlock()
	t.upload, t.evidence.Running = nil, 0
	if err != nil {
		t.fail(errors.Join(err, t.remove()))
		return t.wire(err)
	}
	if t.over() && t.rule == nil { // closed meanwhile: the file is not needed
		return errors.Join(t.wire(ErrClosed), t.remove())
	}
	t.evidence.Complete++
	t.end(f, nil)
	return nil
}

// keep calls Keep for a file of Receive or Rule, before the final ACK.
func (u *upload) keep(f *File) error {
	if u.ticket.rule == nil {
		return nil
	}
	if u.ticket.over() {
		return ErrClosed
	}
	if err := u.ticket.rule.Keep(u.request, f); err != nil {
		return err
	}
	return u.ticket.spool.removeIfThere(f.Path)
}

// store completes the file: size check, fsync, rename, fsync of the directory.
func (u *upload) store() (*File, error) {
	t := u.ticket
	if u.size >= 0 && u.bytes != u.size {
		err := fmt.Errorf("%w: %d bytes arrived, the device said %d", ErrSize, u.bytes, u.size)
		return nil, errors.Join(err, u.file.Close())
	}
	if err := errors.Join(u.file.Sync(), u.file.Close()); err != nil {
		return nil, storageError(err)
	}
	if err := t.spool.disk.Rename(t.partial(), t.path()); err != nil {
		return nil, storageError(err)
	}
	if err := disk.SyncDir(t.spool.disk, t.spool.dir); err != nil {
		return nil, storageError(err)
	}
	return &File{
		Path: t.path(), Size: u.bytes, Began: u.began,
		MD5: hex.EncodeToString(u.md5.Sum(nil)), SHA256: hex.EncodeToString(u.sha256.Sum(nil)),
	}, nil
}

// Abort discards the partial file, unless refuse has done so. A transfer that ended
// before its first byte leaves the ticket open: the device may try again.
func (u *upload) Abort(why error) {
	if u.refused {
		return
	}
	closing := u.discard()
	t := u.ticket
	t.mu.Lock()
	defer t.mu.Unlock()
	t.upload, t.evidence.Running = nil, 0
	if u.bytes > 0 || closing != nil {
		t.fail(errors.Join(why, closing))
		return
	}
	t.evidence.Err = why
	t.endIfLate()
}
