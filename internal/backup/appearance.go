package backup

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// appearance is what a look compares: a device as its newest snapshot has it, and as it is
// now. Free space, the order of entries, directories' own times and files that the device
// writes by itself are not part of it.
type appearance struct {
	facts  []string               // of ios.Facts.Lines, and how the files were selected
	files  map[string][]api.Entry // see filesIn
	config string                 // the running-config without its volatile lines
	saved  string                 // when the startup-config was written; empty: not known, or its time is among files
}

// selectionRules changes when Select takes other files than before from the same device: then no
// look confirms the snapshots of earlier versions.
const selectionRules = "selection 1"

// comparedLines are the lines that a snapshot keeps for later looks.
func comparedLines(f ios.Facts, policy api.Policy) []string {
	return append([]string{selectionRules, "files " + string(policy)}, f.Lines()...)
}

// filesIn returns the entries of listings by the paths of their files. A name has several
// entries where deleted files are listed. Sizes and times of directories are left out: they
// follow the files in them.
func filesIn(listings []api.Listing) map[string][]api.Entry {
	files := make(map[string][]api.Entry)
	for _, l := range listings {
		dir := flash.ParsePath(l.Path)
		prefix := dir.String()
		if dir.Rel != "" {
			prefix += "/"
		}
		for _, e := range l.Entries {
			path := prefix + e.Name
			if strings.HasPrefix(e.Name, "/") { // show flash prints whole paths
				path = flash.ParsePath(ios.Mounted(e.Name)).String()
			}
			if e.Directory {
				e.Modified, e.Size = "", -1
			}
			files[path] = append(files[path], e)
		}
	}
	return files
}

// without returns files without those that skip names.
func without(files map[string][]api.Entry, skip func(path string) bool) map[string][]api.Entry {
	maps.DeleteFunc(files, func(path string, _ []api.Entry) bool { return skip(path) })
	return files
}

// sameEntries reports whether the entries of one name mean the same. Their order and the
// spelling of their times do not matter.
func sameEntries(a, b []api.Entry) bool {
	return slices.Equal(a, b) || slices.Equal(normal(a), normal(b))
}

// normal returns entries in one order, with one spelling of their times.
func normal(entries []api.Entry) []api.Entry {
	entries = slices.Clone(entries)
	for i := range entries {
		entries[i].Modified = ios.SameMoment(entries[i].Modified)
	}
	slices.SortFunc(entries, func(a, b api.Entry) int {
		return cmp.Or(cmp.Compare(a.Modified, b.Modified), cmp.Compare(a.Size, b.Size), strings.Compare(fmt.Sprint(a.Deleted), fmt.Sprint(b.Deleted)))
	})
	return entries
}

// factChanges returns in words what show version and show boot print otherwise now.
func (old appearance) factChanges(now appearance) []string {
	var changes []string
	for _, line := range now.facts {
		if !slices.Contains(old.facts, line) {
			changes = append(changes, line+" is new")
		}
	}
	for _, line := range old.facts {
		if !slices.Contains(now.facts, line) {
			changes = append(changes, line+" is gone")
		}
	}
	if len(changes) == 0 && !slices.Equal(old.facts, now.facts) {
		changes = append(changes, "units are in another order")
	}
	return changes
}

// fileChanges returns in words which files changed, sorted by path.
func (old appearance) fileChanges(now appearance) []string {
	var changes []string
	for path, entries := range now.files {
		was, known := old.files[path]
		switch {
		case !known:
			changes = append(changes, path+" is new")
		case !sameEntries(entries, was):
			changes = append(changes, fmt.Sprintf("%s: %s; was %s", path, entryText(entries), entryText(was)))
		}
	}
	for path := range old.files {
		if _, there := now.files[path]; !there {
			changes = append(changes, path+" is gone")
		}
	}
	slices.Sort(changes)
	return changes
}

// entryText describes the entries of one name.
func entryText(entries []api.Entry) string {
	const most = 3
	var texts []string
	for i, e := range entries {
		if i == most {
			texts = append(texts, fmt.Sprintf("%d more", len(entries)-most))
			break
		}
		if e.Directory {
			texts = append(texts, "a directory")
			continue
		}
		text := fmt.Sprintf("%d bytes of %s", e.Size, cmp.Or(e.Modified, "no date"))
		if e.Deleted {
			text += ", deleted"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " and ")
}

// configChanges returns in words what changed in the configurations.
func (old appearance) configChanges(now appearance) []string {
	switch {
	case old.config != now.config:
		return []string{"the running-config changed"}
	case now.saved != "" && now.saved != old.saved:
		return []string{"the startup-config was written"}
	}
	return nil
}

// systemsOf returns the file systems that a look lists: those of the newest snapshot. nvram:
// is not listed where a file in flash has its content, and the time of it: config.text of a
// Catalyst with classic IOS, nvram_config of one with IOS-XE. If the snapshot has certificates
// of nvram:, it is listed, because others may have joined them.
func systemsOf(s api.Snapshot, f ios.Facts) []string {
	var systems []string
	for _, l := range s.Listings {
		if fs := listedWith(l); !slices.Contains(systems, fs) {
			systems = append(systems, fs)
		}
	}
	certificate := func(f api.File) bool { return flash.ParsePath(f.Path).FS == "nvram:" && !isStartup(f.Path) }
	if keptInFlash(s, f) && !slices.ContainsFunc(s.Files, certificate) {
		systems = slices.DeleteFunc(systems, func(fs string) bool { return fs == "nvram:" })
	}
	return systems
}

// keptInFlash reports whether a file in flash, with a time, is the startup-config.
func keptInFlash(s api.Snapshot, f ios.Facts) bool {
	config := flash.ParsePath(f.ConfigFile)
	for _, l := range s.Listings {
		at := flash.ParsePath(l.Path)
		for _, e := range l.Entries {
			root := at.Rel == "" && flash.KeepsImages(at.FS) && !e.Directory && e.Modified != ""
			if root && (e.Name == "nvram_config" || config.Rel != "" && e.Name == config.Rel) {
				return true
			}
		}
	}
	return false
}

// listingsOn returns the listings of these file systems.
func listingsOn(listings []api.Listing, systems []string) []api.Listing {
	return slices.DeleteFunc(slices.Clone(listings), func(l api.Listing) bool { return !slices.Contains(systems, listedWith(l)) })
}

// listedWith is the file system in the command that prints a listing: one command lists all
// partitions of flash.
func listedWith(l api.Listing) string {
	fs := flash.ParsePath(l.Path).FS
	if n := ios.Partition(fs); n != "" {
		fs = strings.TrimSuffix(fs, n+":")
	}
	return fs
}
