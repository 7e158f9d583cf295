package device

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

// The bounds of descending into directories one by one.
const (
	maxDepth       = 16
	maxDirectories = 1000
)

// Skipped is a file system or directory that was not listed, and why.
type Skipped struct {
	Path string
	Err  error
}

// Skipped returns what the last call of Files could not list.
func (d *Device) Skipped() []Skipped { return slices.Clone(d.skipped) }

// Files lists every directory of the file systems that a backup is made of:
// flash and disks, those of all stack members, and nvram:. What cannot be
// listed is kept for Skipped, but it is an error for the file system with the
// running image (see Facts) and where nothing can be listed at all.
func (d *Device) Files(ctx context.Context) ([]ios.Listing, error) {
	d.skipped = nil
	systems, table, err := d.fileSystems(ctx)
	if err != nil {
		return nil, err
	}
	var all []ios.Listing
	for _, fs := range systems {
		listings, err := d.list(ctx, fs.name)
		if lost(ctx, err) || err != nil && fs.running {
			return nil, err
		}
		if err != nil {
			d.skip(fs.name, err)
			continue
		}
		table = learnName(table, fs.name, listings)
		all = addNew(all, listings)
	}
	if len(all) == 0 && len(d.skipped) > 0 {
		return nil, d.skipped[0].Err
	}
	for i := range all {
		all[i].Table = table
	}
	return all, nil
}

// learnName enters into the table the name that a listing has in place of the
// one asked for, where the table does not have it: "dir flash:" may print
// "Directory of sdflash:/".
func learnName(table []ios.FileSystem, asked string, listings []ios.Listing) []ios.FileSystem {
	row := func(fs string) int {
		return slices.IndexFunc(table, func(r ios.FileSystem) bool { return slices.Contains(r.Prefixes, fs) })
	}
	for _, l := range listings {
		if i := row(asked); i >= 0 && row(l.FileSystem) < 0 {
			table[i].Prefixes = append(table[i].Prefixes, l.FileSystem)
		}
	}
	return table
}

// addNew adds the listings of directories that are not yet in all: a file
// system may be reached by several names.
func addNew(all, more []ios.Listing) []ios.Listing {
	for _, l := range more {
		same := func(have ios.Listing) bool { return ios.CleanPath(have.Path) == ios.CleanPath(l.Path) }
		if !slices.ContainsFunc(all, same) {
			all = append(all, l)
		}
	}
	return all
}

func (d *Device) skip(path string, err error) {
	d.skipped = append(d.skipped, Skipped{Path: path, Err: err})
	d.log.Info("not listed", "file", path, "err", err)
}

// lost reports whether err ended the session, so that no other command can be
// tried.
func lost(ctx context.Context, err error) bool {
	if err == nil {
		return false
	}
	switch cause.Of(err) {
	case cause.SessionLost, cause.Cancelled:
		return true
	}
	return ctx.Err() != nil
}

// fileSystem is one that is to be listed.
type fileSystem struct {
	name    string // with its colon
	running bool   // the running image is in it
}

// fileSystems chooses from show file systems, and returns that table. Old IOS
// does not know the command: it has flash: alone, and no table.
func (d *Device) fileSystems(ctx context.Context) (chosen []fileSystem, table []ios.FileSystem, err error) {
	text, err := d.line.Run(ctx, "show file systems", nil)
	if err != nil {
		return nil, nil, err
	}
	table, err = ios.ParseFileSystems(text)
	switch {
	case len(table) == 0:
		d.log.Debug("no table of file systems", "err", err)
		return []fileSystem{{name: "flash:", running: true}, {name: "nvram:"}}, nil, nil
	case err != nil: // a row that nobody can read is told, the others are listed
		d.skip("show file systems", err)
	}
	return choose(table, d.image), table, nil
}

// choose picks the file systems that a backup is made of. The one with the
// running image is asked by the name that the image's path has, the others by
// their first.
func choose(table []ios.FileSystem, image string) []fileSystem {
	running := runningPrefix(table, image)
	var chosen []fileSystem
	for _, row := range table {
		switch {
		case slices.Contains(row.Prefixes, running):
			chosen = append(chosen, fileSystem{name: running, running: true})
		case row.Default || holdsSoftware(row):
			chosen = append(chosen, fileSystem{name: row.Prefixes[0]})
		}
	}
	return chosen
}

// runningPrefix is the file system of the running image; the default one where
// the image does not tell, because it came over the network for instance.
func runningPrefix(table []ios.FileSystem, image string) string {
	prefix, _, _ := strings.Cut(image, ":")
	prefix += ":"
	standard := ""
	for _, row := range table {
		if row.Type != "network" && slices.Contains(row.Prefixes, prefix) {
			return prefix
		}
		if row.Default {
			standard = row.Prefixes[0]
		}
	}
	return standard
}

var aside = regexp.MustCompile(`^(?:stby-|slave)?(?:crashinfo|webui|obfl|usb|sup-(?:image|microcode)|logging|drec)`)

// holdsSoftware tells file systems with what a device is rebuilt from apart
// from removable ones and from those with logs and crash dumps.
func holdsSoftware(row ios.FileSystem) bool {
	if slices.ContainsFunc(row.Prefixes, aside.MatchString) || row.Flags == "wo" {
		return false
	}
	switch row.Type {
	case "flash", "disk":
		return true
	case "nvram":
		return slices.Contains(row.Prefixes, "nvram:") || slices.Contains(row.Prefixes, "const_nvram:")
	}
	return false
}

// list lists one file system with all its directories.
func (d *Device) list(ctx context.Context, name string) ([]ios.Listing, error) {
	if name != "nvram:" {
		listings, err := d.dir(ctx, "dir /recursive "+name)
		if err == nil || lost(ctx, err) {
			return listings, err
		}
		d.log.Debug("no recursive list", "file", name, "err", err)
	}
	listings, err := d.dir(ctx, "dir "+name)
	if err != nil && !lost(ctx, err) && !strings.Contains(name, "nvram") {
		// Some software and some accounts have this one only. It lists all
		// directories, where there are any.
		if shown, showErr := d.dir(ctx, "show "+strings.TrimSuffix(name, ":")); showErr == nil {
			return shown, nil
		}
	}
	if err != nil {
		return nil, err
	}
	return d.descend(ctx, listings)
}

// dir runs one list command. A list that the device broke off with an error is
// an error.
func (d *Device) dir(ctx context.Context, command string) ([]ios.Listing, error) {
	text, err := d.line.Run(ctx, command, nil)
	if err != nil {
		return nil, err
	}
	return ios.ParseDir(command, text)
}

// descend lists the directories in listings, and those in them, one by one.
func (d *Device) descend(ctx context.Context, listings []ios.Listing) ([]ios.Listing, error) {
	for i := 0; i < len(listings); i++ {
		for _, e := range listings[i].Entries {
			if e.Type != ios.TypeDirectory || e.Deleted {
				continue
			}
			path := listings[i].FilePath(e)
			if strings.Count(path, "/") > maxDepth || len(listings) >= maxDirectories {
				d.skip(path, fmt.Errorf("%s: more than %d directories, or %d in one another", path, maxDirectories, maxDepth))
				continue
			}
			found, err := d.directory(ctx, path)
			if lost(ctx, err) || err != nil && strings.HasPrefix(ios.CleanPath(d.image), ios.CleanPath(path)+"/") {
				return nil, err
			}
			if err != nil {
				d.skip(path, err)
				continue
			}
			listings = addNew(listings, found)
		}
	}
	return listings, nil
}

func (d *Device) directory(ctx context.Context, path string) ([]ios.Listing, error) {
	command, err := withPath("dir", path)
	if err != nil {
		return nil, err
	}
	return d.dir(ctx, command)
}
