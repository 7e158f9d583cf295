package terminal

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// fewCells is the room for the names of the devices in the table of images.
const fewCells = 24

// FormatImages returns the table of images, and below it their problems.
func FormatImages(images []api.Image, l Layout) string {
	var b strings.Builder
	b.WriteString(tableOfImages(images, l).Format(l))
	for _, i := range images {
		b.WriteString(imageProblems(i))
	}
	return b.String()
}

func tableOfImages(images []api.Image, l Layout) Table {
	table := Table{Columns: []Column{{Head: "SHA256", Keep: true}, {Head: "NAME"}, {Head: "VERSION", Keep: true}, {Head: "SIZE", Right: true, Keep: true},
		{Head: "DEVICES"}, {Head: "FILE VERSION", Wide: true}, {Head: "INTEGRITY", Spare: true}, {Head: "PUBLISHED", Spare: true}}}
	for _, r := range releases(images) {
		table.Rows = append(table.Rows, r.row(l))
	}
	return table
}

// release is one image, or the packages of one release that the same devices
// run.
type release []api.Image

// releases joins the packages of each release. It keeps the order of the images.
func releases(images []api.Image) []release {
	var all []release
	index := make(map[string]int)
	for _, i := range images {
		if i.Kind != api.KindPackage || i.Version == "" {
			all = append(all, release{i})
			continue
		}
		key := fmt.Sprint(i.Version, i.InVault, i.Cause, i.Devices)
		at, known := index[key]
		if !known {
			at = len(all)
			index[key], all = at, append(all, nil)
		}
		all[at] = append(all[at], i)
	}
	return all
}

// row is the line of a release.
func (r release) row(l Layout) []Cell {
	first := r[0]
	place := Cell{Text: l.Digest(first.SHA256)}
	name := strings.Join(first.Names, " ")
	if len(r) > 1 {
		place, name = Cell{Text: Count(len(r), "package")}, r.pattern()
	}
	if !first.InVault {
		place = Cell{Text: "NOT IN THE VAULT", Tone: Bad}
	}
	fileVersion := ""
	if first.Image != nil {
		fileVersion = first.Image.Version
	}
	row := Texts("", name, cmp.Or(first.Version, fileVersion), Bytes(r.bytes()), fewDevices(first.Devices, l), fileVersion, "", "")
	row[0], row[len(row)-2], row[len(row)-1] = place, r.integrity(), r.published()
	return row
}

// bytes is the size of all files; -1 if that of one is unknown.
func (r release) bytes() int64 {
	var sum int64
	for _, i := range r {
		if i.Size < 0 {
			return -1
		}
		sum += i.Size
	}
	return sum
}

// pattern is the names of the packages as one, with * where they differ:
// cat9k-*.17.09.04a.SPA.pkg.
func (r release) pattern() string {
	begin, end := r[0].Names[0], r[0].Names[0]
	for _, i := range r[1:] {
		name := i.Names[0]
		for !strings.HasPrefix(name, begin) {
			begin = begin[:len(begin)-1]
		}
		for !strings.HasSuffix(name, end) {
			end = end[1:]
		}
	}
	if len(begin)+len(end) > len(r[0].Names[0]) {
		end = ""
	}
	return begin + "*" + end
}

// integrity is the worst verdict on the files.
func (r release) integrity() Cell {
	words := map[string]Cell{
		api.ImageGood: {Text: "ok", Tone: Good}, api.ImageBad: {Text: "damaged", Tone: Bad}, api.ImageUnknown: {Text: "unknown"},
	}
	for _, verdict := range []string{api.ImageBad, api.ImageUnknown, api.ImageGood} {
		for _, i := range r {
			if i.Image != nil && i.Image.Verdict == verdict {
				return words[verdict]
			}
		}
	}
	return Cell{}
}

// published is the worst verdict of the last list of published digests.
func (r release) published() Cell {
	tones := map[string]Tone{api.PublishedDiffers: Bad, api.PublishedYes: Good}
	for _, verdict := range []string{api.PublishedDiffers, api.PublishedUnknown, api.PublishedYes} {
		if slices.ContainsFunc(r, func(i api.Image) bool { return i.Published == verdict }) {
			return Cell{Text: verdict, Tone: tones[verdict]}
		}
	}
	return Cell{}
}

// fewDevices lists up to three names of devices, in natural order, if there is room for
// them; else it counts them. If all is asked for, it lists all.
func fewDevices(names []string, l Layout) string {
	names = slices.SortedFunc(slices.Values(names), api.CompareNames)
	list := strings.Join(names, " ")
	if l.All || len(names) < 2 || len(names) <= 3 && (l.Columns == 0 || Width(list) <= fewCells) {
		return list
	}
	return Count(len(names), "device")
}

// imageProblems returns a line for each problem of an image.
func imageProblems(i api.Image) string {
	var b strings.Builder
	name := OneLine(strings.Join(i.Names, " "))
	if i.Image != nil && i.Image.Verdict == api.ImageBad {
		fmt.Fprintf(&b, "%s is %s\n", name, OneLine(i.Image.String()))
	}
	if i.Published == api.PublishedDiffers {
		fmt.Fprintf(&b, "%s differs from the published image of this name: back it up again, compare it with a device that you trust, and do not restore it\n", name)
	}
	for _, d := range i.Disagreements {
		fmt.Fprintf(&b, "%s: %s\n", name, OneLine(d))
	}
	return b.String()
}
