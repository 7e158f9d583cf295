package tftpd

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
)

// giveUpRights changes all threads to the named user and that user's primary
// group. An empty name and the current user change nothing. Only root may change
// to another user.
func giveUpRights(name string) error {
	if name == "" {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return fmt.Errorf("become user %s: %w", name, err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return fmt.Errorf("become user %s: %w", name, err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return fmt.Errorf("become user %s: %w", name, err)
	}
	if uid == os.Geteuid() {
		return nil
	}
	if err := syscall.Setgroups([]int{gid}); err != nil {
		return fmt.Errorf("become user %s: set groups: %w", name, err)
	}
	if err := errors.Join(syscall.Setgid(gid), syscall.Setuid(uid)); err != nil {
		return fmt.Errorf("become user %s: %w", name, err)
	}
	if os.Geteuid() != uid || os.Getuid() != uid {
		return fmt.Errorf("become user %s: the user is unchanged", name)
	}
	return nil
}

// confine restricts this process to dir and forbids new TCP connections, if the
// kernel has Landlock. Then it checks the restriction and logs the result.
func confine(dir string, log *slog.Logger) error {
	_ = time.Now().Local() // reads the time zone, which cannot be opened later
	err := landlock.V8.BestEffort().Restrict(landlock.RWDirs(dir), landlock.RODirs(dir))
	if err != nil {
		return fmt.Errorf("confine to %s: %w", dir, err)
	}
	outside := "/etc"
	if dir == "/" || dir == outside {
		return nil
	}
	if _, err := os.ReadDir(outside); errors.Is(err, fs.ErrPermission) {
		log.Info("confined", "dir", dir, "by", "landlock")
	} else {
		log.Warn("not confined: this kernel has no Landlock", "dir", dir)
	}
	return nil
}
