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
// dir finds what a crash left of an upload. It also has the user ID: nobody else may use
// the directory, so a server that gets another user needs another one.
func openStaging(base, dir string, a *account) (*os.Root, error) {
	sum := sha256.Sum256([]byte(dir))
	name := fmt.Sprintf("%s-%d", hex.EncodeToString(sum[:8]), a.uid)
	parent, err := openBase(base, a)
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	if err := makeOwn(parent, name, a); err != nil {
		return nil, err
	}
	root, err := parent.OpenRoot(name)
	if err != nil {
		return nil, err
	}
	if err := checkOwn(parent, name, root, a); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return root, nil
}

// openBase opens the directory of the staging directories, and creates it if it is
// missing. Everybody may create names in /var/tmp: so root neither follows a link of
// another user there, nor creates anything in a directory that others may write.
func openBase(base string, a *account) (*os.Root, error) {
	err := os.Mkdir(base, 0o700)
	if err == nil && a.uid != os.Geteuid() {
		err = os.Lchown(base, a.uid, a.gid)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	named, err := os.Lstat(base)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, err
	}
	opened, err := root.Stat(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	link := named.Mode().Type() == fs.ModeSymlink // of systemd, with DynamicUser=
	if !a.trusts(named) || !a.trusts(opened) || !link && !os.SameFile(named, opened) || opened.Mode().Perm()&0o022 != 0 {
		return nil, errors.Join(fmt.Errorf("other users may write in %s", base), root.Close())
	}
	return root, nil
}

// trusts reports whether a file belongs to root, to this process or to the account.
func (a *account) trusts(f fs.FileInfo) bool {
	owner := int(f.Sys().(*syscall.Stat_t).Uid)
	return owner == 0 || owner == os.Geteuid() || owner == a.uid
}

// makeOwn creates a directory that only the account can reach, if the name is free.
func makeOwn(parent *os.Root, name string, a *account) error {
	err := parent.Mkdir(name, 0o700)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	case a.uid == os.Geteuid():
		return nil
	}
	return parent.Lchown(name, a.uid, a.gid)
}

// checkOwn refuses a staging directory that somebody else made: everybody may
// create names in /var/tmp.
func checkOwn(parent *os.Root, name string, root *os.Root, a *account) error {
	opened, err := root.Stat(".")
	if err != nil {
		return err
	}
	named, err := parent.Lstat(name)
	if err != nil {
		return err
	}
	owner := opened.Sys().(*syscall.Stat_t).Uid
	if !os.SameFile(opened, named) || int(owner) != a.uid || opened.Mode().Perm()&0o077 != 0 {
		return fmt.Errorf("%s is not a directory that only user ID %d can reach", root.Name(), a.uid)
	}
	return nil
}
