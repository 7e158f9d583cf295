package sftp

import (
	"fmt"
	"io/fs"
	"sync"

	"flashwarden/internal/disk"
)

// connection is the file system of an SFTP server as a dir.FS. It connects at the first
// use, and again at the next use after the connection was lost. Open files stay with the
// connection that opened them.
type connection struct {
	dial func() (*remote, error)

	mu  sync.Mutex
	now *remote // nil: none yet
}

// live returns the file system over a connection that is not known to be lost. Its errors
// say nothing of any file.
func (c *connection) live() (*remote, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now != nil && !c.now.isLost() {
		return c.now, nil
	}
	if c.now != nil {
		c.now.end() // its error is that of the lost connection
		c.now = nil
	}
	r, err := c.dial()
	if err != nil {
		return nil, fmt.Errorf("connect: %v", err) // not %w: a missing ssh program is no missing file
	}
	c.now = r
	return r, nil
}

// close ends the connection.
func (c *connection) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		return nil
	}
	err := c.now.end()
	c.now = nil
	return err
}

// OpenFile implements disk.FS.
func (c *connection) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	r, err := c.live()
	if err != nil {
		return nil, err
	}
	return r.OpenFile(name, flag, perm)
}

// Mkdir implements disk.FS.
func (c *connection) Mkdir(name string, perm fs.FileMode) error {
	return c.do(func(r *remote) error { return r.Mkdir(name, perm) })
}

// Link implements disk.FS.
func (c *connection) Link(from, to string) error {
	return c.do(func(r *remote) error { return r.Link(from, to) })
}

// Rename implements disk.FS.
func (c *connection) Rename(from, to string) error {
	return c.do(func(r *remote) error { return r.Rename(from, to) })
}

// Remove implements disk.FS.
func (c *connection) Remove(name string) error {
	return c.do(func(r *remote) error { return r.Remove(name) })
}

func (c *connection) do(change func(*remote) error) error {
	r, err := c.live()
	if err != nil {
		return err
	}
	return change(r)
}

// Stat implements dir.FS.
func (c *connection) Stat(name string) (fs.FileInfo, error) {
	r, err := c.live()
	if err != nil {
		return nil, err
	}
	return r.Stat(name)
}

// Lstat implements dir.FS.
func (c *connection) Lstat(name string) (fs.FileInfo, error) {
	r, err := c.live()
	if err != nil {
		return nil, err
	}
	return r.Lstat(name)
}

// ReadDir implements dir.FS.
func (c *connection) ReadDir(name string) ([]fs.DirEntry, error) {
	r, err := c.live()
	if err != nil {
		return nil, err
	}
	return r.ReadDir(name)
}
