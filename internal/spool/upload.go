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

	"flashwarden/tftp"
)

// upload is the tftp.Writer of one ticket: it hashes while it receives, so
// that the file is read zero times again.
type upload struct {
	ticket  *Ticket
	request *tftp.Request
	size    int64 // bytes expected; -1: not known
	file    *os.File
	md5     hash.Hash
	sha256  hash.Hash
	bytes   int64
	began   time.Time
	refused bool // Write has ended it
}

// newUpload creates the ticket's file and reserves its space, so that a full
// disk is told before the device has sent anything. The caller holds the
// ticket's lock.
func newUpload(t *Ticket, r *tftp.Request, size int64) (*upload, error) {
	f, err := os.OpenFile(t.partial(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, storageError(err)
	}
	if size > 0 {
		err = unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, size)
		if err != nil && !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) {
			return nil, storageError(errors.Join(err, f.Close(), os.Remove(t.partial())))
		}
	}
	return &upload{ticket: t, request: r, size: size, began: time.Now(), file: f, md5: md5.New(), sha256: sha256.New()}, nil
}

// storageError is err as ErrFull where the file system or a quota is full.
func storageError(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", ErrFull, err)
	}
	return fmt.Errorf("write to spool: %w", err)
}

// Write stores p. Bytes beyond the size expected end the transfer at once, and
// so does a ticket that was closed: nobody waits for the rest.
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
	n, err := u.file.Write(p)
	u.md5.Write(p[:n])
	u.sha256.Write(p[:n])
	u.bytes += int64(n)
	if err != nil {
		return n, u.refuse(storageError(err))
	}
	u.ticket.mu.Lock()
	u.ticket.evidence.Bytes = max(u.ticket.evidence.Bytes, u.bytes)
	u.ticket.mu.Unlock()
	return n, nil
}

// refuse ends the transfer because of err and returns what the device gets.
// All is cleared away before that: the device may try again at once.
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

// discard removes what arrived.
func (u *upload) discard() error {
	return errors.Join(u.file.Close(), removeIfThere(u.ticket.partial()))
}

// Commit checks the size, makes the bytes and their name durable, and hands
// the file to the ticket.
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
	if t.over() && t.rule == nil { // closed while we wrote: nobody wants the file
		return errors.Join(t.wire(ErrClosed), t.remove())
	}
	t.evidence.Complete++
	t.end(f, nil)
	return nil
}

// keep hands the file over, where that must be done before the final ACK.
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
	return removeIfThere(f.Path)
}

// store writes the file's last word: size, fsync, rename, directory fsync.
func (u *upload) store() (*File, error) {
	t := u.ticket
	if u.size >= 0 && u.bytes != u.size {
		err := fmt.Errorf("%w: %d bytes arrived, the device said %d", ErrSize, u.bytes, u.size)
		return nil, errors.Join(err, u.file.Close())
	}
	if err := t.spool.syncFile(u.file); err != nil {
		return nil, storageError(err)
	}
	if err := t.spool.rename(t.partial(), t.path()); err != nil {
		return nil, storageError(err)
	}
	if err := t.spool.syncDir(); err != nil {
		return nil, storageError(err)
	}
	return &File{
		Path: t.path(), Size: u.bytes, Began: u.began,
		MD5: hex.EncodeToString(u.md5.Sum(nil)), SHA256: hex.EncodeToString(u.sha256.Sum(nil)),
	}, nil
}

// Abort discards what arrived, unless refuse has. A transfer that ended before
// its first byte leaves the ticket open: the device may ask again.
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
