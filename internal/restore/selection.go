package restore

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
)

// Errors of Select.
var (
	// ErrNoFile says that a snapshot has no file of a name.
	ErrNoFile = errors.New("no file")
	// ErrMerges says that the running-config cannot be put back.
	ErrMerges = errors.New("a copy into running-config merges with the existing lines and replaces nothing, so it is not restored")
)

// Selection is the part of a snapshot that a restore takes.
type Selection struct {
	Snapshot api.Snapshot
	Files    []api.File // each is in the vault
	Notes    []string   // the files that were left out, and why
	Named    bool       // the user named the files
}

// selected is the part of a snapshot that a request restores.
func selected(s api.Snapshot, req api.Restore) (Selection, error) {
	if req.DeletesOnly() {
		return Selection{Snapshot: s, Notes: []string{"no file is restored, because the request names only files to delete"}}, nil
	}
	return Select(s, req.Files)
}

// Select chooses the files of a snapshot that names mean: a path
// (flash:/dir/x.bin), or the last part of one (x.bin), which then means every
// file of that name. No names mean all. packages.conf brings the packages
// that it names. A name that means nothing is an *api.Problem.
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
		case len(names) > 0 || boots(f.Kind):
			return sel, &api.Problem{Cause: cause.SourceMissing, Detail: fmt.Sprintf("snapshot %s does not hold %s: %s", s.ID, f.Path, f.Message),
				Fix: api.Say("choose another snapshot: ").Do("snapshots", s.Device), Exit: api.ExitError}
		default:
			sel.Notes = append(sel.Notes, fmt.Sprintf("%s is not restored: the snapshot does not hold it (%s)", f.Path, f.Cause))
		}
	}
	return sel, nil
}

// everything is all files of a snapshot except the running-config and the settings
// of the boot loader.
func (s *Selection) everything() []api.File {
	var files []api.File
	for _, f := range s.Snapshot.Files {
		switch {
		case f.Path == api.RunningConfigPath:
			s.Notes = append(s.Notes, "the running-config is not restored: a copy into it merges with the existing lines. A restored startup-config takes effect after a reload")
		case flash.ParsePath(f.Path).Base() == "env_vars":
			s.Notes = append(s.Notes, f.Path+" is not restored: the boot loader keeps its own settings there (MAC address, BOOT, Manual Boot). If they are lost, restore it by its name")
		default:
			files = append(files, f)
		}
	}
	return files
}

// named finds the files that names mean.
func named(s api.Snapshot, names []string) ([]api.File, error) {
	var found []api.File
	for _, name := range names {
		some := meant(s, name)
		switch {
		case len(some) == 0:
			err := fmt.Errorf("snapshot %s has %w %q%s", s.ID, ErrNoFile, name, perhaps(s, name))
			return nil, &api.Problem{Detail: err.Error(), Fix: api.Do("show", s.ID).Say(" lists its files"), Exit: api.ExitUnknown, Err: err}
		case slices.ContainsFunc(some, func(f api.File) bool { return f.Path == api.RunningConfigPath }):
			return nil, &api.Problem{Detail: ErrMerges.Error(), Exit: api.ExitUsage, Err: ErrMerges,
				Fix: api.Say("restore the startup-config (nvram:startup-config or config.text) and start the device again with ").Option("reload", "")}
		}
		for _, f := range some {
			if !slices.ContainsFunc(found, func(have api.File) bool { return have.Path == f.Path }) {
				found = append(found, f)
			}
		}
	}
	return found, nil
}

// perhaps asks about the files whose names are similar to a wrong one.
func perhaps(s api.Snapshot, wrong string) string {
	var names []string
	for _, f := range s.Files {
		name := f.Path[strings.LastIndexAny(f.Path, "/:")+1:]
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if similar := catalog.Similar(names, wrong); len(similar) > 0 {
		return "; did you mean " + strings.Join(similar, ", ") + "?"
	}
	return ""
}

// meant is the files that one name means: a provisioning file comes with its
// packages.
func meant(s api.Snapshot, name string) []api.File {
	var found []api.File
	for _, f := range s.Files {
		if !flash.ParsePath(f.Path).Named(name) {
			continue
		}
		found = append(found, f)
		if f.Kind == api.KindBootPointer {
			found = append(found, packagesBeside(s, f.Path)...)
		}
	}
	return found
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

// boots reports whether nothing starts without files of this kind.
func boots(kind string) bool {
	return kind == api.KindImage || kind == api.KindPackage || kind == api.KindBootPointer
}

// Bootable returns the file of the selection that a boot line would name:
// packages.conf in install mode, else the image; of several the one that the
// device ran when it was captured.
func (s Selection) Bootable() (api.File, error) {
	found := slices.DeleteFunc(slices.Clone(s.Files), func(f api.File) bool { return f.Kind != api.KindImage && f.Kind != api.KindBootPointer })
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
		return api.File{}, errors.New("no image and no packages.conf is among the files to restore")
	case 1:
		return found[0], nil
	}
	return api.File{}, errors.New("several images are among the files to restore")
}

// systemsOf is the file systems of files.
func systemsOf(files []api.File) flash.Systems {
	var names []string
	for _, f := range files {
		names = append(names, flash.ParsePath(f.Path).FS)
	}
	return flash.Named(names...)
}

// rank orders the files of a restore: packages before the file that names
// them, images, files that the loader reads, then, after the boot lines are
// saved, private keys before the configuration that refers to them, and last
// vlan.dat, which a running switch writes again when a VLAN changes. The
// configuration comes after `write memory`, which would write the running one
// over it.
func rank(f api.PlannedFile) int {
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
	case f.Kind == api.KindConfig && !inNVRAM(f.Path):
		return afterBoot + 1
	case f.Kind == api.KindConfig:
		return afterBoot + 2
	}
	return afterBoot + 3 // vlan.dat
}

// afterBoot is the first rank of the files that are restored after the boot
// lines.
const afterBoot = 4

// inNVRAM reports whether a path is in nvram:, where a copy replaces the old
// file by itself, and nothing is deleted.
func inNVRAM(p string) bool { return flash.ParsePath(p).FS == "nvram:" }
