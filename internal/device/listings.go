package device

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/lazyregexp"
)

// Bounds for listing directories one by one.
const (
	maxDepth       = 16
	maxDirectories = 1000
)

// Skipped is a file system or directory that could not be listed, and the
// reason.
type Skipped struct {
	Path   string
	Err    error
	System bool // a whole file system that is there: nobody knows which files are missing
}

// Skipped returns the places that the last call of Files could not list.
func (d *Device) Skipped() []Skipped { return slices.Clone(d.skipped) }

// Files lists every directory of the file systems that belong in a backup:
// flash and disks, those of all stack members, and nvram:. Places that it
// cannot list go to Skipped. Three cases are an error: the file system with the
// running image (see Facts) cannot be listed, no file system can, or the device
// asks a question at a command that has none.
func (d *Device) Files(ctx context.Context) ([]ios.Listing, error) {
	d.skipped = nil
	systems, table, err := d.fileSystems(ctx)
	if err != nil {
		return nil, err
	}
	var all []ios.Listing
	for _, fs := range systems {
		listings, err := d.list(ctx, fs.name)
		if ends(ctx, err) || err != nil && fs.running {
			return nil, err
		}
		if err != nil {
			d.skip(Skipped{fs.name, err, fs.there})
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

// learnName adds the name that a listing prints to the table, if it differs
// from the name in the command and the table lacks it: "dir flash:" may print
// "Directory of sdflash:/".
func learnName(table []ios.FileSystem, asked string, listings []ios.Listing) []ios.FileSystem {
	row := func(fs string) int {
		return slices.IndexFunc(table, func(r ios.FileSystem) bool { return slices.Contains(r.Prefixes, fs) })
	}
	for _, l := range listings {
		if i := row(asked); i >= 0 && row(l.FileSystem) < 0 && ios.Partition(l.FileSystem) == "" {
			table[i].Prefixes = append(table[i].Prefixes, l.FileSystem)
		}
	}
	return table
}

// addNew adds the listings of directories that are not in all yet. One file
// system may have several names.
func addNew(all, more []ios.Listing) []ios.Listing {
	for _, l := range more {
		same := func(have ios.Listing) bool { return ios.CleanPath(have.Path) == ios.CleanPath(l.Path) }
		if !slices.ContainsFunc(all, same) {
			all = append(all, l)
		}
	}
	return all
}

func (d *Device) skip(s Skipped) {
	d.skipped = append(d.skipped, s)
	d.log.Info("not listed", "file", s.Path, "err", s.Err)
}

// lost reports whether err ended the session, so that no other command can run.
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

// ends reports whether nothing more may be listed after err: the session is lost, or
// the device asked a question, and nobody knows what it would do next.
func ends(ctx context.Context, err error) bool {
	switch cause.Of(err) {
	case cause.UnsafePrompt, cause.PromptUnrecognised:
		return err != nil
	}
	return lost(ctx, err)
}

// fileSystem is one file system to list.
type fileSystem struct {
	name    string // with its colon
	running bool   // it has the running image
	there   bool   // it has a size in the table: an empty slot has none
}

// fileSystems reads show file systems, and returns that table and the file
// systems to list. Old IOS does not know the command: it has only flash:, and
// no table.
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
	case err != nil: // report the row that cannot be read, and list the others
		d.skip(Skipped{"show file systems", err, true})
	}
	table = ios.JoinStandby(table)
	return choose(table, d.image), table, nil
}

// choose picks the file systems for a backup. For the one with the running
// image it uses the name in the image's path, for the others their first name.
func choose(table []ios.FileSystem, image string) []fileSystem {
	running := runningPrefix(table, image)
	var chosen []fileSystem
	for _, row := range table {
		switch {
		case slices.Contains(row.Prefixes, running):
			chosen = append(chosen, fileSystem{running, true, row.Size > 0})
		case row.Default || holdsSoftware(row):
			chosen = append(chosen, fileSystem{row.Prefixes[0], false, row.Size > 0})
		}
	}
	return chosen
}

// runningPrefix returns the file system of the running image, or the default
// one if the image's path names none, for example after a boot over the
// network.
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

var aside = lazyregexp.New(`^(?:stby-|slave)?(?:crashinfo|webui|obfl|usb|sup-(?:image|microcode)|logging|drec)`)

// holdsSoftware reports whether a file system can hold files for rebuilding the
// device. Removable ones and those for logs and crash dumps do not count.
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

// list lists one file system with all its directories. Where each command prints
// lines that cannot be read, it returns the rest, and the listings name the
// lines.
func (d *Device) list(ctx context.Context, name string) ([]ios.Listing, error) {
	var partial []ios.Listing
	if name != "nvram:" {
		listings, err := d.dir(ctx, "dir /recursive "+name)
		if err == nil || ends(ctx, err) {
			return listings, err
		}
		partial = rest(listings, err)
		d.log.Debug("no recursive list", "file", name, "err", err)
	}
	listings, err := d.dir(ctx, "dir "+name)
	if err != nil && !ends(ctx, err) && !strings.Contains(name, "nvram") {
		// Some software and some accounts have only this command. It lists
		// directories too, if there are any.
		if shown, showErr := d.dir(ctx, "show "+strings.TrimSuffix(name, ":")); showErr == nil {
			return shown, nil
		}
	}
	switch {
	case err != nil && !ends(ctx, err) && len(partial) > 0:
		return partial, nil
	case err != nil && len(rest(listings, err)) == 0:
		return nil, err
	}
	return d.descend(ctx, listings)
}

// rest returns the listings beside an error about a line that cannot be read.
func rest(listings []ios.Listing, err error) []ios.Listing {
	if errors.Is(err, ios.ErrUnread) {
		return listings
	}
	return nil
}

// dir runs one listing command. A listing that the device ends with an error is
// an error.
func (d *Device) dir(ctx context.Context, command string) ([]ios.Listing, error) {
	text, err := d.line.Run(ctx, command, nil)
	if err != nil {
		return nil, err
	}
	listings, err := ios.ParseDir(command, text)
	if err == nil && endLost(command, listings) {
		last := &listings[len(listings)-1]
		last.Unread = append(last.Unread, "the line about space at the end is missing")
	}
	return listings, err
}

// endLost reports whether the end of a list of a whole file system is missing: dir ends
// such a list with its space. A console without flow control loses lines.
func endLost(command string, listings []ios.Listing) bool {
	files := func(l ios.Listing) bool { return len(l.Entries) > 0 }
	space := func(l ios.Listing) bool { return l.Total >= 0 || l.Free >= 0 }
	return strings.HasPrefix(command, "dir ") && strings.HasSuffix(command, ":") && slices.ContainsFunc(listings, files) && !slices.ContainsFunc(listings, space)
}

// descend lists the directories in listings one by one, and the directories in
// them.
func (d *Device) descend(ctx context.Context, listings []ios.Listing) ([]ios.Listing, error) {
	for i := 0; i < len(listings); i++ {
		for _, e := range listings[i].Entries {
			if e.Type != ios.TypeDirectory || e.Deleted {
				continue
			}
			path := listings[i].FilePath(e)
			if strings.Count(path, "/") > maxDepth || len(listings) >= maxDirectories {
				d.skip(Skipped{Path: path, Err: fmt.Errorf("%s: more than %d directories, or deeper than %d levels", path, maxDirectories, maxDepth)})
				continue
			}
			found, err := d.directory(ctx, path)
			if ends(ctx, err) || err != nil && strings.HasPrefix(ios.CleanPath(d.image), ios.CleanPath(path)+"/") {
				return nil, err
			}
			if err != nil {
				d.skip(Skipped{Path: path, Err: err})
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
	listings, err := d.dir(ctx, command)
	if r := rest(listings, err); len(r) > 0 {
		return r, nil
	}
	return listings, err
}
