package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/disk"
)

// Directory is the state of the data directory.
type Directory struct {
	Path     string
	Err      error // of looking at it; fs.ErrNotExist: it is not there yet
	Owner    int
	User     int // who we are
	Writable error
	Mode     fs.FileMode
	Free     int64  // bytes
	Inodes   int64  // free; -1: the file system does not count them
	Unsynced bool   // the file system cannot sync the names in a directory
	Split    bool   // spool and vault are on different file systems
	InUse    string // who runs backups on it at the moment; empty: nobody
}

// ReadDirectory looks at the data directory and makes nothing.
func ReadDirectory(path string) Directory {
	d := Directory{Path: path, User: os.Geteuid(), Inodes: -1}
	info, err := os.Stat(path)
	if err != nil {
		d.Err = err
		return d
	}
	d.Mode = info.Mode()
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		d.Owner = int(st.Uid)
	}
	d.Writable = unix.Access(path, unix.W_OK)
	var st unix.Statfs_t
	if d.Err = unix.Statfs(path, &st); d.Err == nil {
		d.Free = int64(st.Bavail) * int64(st.Bsize)
		if st.Files > 0 {
			d.Inodes = int64(st.Ffree)
		}
	}
	d.Unsynced = disk.Unsynced(path)
	d.Split = differ(filepath.Join(path, "spool"), filepath.Join(path, "vault"))
	d.InUse = lockHolder(filepath.Join(path, "lock"))
	return d
}

// differ reports whether two directories that are there lie on different file
// systems.
func differ(a, b string) bool {
	var x, y unix.Stat_t
	return unix.Stat(a, &x) == nil && unix.Stat(b, &y) == nil && x.Dev != y.Dev
}

// lockHolder says who holds a lock file.
func lockHolder(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close() // which gives a lock back
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return ""
	}
	text := make([]byte, 200)
	n, _ := f.Read(text) // the text is only for people
	if said := strings.TrimSpace(string(text[:n])); said != "" {
		return said
	}
	return "another flashwarden"
}

// Sound reports whether the directory can be opened without making anything.
// The catalog needs some room to be read, for its write-ahead log.
func (d Directory) Sound() bool {
	const room = 1 << 20
	return d.Err == nil && d.Owner == d.User && d.Writable == nil && d.Free >= room && d.Inodes != 0
}

// leastSpace is how many bytes must be free where no image is known yet: a
// large image of today's switches is 1.3 GB, an old one 20 MB.
const leastSpace = 100 << 20

// CheckDirectory judges the data directory. largest is the size of the largest
// file that the vault holds.
func CheckDirectory(d Directory, largest int64) api.Report {
	var r api.Report
	broken := func(seen, fix, changes, then string) {
		r.Find(api.Finding{Cause: cause.VaultError, Seen: seen, Fix: fix, Changes: changes, Then: then})
	}
	owner, path := userName(d.User), api.ShellWord(d.Path)
	own := fmt.Sprintf("sudo install -d -m 700 -o %s %s", owner, path)
	switch {
	case errors.Is(d.Err, fs.ErrNotExist) && parentWritable(d.Path):
		r.Remark("the data directory %s does not exist yet; the first command that needs it creates it", d.Path)
		return r
	case d.Err != nil:
		broken(fmt.Sprintf("the data directory cannot be used: %v", d.Err), own, "makes the directory, for "+owner+" alone", "")
		return r
	case !d.Mode.IsDir():
		broken(d.Path+" is not a directory", "ls -l "+path, "nothing: it shows that file", "move it away, or choose another data directory")
		return r
	case d.Owner != d.User:
		r.Find(api.Finding{Cause: cause.VaultError, Seen: fmt.Sprintf("the data directory %s belongs to %s, but you are %s", d.Path, userName(d.Owner), owner),
			Next: api.Do("doctor").As(userName(d.Owner)).With("data", d.Path), Changes: "nothing: the command checks again, as the owner"})
	case errors.Is(d.Writable, unix.EROFS):
		broken(fmt.Sprintf("the file system of %s is mounted read-only", d.Path), "sudo mount -o remount,rw $(findmnt -n -o TARGET --target "+path+")", "makes the file system writable", "")
	case d.Writable != nil:
		broken(fmt.Sprintf("the data directory %s cannot be written: %v", d.Path, d.Writable), "chmod u+rwx "+path, "lets its owner write to it", "")
	default:
		r.Note("the data directory %s belongs to %s and can be written", d.Path, owner)
	}
	if d.Mode.Perm()&0o077 != 0 {
		r.Remark("other users can open %s (mode %o); to prevent it: chmod 700 %s", d.Path, d.Mode.Perm(), path)
	}
	if d.Unsynced {
		r.Remark("the file system of %s cannot sync directories (fsync); after a power cut there, the newest files may be missing", d.Path)
	}
	if d.Split {
		broken("spool and vault are on different file systems, so a received file cannot be moved in one step",
			"findmnt --target "+path+"/spool; findmnt --target "+path+"/vault", "nothing: it shows the file systems", "put both directories on one")
	}
	r.Add(checkSpace(d, largest))
	return r
}

func checkSpace(d Directory, largest int64) api.Report {
	var r api.Report
	need := max(largest, leastSpace)
	switch {
	case d.Free < need:
		r.Find(api.Finding{Cause: cause.SpoolFull, Seen: fmt.Sprintf("%s are free on the file system of %s; one image needs up to %s", room(d.Free), d.Path, room(need)),
			Fix: "df -h " + api.ShellWord(d.Path), Changes: "nothing: it shows the file system", Then: "make room there"})
	case d.Inodes == 0:
		r.Find(api.Finding{Cause: cause.SpoolFull, Seen: "the file system of " + d.Path + " has no inode left for another file",
			Fix: "df -i " + api.ShellWord(d.Path), Changes: "nothing: it shows the file system", Then: "remove files there"})
	default:
		r.Note("%s are free for transfers and the vault", room(d.Free))
	}
	return r
}

// room is a number of bytes for people: 104 MB, 22.2 GB.
func room(bytes int64) string {
	if bytes < 1e9 {
		return fmt.Sprintf("%d MB", bytes/1e6)
	}
	return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
}

func parentWritable(path string) bool {
	for dir := filepath.Dir(path); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil || dir == filepath.Dir(dir) {
			return unix.Access(dir, unix.W_OK) == nil
		}
	}
}

func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return "#" + strconv.Itoa(uid)
}

// localTime is a time in the zone of this host, with its name.
func localTime(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") }

// Clock is the time of this host.
type Clock struct {
	Now          time.Time
	Synchronised bool      // the kernel has this from NTP or the like
	Newest       time.Time // of the snapshots in the vault; zero: there is none
}

// ReadClock reads the clock. newest is the time of the newest snapshot.
func ReadClock(newest time.Time) Clock {
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	const unsynchronised = 5 // TIME_ERROR of adjtimex(2)
	return Clock{Now: time.Now(), Synchronised: err == nil && state != unsynchronised, Newest: newest}
}

// earliest is before any time at which this program can run.
var earliest = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// CheckClock judges the clock: snapshots are named by it.
func CheckClock(c Clock) api.Report {
	var r api.Report
	wrong := ""
	switch {
	case c.Now.Before(earliest):
		wrong = fmt.Sprintf("the clock of this host says %s", localTime(c.Now))
	case c.Newest.After(c.Now.Add(5 * time.Minute)):
		wrong = fmt.Sprintf("the clock of this host says %s, but the vault has a snapshot from %s", localTime(c.Now), localTime(c.Newest))
	}
	switch {
	case wrong != "":
		r.Find(api.Finding{Cause: cause.Internal, Seen: wrong, Fix: "sudo timedatectl set-ntp true", Changes: "the clock follows time servers"})
	case !c.Synchronised:
		r.Remark("the clock says %s; nothing synchronises it (timedatectl set-ntp true)", localTime(c.Now))
	default:
		r.Note("the clock is synchronised")
	}
	return r
}

// Lookup is a host name of the inventory, and how asking for it went.
type Lookup struct {
	Device string
	Err    error // nil: it has an address
	Took   time.Duration
}

// slowLookup is how long a name may take without a word.
const slowLookup = time.Second

// CheckResolver judges the names of the inventory.
func CheckResolver(lookups []Lookup) api.Report {
	var r api.Report
	for _, l := range lookups {
		switch {
		case l.Err != nil:
			r.Find(api.Finding{Cause: cause.ConnectTimeout, Seen: cause.Text(l.Err), Next: api.Do("device edit", l.Device).With("address", "IP"),
				Changes: "the inventory then has an address, which needs no name server", Then: "or, in place of this: repair the name, or /etc/resolv.conf"})
		case l.Took > slowLookup:
			r.Remark("the name of %s took %.1f s to resolve: look at the name servers in /etc/resolv.conf", l.Device, l.Took.Seconds())
		}
	}
	if len(lookups) > 0 && len(r.Findings) == 0 {
		r.Note("the %d host names of the inventory resolve", len(lookups))
	}
	return r
}
