package restore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
)

// Errors of Select.
var (
	// ErrNoFile says that a snapshot has no file of a name.
	ErrNoFile = errors.New("no such file in the snapshot")
	// ErrMerges says that the running-config cannot be put back.
	ErrMerges = errors.New("a copy into running-config merges with what is there and replaces nothing, so it is not restored; " +
		"restore the startup-config (nvram:startup-config or config.text) and start the device again with --reload")
)

// Selection is what a restore takes from a snapshot.
type Selection struct {
	Snapshot api.Snapshot
	Files    []api.File // each is in the vault
	Notes    []string   // what was left out, and why
	Named    bool       // the user named the files
}

// Select chooses the files of a snapshot that names mean: a path
// (flash:/dir/x.bin), or the last part of one (x.bin), which then means every
// file of that name. No names mean all. packages.conf brings the packages
// that it names.
func Select(s api.Snapshot, names []string) (Selection, error) {
	sel := Selection{Snapshot: s, Named: len(names) > 0}
	var wanted []api.File
	var err error
	if len(names) == 0 {
		wanted = sel.everything()
	} else if wanted, err = named(s, names); err != nil {
		return sel, err
	}
	for _, f := range wanted {
		switch {
		case f.SHA256 != "":
			sel.Files = append(sel.Files, f)
		case len(names) > 0 || boots(f):
			return sel, cause.New(cause.SourceMissing, fmt.Sprintf("snapshot %s does not hold %s: %s", s.ID, f.Path, f.Message),
				api.Say("choose another snapshot: flashwarden snapshots "+s.Device))
		default:
			sel.Notes = append(sel.Notes, fmt.Sprintf("%s is not restored: the snapshot does not hold it (%s)", f.Path, f.Cause))
		}
	}
	return sel, nil
}

// everything is all of a snapshot but the running-config.
func (s *Selection) everything() []api.File {
	var files []api.File
	for _, f := range s.Snapshot.Files {
		if f.Path == backup.RunningConfigPath {
			s.Notes = append(s.Notes, "the running-config is not restored: a copy into it merges with what is there; the startup-config is replaced, and is in force after a reload")
			continue
		}
		files = append(files, f)
	}
	return files
}

func named(s api.Snapshot, names []string) ([]api.File, error) {
	var found []api.File
	add := func(f api.File) {
		if !slices.ContainsFunc(found, func(have api.File) bool { return have.Path == f.Path }) {
			found = append(found, f)
		}
	}
	for _, name := range names {
		matched := false
		for _, f := range s.Files {
			if !means(name, f.Path) {
				continue
			}
			if f.Path == backup.RunningConfigPath {
				return nil, ErrMerges
			}
			matched = true
			add(f)
			if f.Kind == api.KindBootPointer {
				for _, p := range packagesBeside(s, f.Path) {
					add(p)
				}
			}
		}
		if !matched {
			return nil, fmt.Errorf("%w: %s holds no %q; `flashwarden show %s` lists what it holds", ErrNoFile, s.ID, name, s.ID)
		}
	}
	return found, nil
}

// means reports whether a name that the user gave is for the file p.
func means(name, p string) bool {
	if strings.Contains(name, ":") {
		return flash.ParsePath(name) == flash.ParsePath(p)
	}
	file := flash.ParsePath(p)
	name = strings.TrimPrefix(name, "/")
	return name == file.Rel || name == file.Base()
}

// packagesBeside is the packages in the directory of a packages.conf.
func packagesBeside(s api.Snapshot, pointer string) []api.File {
	var out []api.File
	for _, f := range s.Files {
		if f.Kind == api.KindPackage && flash.ParsePath(f.Path).Dir() == flash.ParsePath(pointer).Dir() {
			out = append(out, f)
		}
	}
	return out
}

// boots tells the files without which nothing starts.
func boots(f api.File) bool {
	return f.Kind == api.KindImage || f.Kind == api.KindPackage || f.Kind == api.KindBootPointer
}

// Bootable returns the file of the selection that a boot line would name:
// packages.conf in install mode, else the image; of several the one that the
// device ran when it was captured.
func (s Selection) Bootable() (api.File, error) {
	var found []api.File
	for _, f := range s.Files {
		if f.Kind == api.KindImage || f.Kind == api.KindBootPointer {
			found = append(found, f)
		}
	}
	ran, systems := flash.ParsePath(s.Snapshot.Facts.Image), systemsOf(found)
	for _, isIt := range []func(a, b flash.Path) bool{systems.Same, systems.SameOnUnits} {
		if i := slices.IndexFunc(found, func(f api.File) bool { return isIt(flash.ParsePath(f.Path), ran) }); i >= 0 {
			return found[i], nil
		}
	}
	several := make(map[flash.Path]bool)
	for _, f := range found {
		p := flash.ParsePath(f.Path)
		several[p.On(systems.Family(p.FS))] = true
	}
	switch len(several) {
	case 0:
		return api.File{}, errors.New("--set-boot: no image and no packages.conf is among the files to restore")
	case 1:
		return found[0], nil
	}
	return api.File{}, errors.New("--set-boot: several images are among the files to restore; name one with --file")
}

// systemsOf is the file systems of files.
func systemsOf(files []api.File) flash.Systems {
	var names []string
	for _, f := range files {
		names = append(names, flash.ParsePath(f.Path).FS)
	}
	return flash.Named(names...)
}

// order says what is restored first: packages before the file that names
// them, images, what the loader reads, then, after the boot lines are saved,
// private keys before the configuration that refers to them, and last
// vlan.dat, which a running switch writes again when a VLAN changes. The
// configuration comes after `write memory`, which would write the running one
// over it.
func order(f api.File) int {
	p := flash.ParsePath(f.Path)
	switch {
	case f.Kind == api.KindPackage:
		return 0
	case f.Kind == api.KindImage:
		return 1
	case f.Kind == api.KindOther:
		return 2
	case f.Kind == api.KindBootPointer:
		return 3
	case strings.HasPrefix(p.Base(), "private-config"):
		return afterBoot
	case f.Kind == api.KindConfig && p.FS != "nvram:":
		return afterBoot + 1
	case f.Kind == api.KindConfig:
		return afterBoot + 2
	}
	return afterBoot + 3 // vlan.dat
}

// afterBoot is the first order of what is restored after the boot lines.
const afterBoot = 4
