//go:build linux

package tftp

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"unicode"
)

const (
	maxName  = 1024 // bytes of a whole name
	maxPart  = 255  // bytes of one part of a name
	maxLinks = 40   // symbolic links on the way to one file, as in Linux
)

// localName converts the file name of a request to a path below the root. It
// drops leading and repeated slashes and parts that are a single dot, because
// boot loaders send such names. The name may be in any encoding.
func localName(name string) (string, error) {
	if len(name) > maxName {
		return "", denied("the name is too long")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return "", denied("the name has characters that are not allowed")
	}
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		switch {
		case part == "" || part == ".":
			continue
		case part[0] == '.':
			return "", denied("the name is not allowed")
		case len(part) > maxPart:
			return "", denied("the name is too long")
		}
		parts = append(parts, part)
	}
	if len(parts) == 0 || strings.HasSuffix(name, "/") {
		return "", denied("the name of a directory")
	}
	return strings.Join(parts, "/"), nil
}

// find examines the file of a name. It returns its path, which is another one if
// there are symbolic links on the way that *os.Root refuses.
func (d *Dir) find(name string) (string, fs.FileInfo, error) {
	info, err := d.Root.Stat(name)
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return name, info, err
	}
	followed, failed := follow(d.Root, name)
	if failed != nil {
		return name, nil, err
	}
	info, failed = d.Root.Stat(followed)
	if failed != nil {
		return name, nil, err
	}
	return followed, info, nil
}

// follow returns the path of the file name below root without symbolic links. An
// absolute link, which *os.Root refuses, is read in two ways: its target may begin
// with the path of the root, or be below the root as after chroot(2), which
// in.tftpd --secure calls. The result is only a name. Whoever opens it does so
// below the root.
func follow(root *os.Root, name string) (string, error) {
	done, left := ".", strings.Split(name, "/")
	for links := 0; len(left) > 0; {
		next := path.Join(done, left[0])
		left = left[1:]
		if !filepath.IsLocal(next) { // in any encoding, unlike fs.ValidPath
			return "", denied("the link leads out of the directory")
		}
		target, err := root.Readlink(next)
		if err != nil { // no link
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", denied("too many links")
		}
		if path.IsAbs(target) {
			done, target = ".", belowRoot(root, target)
		}
		left = append(strings.Split(target, "/"), left...)
	}
	return done, nil
}

// belowRoot makes the absolute target of a link relative to root.
func belowRoot(root *os.Root, target string) string {
	top := strings.TrimSuffix(path.Clean(root.Name()), "/") + "/"
	if below, ok := strings.CutPrefix(target+"/", top); ok {
		return below
	}
	return target
}
