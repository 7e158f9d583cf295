package tftpd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// stagingBase returns the directory in which each server has its staging directory:
// that of systemd (StateDirectory= in systemd.exec(5)), else one below /var/tmp,
// which outlives a restart of the machine.
func stagingBase(uid int) string {
	if state, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); state != "" {
		return state
	}
	return filepath.Join("/var/tmp", fmt.Sprintf("flashwarden-tftpd-%d", uid))
}

// openStaging opens the staging directory of a server for dir and creates it for
// the account if it is missing. Its name depends on dir, so that the next server of
// dir finds what a crash left of an upload.
func openStaging(base, dir string, a *account) (*os.Root, error) {
	sum := sha256.Sum256([]byte(dir))
	name := filepath.Join(base, hex.EncodeToString(sum[:8]))
	if err := makeOwn(base, a); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if err := makeOwn(name, a); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if err := checkOwn(name, root, a); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// makeOwn creates a directory that only the account can reach.
func makeOwn(dir string, a *account) error {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if a.uid == os.Geteuid() {
		return nil
	}
	return os.Lchown(dir, a.uid, a.gid)
}

// checkOwn refuses a staging directory that somebody else made: everybody may
// create names in /var/tmp.
func checkOwn(name string, root *os.Root, a *account) error {
	opened, err := root.Stat(".")
	if err != nil {
		return err
	}
	named, err := os.Lstat(name)
	if err != nil {
		return err
	}
	owner := opened.Sys().(*syscall.Stat_t).Uid
	if !os.SameFile(opened, named) || int(owner) != a.uid || opened.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is no directory that only user ID %d can reach", name, a.uid)
	}
	return nil
}
