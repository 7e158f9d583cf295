package tftpd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// pidFile is the file with the process ID.
type pidFile struct {
	path string
	file *os.File // nil: there is none
}

// writePID writes the process ID into a file. An empty path means none.
func writePID(path string) (*pidFile, error) {
	if path == "" {
		return &pidFile{}, nil
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("write --pidfile: %w", err)
	}
	if _, err := fmt.Fprintln(f, os.Getpid()); err != nil {
		return nil, fmt.Errorf("write --pidfile: %w", errors.Join(err, f.Close()))
	}
	return &pidFile{path, f}, nil
}

// remove removes the file, unless another process has replaced it. The user of the
// server may have no right to remove names from the directory, as in /run: then the
// file stays, empty.
func (p *pidFile) remove() error {
	if p.file == nil {
		return nil
	}
	err := p.file.Truncate(0)
	ours, statErr := p.file.Stat()
	named, lstatErr := os.Lstat(p.path)
	if statErr == nil && lstatErr == nil && os.SameFile(ours, named) {
		if removeErr := os.Remove(p.path); !errors.Is(removeErr, fs.ErrPermission) {
			err = errors.Join(err, removeErr)
		}
	}
	return errors.Join(err, p.file.Close())
}
