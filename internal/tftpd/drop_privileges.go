package tftpd

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/landlock-lsm/go-landlock/landlock"
	ll "github.com/landlock-lsm/go-landlock/landlock/syscall"
)

// account is a user of the system with its groups.
type account struct {
	name     string
	uid, gid int
	groups   []int // the primary group too
}

// lookUp returns the named user; an empty name means the user of this process. It
// must run before confine, because it reads the files of /etc.
func lookUp(name string) (*account, error) {
	if name == "" {
		return &account{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return nil, fmt.Errorf("become user %s: %w", name, err)
	}
	groups, err := u.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("become user %s: %w", name, err)
	}
	var ids []int
	for _, s := range append([]string{u.Uid, u.Gid}, groups...) {
		id, err := strconv.Atoi(s)
		if err != nil {
			return nil, fmt.Errorf("become user %s: %w", name, err)
		}
		ids = append(ids, id)
	}
	return &account{name: name, uid: ids[0], gid: ids[1], groups: ids[2:]}, nil
}

// become changes all threads to the user, with its primary and supplementary
// groups. Only root may change to another user.
func (a *account) become() error {
	if a.uid == os.Geteuid() {
		return nil
	}
	if err := syscall.Setgroups(a.groups); err != nil {
		return fmt.Errorf("become user %s: set groups: %w", a.name, err)
	}
	if err := errors.Join(syscall.Setgid(a.gid), syscall.Setuid(a.uid)); err != nil {
		return fmt.Errorf("become user %s: %w", a.name, err)
	}
	if os.Geteuid() != a.uid || os.Getuid() != a.uid {
		return fmt.Errorf("become user %s: the user is unchanged", a.name)
	}
	return nil
}

// reach is all of the file system that this process needs after its start.
type reach struct {
	dirs    []string // served, and for staging
	mapFile string   // read again after SIGHUP; empty: none
	pidFile string   // removed at the end; empty: none
}

// rules are the Landlock rules. An editor replaces a map file by a new one, so its
// directory has the right to read files.
func (r reach) rules() []landlock.Rule {
	rules := []landlock.Rule{landlock.RWDirs(r.dirs...)}
	if r.mapFile != "" {
		rules = append(rules, landlock.PathAccess(ll.AccessFSReadFile, filepath.Dir(r.mapFile)))
	}
	if r.pidFile != "" {
		rules = append(rules, landlock.PathAccess(ll.AccessFSRemoveFile, filepath.Dir(r.pidFile)))
	}
	return rules
}

// confine restricts this process to what it needs and forbids new TCP connections,
// if the kernel has Landlock. Then it checks the restriction and logs the result.
// It must run before become: the new user may be unable to reach a directory whose
// parent is closed.
func confine(r reach, log *slog.Logger) error {
	_ = time.Now().Local() // reads the time zone, which cannot be opened later
	if err := landlock.V8.BestEffort().Restrict(r.rules()...); err != nil {
		return fmt.Errorf("confine to %s: %w", r.dirs[0], err)
	}
	const outside = "/etc"
	for _, dir := range r.dirs {
		if dir == "/" || dir == outside {
			return nil
		}
	}
	if _, err := os.ReadDir(outside); errors.Is(err, fs.ErrPermission) {
		log.Info("confined", "dir", r.dirs[0], "by", "landlock")
	} else {
		log.Warn("not confined: this kernel has no Landlock", "dir", r.dirs[0])
	}
	return nil
}
