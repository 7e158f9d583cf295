// Package flash knows where files lie on a device: paths, the names of its
// file systems, the flash of each unit, what runs and what boots. All of it is
// pure: values in, values out.
//
// Two names of one file system are equal; two file systems never are. The
// device's own table (show file systems) decides. For names that are not in
// it, the aliases that Cisco documents decide. Otherwise names are not equal.
package flash

import (
	"path"
	"strings"

	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
)

// Path is the place of a file or directory on a device.
type Path struct {
	FS  string // the file system with its colon: "flash:"; empty where the path names none
	Rel string // the path below it, without slashes around it: "dir/x.bin"; of a network path, all that follows the colon
}

// ParsePath reads a path in any of the ways in which IOS prints it: flash:x,
// flash:/dir//x, and /bootflash/x, an absolute path of IOS-XE.
func ParsePath(p string) Path {
	if !strings.Contains(p, ":") {
		p = ios.Mounted(p)
	}
	if n := ios.Partition(p); n != "" {
		fs, rel, _ := strings.Cut(p, ":"+n+":")
		return Path{FS: fs + ":" + n + ":", Rel: clean(rel)}
	}
	fs, rel, ok := strings.Cut(p, ":")
	switch {
	case !ok:
		return Path{Rel: clean(p)}
	case IsNetwork(fs + ":"):
		return Path{FS: fs + ":", Rel: rel}
	}
	return Path{FS: fs + ":", Rel: clean(rel)}
}

// clean removes slashes that are doubled, leading or trailing.
func clean(rel string) string { return strings.TrimPrefix(path.Clean("/"+rel), "/") }

// String is the path as IOS takes it: flash:/dir/x.bin, and
// nvram:startup-config, where there are no directories.
func (p Path) String() string {
	if p.FS == "" || IsNetwork(p.FS) || isFlat(p.FS) || ios.Partition(p.FS) != "" {
		return p.FS + p.Rel
	}
	return p.FS + "/" + p.Rel
}

// Base is the last element of the path: x.bin.
func (p Path) Base() string {
	if p.Rel == "" {
		return ""
	}
	return path.Base(p.Rel)
}

// Named reports whether a user who types name means p: name is its whole path
// (flash:/dir/x.bin), its path below the file system (dir/x.bin), or its last
// element (x.bin).
func (p Path) Named(name string) bool {
	if strings.Contains(name, ":") {
		return ParsePath(name) == p
	}
	name = strings.TrimPrefix(name, "/")
	return name != "" && (name == p.Rel || name == p.Base())
}

// Dir is the directory that holds p. The Rel of the outermost one is empty.
func (p Path) Dir() Path {
	dir := path.Dir(p.Rel)
	if dir == "." || dir == "/" { // the path of tftp:/x begins with a slash
		dir = ""
	}
	return Path{FS: p.FS, Rel: dir}
}

// Join is the path of name below p.
func (p Path) Join(name string) Path { return Path{FS: p.FS, Rel: clean(p.Rel + "/" + name)} }

// On is the same path in another file system.
func (p Path) On(fs string) Path { return Path{FS: fs, Rel: p.Rel} }

var network = lazyregexp.New(`^(?i:tftp|ftp|rcp|scp|sftp|https?|mop):$`)

// IsNetwork reports whether a file system is a server on the network.
func IsNetwork(fs string) bool { return network.MatchString(fs) }

// isFlat reports whether a file system has no directories.
func isFlat(fs string) bool { return isNVRAM(fs) || fs == "system:" }

// isNVRAM reports whether a file system is nvram:, const_nvram: or the like of
// another unit.
func isNVRAM(fs string) bool { return strings.Contains(fs, "nvram") }

// KeepsImages reports whether images can lie in a file system of the device:
// neither the network nor NVRAM holds them.
func KeepsImages(fs string) bool { return !IsNetwork(fs) && !isFlat(fs) }
