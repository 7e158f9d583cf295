package restore

import (
	"cmp"
	"fmt"
	"path"
	"slices"

	"flashwarden/api"
	"flashwarden/internal/flash"
)

// damagedStart refuses boot lines and a restart after which a unit would start from
// an image or a package that is damaged by its own checksums. The vault keeps such a
// file as the device had it, so that its digest proves nothing about its health.
func (p planning) damagedStart(b bootChange, a answers, steps []api.PlanStep) []api.Problem {
	if !p.request.SetBoot && !p.request.Reload || len(steps) == 0 {
		return nil
	}
	after := p.after(a, steps)
	files := after.startFiles(after.loaders(), b.files)
	if b.install {
		files = append(files, flash.File{Path: b.place})
	}
	for _, f := range files {
		if bad, ok := p.damaged(a, f); ok {
			return []api.Problem{*unsafeBoot(fmt.Sprintf("%s would start from %s, which is %s", p.device.Name, f, bad.Image),
				api.Say("restore a good image: ").Do("images").Say(" shows which are; or leave out ").Option("set_boot", "").Say(" and ").Option("reload", ""))}
		}
	}
	return nil
}

// shortStart refuses a restart after which a unit would start from an image or a package
// that has fewer bytes than the file of this name in the snapshot, or on another unit: a
// copy of it broke off. Files that this restore has compared by their digests are whole.
func (p planning) shortStart(b bootChange, a answers, steps []api.PlanStep) []api.Problem {
	if len(steps) == 0 || steps[len(steps)-1].Kind != api.PlanReload {
		return nil
	}
	after := p.after(a, steps)
	for _, f := range after.startFiles(after.loaders(), b.files) {
		if short := p.short(after, a, f); short != "" {
			return []api.Problem{*unsafeBoot(fmt.Sprintf("%s would start from %s, which %s", p.device.Name, f, short),
				api.Say("look with ").Type(api.OnDevice, "verify "+f.String()).Say("; copy a whole file there by hand, or leave out ").Option("reload", ""))}
		}
	}
	return nil
}

// short says how f is shorter than it should be; empty if nothing is known against it.
func (p planning) short(after view, a answers, f flash.File) string {
	compared := slices.ContainsFunc(a.files, func(restored api.PlannedFile) bool { return restored.Path == f.String() })
	where, size := p.longer(after, f)
	if compared || where == "" || path.Ext(f.Rel) == ".conf" {
		return ""
	}
	return fmt.Sprintf("has %d bytes, and %s has %d: it may be incomplete", f.Entry.Size, where, size)
}

// doubts names an image that the BOOT of a unit names, and why no loader may start it. It is
// empty if there is nothing against one of them, or if BOOT names none.
func (p planning) doubts(v view, a answers, l loader) string {
	var why string
	for _, file := range l.next {
		f, ok := v.image(l, file)
		if !ok {
			continue
		}
		doubt := ""
		for _, part := range v.parts(f) {
			if short := p.short(v, a, part); short != "" {
				doubt = part.String() + ", which " + short
			} else if bad, ok := p.damaged(a, part); ok {
				doubt = part.String() + ", which is " + bad.Image.String()
			}
		}
		if doubt == "" {
			return ""
		}
		why = cmp.Or(why, doubt)
	}
	return why
}

// parts is an image, or a provisioning file and the packages that it names.
func (v view) parts(f flash.File) []flash.File {
	files := []flash.File{f}
	for _, name := range v.provisioned[f.Path] {
		if pkg, ok := v.File(f.Dir().Join(name)); ok {
			files = append(files, pkg)
		}
	}
	return files
}

// longer returns where a file of the same name has more bytes than f, and how many;
// empty where none is known.
func (p planning) longer(after view, f flash.File) (where string, size int64) {
	for _, of := range p.selection.Snapshot.Files {
		if p.view.sameOnUnits(of.Path, f.String()) && of.Size > f.Entry.Size && f.Entry.Size >= 0 {
			return "that of the snapshot", of.Size
		}
	}
	for _, other := range after.OnEveryUnit(f) {
		if other.Entry.Size > f.Entry.Size && f.Entry.Size >= 0 {
			return other.String(), other.Entry.Size
		}
	}
	return "", 0
}

// startFiles is the file that each unit starts from first, with the packages that a
// provisioning file names. boot takes the place of what a unit boots next, if it is
// not empty.
func (v view) startFiles(loaders []loader, boot []string) []flash.File {
	var files []flash.File
	for _, l := range loaders {
		if len(boot) > 0 {
			l.next = boot
		}
		all := v.images(l) // those of BOOT are the first
		if len(all) == 0 {
			continue
		}
		f, _ := v.File(all[0])
		files = append(files, v.parts(f)...)
	}
	return files
}

// damaged returns the file of the snapshot that f is, or will be, if that one is
// damaged. A file that is not restored is the one of the snapshot if its name, size
// and date are the same.
func (p planning) damaged(a answers, f flash.File) (api.File, bool) {
	for _, bad := range p.selection.Snapshot.Files {
		if bad.Image == nil || bad.Image.Verdict != api.ImageBad {
			continue
		}
		i := slices.IndexFunc(a.files, func(restored api.PlannedFile) bool { return restored.Path == f.String() })
		switch {
		case i >= 0 && a.files[i].SHA256 == bad.SHA256:
			return bad, true
		case i < 0 && p.view.sameOnUnits(bad.Path, f.String()) && bad.Size == f.Entry.Size && slices.Contains(p.datesOf(bad.Path), f.Entry.Modified):
			return bad, true
		}
	}
	return api.File{}, false
}

// datesOf returns the dates of a file in the listings of the snapshot.
func (p planning) datesOf(file string) []string {
	var dates []string
	for _, l := range p.selection.Snapshot.Listings {
		for _, e := range l.Entries {
			if name := flash.ParsePath(l.Path).Join(e.Name); p.view.same(name.String(), file) {
				dates = append(dates, e.Modified)
			}
		}
	}
	return dates
}
