//go:build linux

package tftp

import (
	"io/fs"
	"os"
	"syscall"
)

// dirReader is a file that is sent. It keeps the file open only from the second
// read on. Peers that have not proved their address get no second read, so they
// hold no file descriptors.
type dirReader struct {
	root  *os.Root
	name  string
	info  fs.FileInfo
	file  *os.File
	reads int
}

// Size implements Reader: bytes, as OpenRead found them.
func (r *dirReader) Size() int64 { return r.info.Size() }

// ReadAt implements io.ReaderAt. It fails if the file has changed since OpenRead,
// so that the peer never gets one half of the old and one of the new content.
func (r *dirReader) ReadAt(b []byte, off int64) (int, error) {
	if r.file == nil {
		if err := r.open(); err != nil {
			return 0, err
		}
	}
	if r.reads++; r.reads == 1 {
		defer r.Close()
	}
	n, err := r.file.ReadAt(b, off)
	if changed := r.check(); changed != nil {
		return 0, changed
	}
	return n, err
}

// open opens the file and checks that it is the one that OpenRead examined.
func (r *dirReader) open() error {
	f, err := r.root.OpenFile(r.name, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_LARGEFILE, 0)
	if err != nil {
		return err
	}
	r.file = f
	if err := r.check(); err != nil {
		r.Close()
		return err
	}
	return nil
}

// check reports whether the open file is as OpenRead found it.
func (r *dirReader) check() error {
	info, err := r.file.Stat()
	if err != nil {
		return err
	}
	same := os.SameFile(info, r.info) && info.Mode().IsRegular() && info.Size() == r.info.Size() && info.ModTime().Equal(r.info.ModTime())
	if !same {
		return errChanged
	}
	return nil
}

// Close closes the file if it is open.
func (r *dirReader) Close() error {
	if r.file == nil {
		return nil
	}
	err := r.file.Close()
	r.file = nil
	return err
}
