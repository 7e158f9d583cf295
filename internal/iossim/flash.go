package iossim

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// reason is the text in parentheses after an error line of IOS.
type reason string

func (r reason) Error() string { return string(r) }

// The reasons in the words of IOS.
const (
	errNoSuchFile  reason = "No such file or directory"
	errIsDirectory reason = "Is a directory"
	errNoSpace     reason = "No space left on device"    // of a server
	errNotEnough   reason = "Not enough space on device" // of the switch
	errReadOnly    reason = "Read-only file system"
	errInvalid     reason = "Invalid argument"
	errExists      reason = "Can't create a file that exists"
	errTimedOut    reason = "Timed out"
	errAborted     reason = "Aborted" // broken off at the terminal
)

// fileSystem is one row of show file systems.
type fileSystem struct {
	prefix  string   // flash:
	aliases []string // bootflash: flash-1:
	ownRows []string // further names, each in a row of its own
	mark    string   // "#" behind the last prefix, as older software marks a boot device
	kind    string   // flash, disk, nvram, network, opaque
	flags   string   // rw, ro, wo
	total   int64    // bytes; 0: no space information, and nothing in it
	unit    int64    // each file occupies a multiple of this number of bytes
	within  string   // the file system that it is a partition of; it has no row of its own
	squeeze bool     // delete only marks a file; squeeze frees the space (file systems of class A and B)
}

func (fs *fileSystem) named(prefix string) bool {
	return strings.EqualFold(fs.prefix, prefix) || slices.ContainsFunc(slices.Concat(fs.aliases, fs.ownRows), func(a string) bool {
		return strings.EqualFold(a, prefix)
	})
}

// file is one entry of a file system.
type file struct {
	index int
	perm  string // -rwx, drwx
	date  string // in the format of the profile, without the time zone
	path  string // without the file system and the first slash
	size  int64  // of a directory: the size that the listing prints
	dir   bool
	body  *content // nil for a directory

	deleted bool // marked, and not squeezed yet
}

// flash has all file systems of a switch. Several lines and transfers may use
// it at once.
type flash struct {
	systems []*fileSystem
	home    string // the file system of a path without one
	layout  string // of new dates, for time.Format

	// config has the places of the startup-config. On a Catalyst with classic IOS
	// nvram:startup-config is config.text in flash, and every member has it.
	config []string
	// keys has the places of private-config.text, which such a Catalyst writes with its
	// startup-config: dir of a 3550 and of a 3560X on public pages has one date for both.
	keys []string

	images []*content // of the profile, whole

	mu      sync.Mutex
	content map[*fileSystem][]*file // in the order of the listings
}

// newFlash fills the file systems of a profile.
func newFlash(p *profile, f fill) (*flash, error) {
	fl := &flash{systems: p.systems(), home: cmp.Or(p.Home, "flash:"), layout: p.DateLayout, content: map[*fileSystem][]*file{}}
	entries, err := p.files(f)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		fs, rest, err := fl.split(e.path)
		if err != nil {
			return nil, fmt.Errorf("profile %s, file %s: %w", p.name, e.path, err)
		}
		e.path = rest
		if e.body != nil {
			e.size = e.body.size
		}
		e.dir = e.body == nil
		if !e.dir && (isImage(e.path) || path.Base(e.path) == path.Base(p.Image)) {
			fl.images = append(fl.images, e.body)
		}
		fl.content[fs] = append(fl.content[fs], &e)
		if path.Base(e.path) == "private-config.text" {
			fl.keys = append(fl.keys, fs.prefix+e.path)
		}
	}
	fl.config = p.configPlaces(entries)
	return fl, nil
}

// damageImages inverts a bit in each image and package.
func (fl *flash) damageImages() {
	for _, files := range fl.content {
		for _, f := range files {
			if isImage(f.path) && !f.dir {
				f.body = f.body.withBitInverted()
			}
		}
	}
}

// isImage recognises images and packages by their names.
func isImage(path string) bool {
	return strings.HasSuffix(path, ".bin") || strings.HasSuffix(path, ".pkg")
}

// isCutShort reports whether a file is only the beginning of an image or package of the
// profile, as after a copy that broke off.
func (fl *flash) isCutShort(f *content) bool {
	if slices.Contains(fl.images, f) {
		return false
	}
	last := max(f.size-32, 0) // these bytes differ in nearly every other file
	return slices.ContainsFunc(fl.images, func(whole *content) bool {
		return f.size < whole.size && equalFrom(last, f, whole) && equalFrom(0, f, whole)
	})
}

// equalFrom reports whether the bytes of a file from off on are the same in a longer one.
func equalFrom(off int64, f, longer *content) bool {
	a, b := make([]byte, f.size-off), make([]byte, f.size-off)
	_, errA := f.ReadAt(a, off)
	_, errB := longer.ReadAt(b, off)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}

// resize sets the size of the default file system, in bytes; 0 changes nothing.
func (fl *flash) resize(total int64) {
	for _, fs := range fl.systems {
		if total > 0 && fs.named(fl.home) {
			fs.total = total
		}
	}
}

// protect makes a file system read-only; empty changes nothing.
func (fl *flash) protect(name string) {
	for _, fs := range fl.systems {
		if name != "" && fs.named(name) {
			fs.flags = "ro"
		}
	}
}

// split splits a path as typed into its file system and the rest.
// "flash:/html/x", "flash:html/x" and "html/x" are the same file if flash: is
// the default file system.
func (fl *flash) split(typed string) (*fileSystem, string, error) {
	prefix, rest := fl.home, typed
	if m := partition.FindStringSubmatch(typed); m != nil {
		prefix, rest = m[1], m[2]
	} else if i := strings.IndexByte(typed, ':'); i >= 0 {
		prefix, rest = typed[:i+1], typed[i+1:]
	}
	for _, fs := range fl.systems {
		if fs.named(prefix) {
			return fs, strings.Trim(path.Clean("/"+rest), "/"), nil
		}
	}
	return nil, "", errInvalid
}

// partition matches a path in a partition: flash:2:x.
var partition = regexp.MustCompile(`^([a-z]\w*:\d:)(.*)$`)

// partitions returns the partitions of a file system; none where it is not
// divided.
func (fl *flash) partitions(fs *fileSystem) []*fileSystem {
	return slices.DeleteFunc(slices.Clone(fl.systems), func(p *fileSystem) bool { return p.within != fs.prefix })
}

// lookup finds the file or directory of a path as typed. The root is a
// directory with an empty name. A path without a partition means the first
// partition that has the file.
func (fl *flash) lookup(typed string) (file, error) {
	fs, rest, err := fl.split(typed)
	if err != nil {
		return file{}, err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	for _, in := range append(fl.partitions(fs), fs) {
		if f, err := fl.find(in, rest); err == nil {
			return *f, nil
		}
	}
	return file{}, errNoSuchFile
}

// find is lookup with the lock held. Its result is valid only under that lock.
func (fl *flash) find(fs *fileSystem, rest string) (*file, error) {
	if rest == "" {
		return &file{dir: true}, nil
	}
	for _, f := range fl.content[fs] {
		if f.path == rest && !f.deleted {
			return f, nil
		}
	}
	return nil, errNoSuchFile
}

// files returns a copy of all entries of a file system that are not deleted.
func (fl *flash) files(fs *fileSystem) []file {
	return slices.DeleteFunc(fl.all(fs), func(f file) bool { return f.deleted })
}

// all is files with the deleted ones.
func (fl *flash) all(fs *fileSystem) []file {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	var all []file
	for _, f := range fl.content[fs] {
		all = append(all, *f)
	}
	return all
}

// children returns the entries of one directory.
func (fl *flash) children(fs *fileSystem, dir string, deleted bool) []file {
	return slices.DeleteFunc(fl.all(fs), func(f file) bool { return parent(f.path) != dir || f.deleted && !deleted })
}

// parent returns the directory of a path; "" is the root.
func parent(p string) string {
	dir, _ := path.Split(p)
	return strings.TrimSuffix(dir, "/")
}

// free returns the free bytes of a file system.
func (fl *flash) free(fs *fileSystem) int64 {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.freeLocked(fs)
}

func (fl *flash) freeLocked(fs *fileSystem) int64 {
	free := fs.total
	for _, f := range fl.content[fs] {
		free -= (f.size + fs.unit - 1) / fs.unit * fs.unit
	}
	return free
}

// splitNew splits the path of a file or directory to be written.
func (fl *flash) splitNew(typed string) (*fileSystem, string, error) {
	fs, rest, err := fl.split(typed)
	switch {
	case err != nil:
		return nil, "", err
	case fs.total == 0 || rest == "":
		return nil, "", errInvalid
	case fs.flags != "rw":
		return nil, "", errReadOnly
	}
	return fs, rest, nil
}

// places returns the paths under which a file is kept: those of the
// startup-config, or its own.
func (fl *flash) places(typed string) []string {
	for _, place := range fl.config {
		a, rest, err := fl.split(typed)
		b, of, errOf := fl.split(place)
		if err == nil && errOf == nil && a == b && rest == of {
			return fl.config
		}
	}
	return []string{typed}
}

// write stores a file. It replaces a file of the same path.
func (fl *flash) write(typed string, data []byte) error {
	for _, place := range fl.places(typed) {
		if err := fl.writeOne(place, data); err != nil {
			return err
		}
	}
	return nil
}

func (fl *flash) writeOne(typed string, data []byte) error {
	fs, rest, err := fl.splitNew(typed)
	if err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if dir := parent(rest); dir != "" {
		if f, err := fl.find(fs, dir); err != nil || !f.dir {
			return errNoSuchFile
		}
	}
	now := time.Now().UTC().Format(fl.layout)
	if old, err := fl.find(fs, rest); err == nil {
		if old.dir {
			return errIsDirectory
		}
		old.body, old.size, old.date = textContent(data), int64(len(data)), now
		return nil
	}
	if fl.freeLocked(fs) < int64(len(data)) {
		return errNoSpace
	}
	fl.content[fs] = append(fl.content[fs], &file{
		index: fl.nextIndex(fs), perm: "-rw" + lastPerm(fl.content[fs]), date: now, path: rest,
		size: int64(len(data)), body: textContent(data),
	})
	return nil
}

// noKeys is the content of a private-config.text without keys.
var noKeys = []byte{0, 0, 0, 0, '\n'}

// writeKeys writes the private keys that are in use: those of the file, or none.
func (fl *flash) writeKeys() error {
	for _, place := range fl.keys {
		err := fl.touch(place)
		if err == errNoSuchFile {
			err = fl.writeOne(place, noKeys)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// mkdir makes a directory. Its parent must exist.
func (fl *flash) mkdir(typed string) error {
	fs, rest, err := fl.splitNew(typed)
	if err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if f, err := fl.find(fs, parent(rest)); err != nil || !f.dir {
		return errNoSuchFile
	}
	if _, err := fl.find(fs, rest); err == nil {
		return errExists
	}
	now := time.Now().UTC().Format(fl.layout)
	fl.content[fs] = append(fl.content[fs], &file{index: fl.nextIndex(fs), perm: "drw" + lastPerm(fl.content[fs]), date: now, path: rest, dir: true})
	return nil
}

// nextIndex returns the number for a new entry. The caller holds fl.mu.
func (fl *flash) nextIndex(fs *fileSystem) int {
	index := 1
	for _, f := range fl.content[fs] {
		index = max(index, f.index+1)
	}
	return index
}

// replace gives an existing file new bytes, even on a read-only file system.
func (fl *flash) replace(typed, text string) error {
	fs, rest, err := fl.split(typed)
	if err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	f, err := fl.find(fs, rest)
	if err != nil {
		return err
	}
	f.body, f.size = textContent([]byte(text)), int64(len(text))
	return nil
}

// touch sets the date of a file to now.
func (fl *flash) touch(typed string) error {
	fs, rest, err := fl.split(typed)
	if err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	f, err := fl.find(fs, rest)
	if err == nil {
		f.date = time.Now().UTC().Format(fl.layout)
	}
	return err
}

// lastPerm returns "x" if the file system marks every file executable.
func lastPerm(files []*file) string {
	for _, f := range files {
		if !f.dir && strings.HasSuffix(f.perm, "-") {
			return "-"
		}
	}
	return "x"
}

// remove deletes one file.
func (fl *flash) remove(typed string) error {
	for i, place := range fl.places(typed) {
		if err := fl.removeOne(place); err != nil && i == 0 {
			return err
		}
	}
	return nil
}

func (fl *flash) removeOne(typed string) error {
	fs, rest, err := fl.split(typed)
	if err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	f, err := fl.find(fs, rest)
	switch {
	case err != nil:
		return err
	case f.dir:
		return errIsDirectory
	case fs.flags != "rw":
		return errReadOnly
	case fs.squeeze:
		f.deleted = true
		return nil
	}
	fl.content[fs] = slices.DeleteFunc(fl.content[fs], func(o *file) bool { return o == f })
	return nil
}

// reclaim frees the space of deleted files.
func (fl *flash) reclaim(fs *fileSystem) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.content[fs] = slices.DeleteFunc(fl.content[fs], func(f *file) bool { return f.deleted })
}

// erase removes everything from a file system, like a careless answer.
func (fl *flash) erase(typed string) error {
	fs, _, err := fl.split(typed)
	if err != nil {
		return err
	}
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.content[fs] = nil
	for _, place := range fl.config {
		if in, rest, err := fl.split(place); err == nil && slices.ContainsFunc(fl.config, func(p string) bool { other, _, _ := fl.split(p); return other == fs }) {
			fl.content[in] = slices.DeleteFunc(fl.content[in], func(f *file) bool { return f.path == rest })
		}
	}
	return nil
}
