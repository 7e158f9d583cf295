package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/disk"
)

// ErrNoData is the error of a data directory in which flashwarden has kept nothing
// yet.
var ErrNoData = errors.New("no flashwarden data")

// Exists returns nil if there is a catalog, or if that cannot be told; then Open says why.
// A data directory with neither catalog nor vault is an ErrNoData. Exists creates nothing.
func Exists(ctx context.Context, o Options) error {
	n := &core{opts: Options{Data: o.Data, Config: o.Config}}
	if err := HasCatalog(o.Data, o.Config); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err := n.wasMoved(); err != nil {
		return err
	}
	if err := n.openVault(ctx); err != nil {
		return err
	}
	defer n.store.close() // nothing was written
	if err := n.vault.Recognise(ctx, ""); err != nil {
		return n.wrongVault(ctx, err) // the catalog was lost
	}
	return fmt.Errorf("%w in %s", ErrNoData, o.Data)
}

// HasCatalog returns nil if the data directory has a catalog or uses one elsewhere,
// fs.ErrNotExist if it does not, and any other error if that is not known. It creates
// nothing.
func HasCatalog(data string, c config.Config) error {
	if c.Catalog != "" {
		return nil
	}
	_, err := os.Stat(filepath.Join(data, ownCatalog))
	return err
}

// prepareDir makes sure that the data directory is there, belongs to us and
// can be written.
func prepareDir(data string) error {
	err := disk.MkdirAll(disk.OS{}, data, 0o700)
	if err != nil {
		return unusable(data, err)
	}
	info, err := os.Stat(data)
	if err != nil {
		return unusable(data, err)
	}
	if owner := info.Sys().(*syscall.Stat_t).Uid; int(owner) != os.Geteuid() {
		return cause.New(cause.Internal,
			fmt.Sprintf("the data directory %s belongs to user %s, and this is user %s", data, userName(int(owner)), userName(os.Geteuid())),
			api.Say("run it as that user (").Type(api.OnHost, "sudo -u "+userName(int(owner))).Say("), or ").Then(elsewhere()))
	}
	if err := unix.Access(data, unix.W_OK); err != nil {
		return unusable(data, err)
	}
	return nil
}

func unusable(data string, err error) error {
	fix := elsewhere()
	switch {
	case errors.Is(err, unix.EROFS):
		fix = api.Say("its file system is mounted read-only: mount it writable, or ").Then(fix)
	case errors.Is(err, fs.ErrPermission):
		line := fmt.Sprintf("sudo install -d -m 700 -o %s %s", userName(os.Geteuid()), api.ShellWord(data))
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
