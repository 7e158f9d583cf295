package restore

import (
	"fmt"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/transfer"
)

// aim decides where each file goes, and in which order. A file whose name is
// taken differs, until a comparison says otherwise.
func (p planning) aim() (files []api.PlannedFile, refused []api.Problem) {
	missing := make(map[string]bool)
	for _, f := range p.selection.Files {
		for _, fs := range p.places(f) {
			if p.view.Listed(fs) {
				files = p.place(files, f, p.view.Canonical(fs))
			} else if !missing[fs] {
				missing[fs] = true
				refused = append(refused, failure(cause.New(cause.SourceMissing, fmt.Sprintf("%s has no %s for %s", p.device.Name, fs, f.Path),
					api.Say("choose the files with ").Option("file", "").Say(", or another file system with ").Option("to", "").Say("; ").
						Type(api.OnDevice, "show file systems").Say(" lists them"))))
			}
		}
	}
	slices.SortStableFunc(files, func(a, b api.PlannedFile) int { return rank(a) - rank(b) })
	for i, f := range files {
		var why []api.Problem
		files[i], why = p.found(f)
		refused = append(refused, why...)
	}
	return files, refused
}

// places is the file systems that a file goes to: where it was, or the one that
// the user names. A file that the user names and that boots, or is to boot next,
// goes to every unit.
func (p planning) places(f api.File) []string {
	fs := flash.ParsePath(f.Path).FS
	switch {
	case p.request.To != "" && boots(f.Kind) && p.request.SetBoot && p.view.Unit(p.request.To) == "":
		return append([]string{p.request.To}, p.view.Siblings(p.request.To)...)
	case p.request.To != "":
		return []string{p.request.To}
	case boots(f.Kind) && (p.selection.Named || p.request.SetBoot) && p.view.Unit(fs) == "":
		return append([]string{fs}, p.view.Siblings(fs)...)
	}
	return []string{fs}
}

// place adds f to the files, in the file system fs. If the snapshot also has a
// unit's own file, that one is taken.
func (p planning) place(files []api.PlannedFile, f api.File, fs string) []api.PlannedFile {
	at := flash.ParsePath(f.Path).On(fs)
	if p.request.To == "" && p.view.isConfigFile(at) {
		at = flash.ParsePath(startupConfig)
	}
	t := api.PlannedFile{Path: at.String(), Size: f.Size, There: -1, From: f.Path, Kind: f.Kind, MD5: f.MD5, SHA256: f.SHA256, SHA512: f.SHA512}
	i := slices.IndexFunc(files, func(have api.PlannedFile) bool { return have.Path == t.Path })
	switch {
	case i < 0:
		return append(files, t)
	case p.view.same(f.Path, t.Path):
		files[i] = t
	}
	return files
}

// found describes the file in the place of a target.
func (p planning) found(f api.PlannedFile) (api.PlannedFile, []api.Problem) {
	if err := p.via.transport(nil).Check(transfer.File{Path: f.Path, Size: f.Size, ToDevice: true}); err != nil {
		return f, []api.Problem{failure(err)}
	}
	e, there := p.view.entry(f.Path)
	switch {
	case !there:
		f.State = api.Absent
	case e.IsDir():
		f.State = api.Absent
		return f, []api.Problem{refusal(f.Path+" is a directory on the device", api.Say("choose another place with ").Option("to", "").Say(", or remove it by hand"))}
	default:
		f.State, f.There = api.Differs, e.Entry.Size
	}
	return f, nil
}

// readOnly refuses to change file systems that the device shows as read-only, such as
// the flash of a router that runs from it. It names each one once.
func (p planning) readOnly(files []api.PlannedFile) []api.Problem {
	var touched []string
	for _, f := range files {
		if f.State != api.Equal {
			touched = append(touched, f.Path)
		}
	}
	var refused []api.Problem
	seen := make(map[string]bool)
	for _, file := range append(touched, p.request.Delete...) {
		fs := p.view.Canonical(flash.ParsePath(file).FS)
		if row, ok := p.view.row(fs); !ok || row.Flags != "ro" || seen[fs] {
			continue
		}
		seen[fs] = true
		refused = append(refused, refusal(fmt.Sprintf("%s of %s is read-only, as `show file systems` shows", fs, p.device.Name),
			api.Say("restore to another file system with ").Option("to", "").Say("; a router that runs from its flash can be written only when it has started from its boot ROM image")))
	}
	return refused
}

// removals is the files that would be deleted, as steps: those that differ and
// are replaced, and those that the user names. It refuses files that must stay.
func (p planning) removals(files []api.PlannedFile) (steps []api.PlanStep, refused []api.Problem) {
	var gone []string
	for _, f := range files {
		if f.State != api.Differs {
			continue
		}
		if why := p.mustStay(f, p.view.strands(append(gone, f.Path))); why != nil {
			refused = append(refused, *why)
			continue
		}
		gone = append(gone, f.Path)
		steps = append(steps, api.PlanStep{Kind: api.PlanDelete, Path: f.Path, Size: f.There})
	}
	replaced := len(steps)
	for _, name := range p.request.Delete {
		if slices.ContainsFunc(steps[replaced:], func(s api.PlanStep) bool { return p.view.same(s.Path, name) }) {
			continue // named twice
		}
		if why := p.mayNotDelete(name, files, p.view.strands(append(gone, name))); why != nil {
			refused = append(refused, *why)
			continue
		}
		gone = append(gone, name)
		e, _ := p.view.entry(name)
		steps = append(steps, api.PlanStep{Kind: api.PlanDelete, Path: name, Size: e.Entry.Size})
	}
	return steps, refused
}

// mustStay refuses to touch a file with other content, unless the user said so
// and the device does not need it: it is not in use, and not the last one that
// boots.
func (p planning) mustStay(f api.PlannedFile, strands string) *api.Problem {
	var why api.Problem
	switch used := p.view.inUse(f.Path); {
	case used != "":
		why = refusal(fmt.Sprintf("%s is on %s with other content, and %s", f.Path, p.device.Name, used),
			api.Say("a file that is in use is never replaced; restore to another place with ").Option("to", "").Say(", or boot another image first"))
	case !p.request.Replace:
		why = refusal(fmt.Sprintf("%s is on %s with other content (%d bytes there, %d bytes in the snapshot)", f.Path, p.device.Name, f.There, f.Size),
			api.Say("restore other files with ").Option("file", "").Say(", or add ").Option("replace", "").Say(", which deletes it after confirming that the vault has a copy"))
	case strands != "":
		why = refusal(fmt.Sprintf("%s cannot be replaced: it is the last file that %s could boot", f.Path, p.whose(strands)),
			api.Say("restore an image under another name first, or to another place with ").Option("to", ""))
	default:
		return nil
	}
	return &why
}

// mayNotDelete refuses to delete a file that is in use, is not there, or is the
// last one that boots.
func (p planning) mayNotDelete(name string, files []api.PlannedFile, strands string) *api.Problem {
	if err := ios.Typeable("file", name); err != nil {
		why := failure(err)
		return &why
	}
	e, there := p.view.entry(name)
	used := p.view.inUse(name)
	var why api.Problem
	switch {
	case !there || e.IsDir():
		why = refusal(fmt.Sprintf("%s cannot be deleted: there is no such file on %s", name, p.device.Name),
			api.Say("give the whole path, as flash:/dir/x.bin; ").Type(api.OnDevice, "dir").Say(" lists the files"))
	case used != "":
		why = refusal(fmt.Sprintf("%s cannot be deleted: %s", name, used), api.Say("boot another image first"))
	case slices.ContainsFunc(files, func(f api.PlannedFile) bool { return p.view.same(f.Path, name) }):
		why = refusal(name+" cannot be both deleted and restored", api.Say("drop ").Option("delete", "").Say(" or ").Option("file", ""))
	case strands != "":
		why = refusal(fmt.Sprintf("%s cannot be deleted: it is the last file that %s could boot", name, p.whose(strands)), api.Say("restore an image first"))
	default:
		return nil
	}
	return &why
}

// whose is the name of a unit in a sentence: that of the device where it has no
// other unit.
func (p planning) whose(unit string) string {
	if len(p.view.loaders()) == 1 {
		return p.device.Name
	}
	return unit + " of " + p.device.Name
}

// startupConfig is the name under which every device takes a startup-config.
const startupConfig = "nvram:startup-config"

// isStartup reports whether a path is the startup-config.
func isStartup(p string) bool { return flash.ParsePath(p) == flash.ParsePath(startupConfig) }

// readsAtStart reports whether the device reads a file as its startup-config when it starts.
// A file that only has such a name is none: "copy startup-config flash:" leaves one.
func (v view) readsAtStart(file string) bool {
	at := flash.ParsePath(file)
	name := v.facts.ConfigFile
	if name == "" && v.oneSetting() {
		name = "flash:/config.text"
	}
	return isStartup(file) || name != "" && v.SameOnUnits(at, flash.ParsePath(name))
}

// isConfigFile reports whether a file in flash is the startup-config under its
// other name: config.text of a Catalyst with classic IOS, on any member. It is
// restored as nvram:startup-config. IOS receives that whole before it writes it,
// so that the old one stays if the copy fails, and nothing has to be deleted
// first.
func (v view) isConfigFile(at flash.Path) bool {
	if len(v.boot.Units) == 0 || !v.boot.Units[0].PathList || v.facts.ConfigFile == "" || !v.Listed("nvram:") {
		return false
	}
	return v.SameOnUnits(at, flash.ParsePath(v.facts.ConfigFile))
}
