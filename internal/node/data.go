package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// prepareDir makes sure that the data directory is there, belongs to us and
// can be written.
func prepareDir(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err != nil {
		return unusable(dir, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return unusable(dir, err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return cause.New(cause.Internal,
			fmt.Sprintf("the data directory %s belongs to user %s, and this is user %s", dir, userName(int(owner)), userName(os.Geteuid())),
			api.Say("run it as that user (").Type(api.OnHost, "sudo -u "+userName(int(owner))).Say("), or ").Then(elsewhere()))
	}
	if err := unix.Access(dir, unix.W_OK); err != nil {
		return unusable(dir, err)
	}
	return nil
}

func unusable(dir string, err error) error {
	fix := elsewhere()
	switch {
	case errors.Is(err, unix.EROFS):
		fix = api.Say("its file system is mounted read-only: mount it writable, or ").Then(fix)
	case errors.Is(err, fs.ErrPermission):
		line := fmt.Sprintf("sudo install -d -m 700 -o %s %s", userName(os.Geteuid()), api.ShellWord(dir))
		fix = api.Say("make it yours (").Type(api.OnHost, line).Say("), or ").Then(fix)
	}
	return cause.Wrap(cause.Internal, err, "the data directory cannot be used", fix)
}

// elsewhere is the fix that every trouble with the data directory has.
func elsewhere() api.Fix {
	return api.Say("choose another directory with ").Option("data", "DIR")
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}
