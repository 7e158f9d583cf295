package backup

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// A backup lists flash and disks. Removable file systems, and those for logs and
// crash dumps, are listed only if BOOT or the configuration names a file there.

// listNamed adds the listings of file systems that BOOT or the configuration
// names, and that Files did not list. One that cannot be listed gives a warning;
// an error is one of the session.
func listNamed(ctx context.Context, d Device, f ios.Facts, config string, listings []ios.Listing) (all []ios.Listing, warnings []string, err error) {
	if len(listings) == 0 {
		return listings, nil, nil
	}
	table := listings[0].Table
	for _, fs := range namedSystems(f, config, table, flash.NewSystems(f, listings)) {
		more, err := d.List(ctx, fs)
		switch {
		case endsVisit(cause.Of(err)):
			return listings, warnings, err
		case err != nil:
			warnings = append(warnings, fmt.Sprintf("%s was not listed: %v", fs, err))
		}
		for i := range more {
			more[i].Table = table
		}
		listings = append(listings, more...)
	}
	return listings, warnings, nil
}

// namedSystems returns the file systems of the table on which BOOT or the
// configuration names a file, and which are not listed.
func namedSystems(f ios.Facts, config string, table []ios.FileSystem, systems flash.Systems) []string {
	paths := flash.BootPaths(f.BootPath)
	for _, s := range f.Starts {
		paths = append(paths, flash.BootPaths(s.Path)...)
	}
	for _, c := range ios.ParseConfigFiles(config) {
		paths = append(paths, flash.ParsePath(c.Path))
	}
	var named []string
	for _, p := range paths {
		known := func(r ios.FileSystem) bool { return slices.Contains(r.Prefixes, p.FS) && storage(r) }
		row := slices.IndexFunc(table, known)
		if row < 0 || systems.Listed(p.FS) || p.Rel == "" {
			continue
		}
		listed := func(fs string) bool { return slices.Contains(table[row].Prefixes, fs) } // usb0: and usbflash0: are one
		if !slices.ContainsFunc(named, listed) {
			named = append(named, p.FS)
		}
	}
	return named
}

// storage reports whether a file system stores files by itself.
func storage(r ios.FileSystem) bool {
	return strings.HasSuffix(r.Type, "flash") || r.Type == "disk" || r.Type == "nvram"
}

// unlistedNotes names the removable file systems with files that the backup does
// not have. An absent one has no size.
func unlistedNotes(table []ios.FileSystem, found flash.Contents) []string {
	var left []string
	for _, r := range table {
		removable := r.Type == "usbflash" || slices.ContainsFunc(r.Prefixes, func(name string) bool { return strings.Contains(name, "usb") })
		if used := r.Size - r.Free; removable && storage(r) && r.Size > 0 && r.Free >= 0 && used > 0 && !found.Listed(r.Prefixes[0]) {
			left = append(left, fmt.Sprintf("%s (%d bytes in use)", r.Prefixes[0], used))
		}
	}
	if len(left) == 0 {
		return nil
	}
	return []string{"the files on " + strings.Join(left, ", ") + " are not in this backup: neither BOOT nor the configuration names one"}
}
