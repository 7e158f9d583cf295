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

// giveUpRights becomes the named user, with this user's groups alone, on all
// threads. Only root can; for anybody else a user that is not the present one
// is an error.
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
		return fmt.Errorf("become user %s: the kernel did not take it", name)
	}
	return nil
}

// confine leaves this process nothing of the file system but dir, and no new
// TCP connection, where the kernel has Landlock. It tries afterwards whether
// that holds, and says so.
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
