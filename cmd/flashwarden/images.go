package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/hashlist"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func imagesCommand(p *program) *cobra.Command {
	var missing bool
	var against string
	cmd := &cobra.Command{
		Use:   "images",
		Short: "list the images, in the vault and missing, and who runs them",
		Args:  usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				images, err := w.Images(ctx)
				if err == nil && against != "" {
					images, err = compareImages(ctx, w, images, against)
				}
				if err != nil {
					return err
				}
				differ := slices.ContainsFunc(images, func(i api.Image) bool { return i.Published == api.PublishedDiffers })
				if missing {
					images = slices.DeleteFunc(images, func(i api.Image) bool { return i.InVault })
				}
				if len(images) == 0 && !p.json && !p.quiet {
					p.tell("", noImages(missing))
					return nil
				}
				if err := printImages(&p.output, images); err != nil || against == "" || !differ {
					return err
				}
				return errProblems
			})
		},
	}
	cmd.Flags().BoolVar(&missing, "missing", false, "only images that devices run and that the vault does not have")
	cmd.Flags().StringVar(&against, "against", "", "compare with the published digests in `FILE`")
	wideFlag(cmd, &p.output)
	return cmd
}

// compareImages compares the images with a list in a file. Only lines that may
// concern them are sent.
func compareImages(ctx context.Context, w warden.Warden, images []api.Image, file string) ([]api.Image, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, usageError{fmt.Errorf("--against: %w", err)}
	}
	defer f.Close()
	known := make(map[string]bool)
	for _, i := range images {
		for _, text := range append([]string{i.MD5, i.SHA256}, i.Names...) {
			known[text] = text != ""
		}
	}
	var r api.Hashes
	err = hashlist.Read(f, func(h api.Hash) {
		if known[h.Name] || known[h.MD5] || known[h.SHA256] {
			r.Hashes = append(r.Hashes, h)
		}
	})
	if err != nil {
		return nil, usageError{fmt.Errorf("--against %s: %w", file, err)}
	}
	return w.CompareImages(ctx, r)
}

// noImages says why there are none to list.
func noImages(missing bool) string {
	if missing {
		return "No image is missing: the vault has the image of each device that was backed up"
	}
	return "No images yet. Back up some devices: " + api.Do("backup").With("all", "").String()
}

func printImages(o *output, images []api.Image) error {
	if o.json {
		return writeJSON(o, map[string]any{"images": append([]api.Image{}, images...)})
	}
	var b strings.Builder
	b.WriteString(o.tableOfImages(images).Format(o.layout()))
	for _, i := range images {
		warnOfImage(&b, i)
	}
	return o.page(b.String())
}

func (o *output) tableOfImages(images []api.Image) terminal.Table {
	table := terminal.Table{Columns: []terminal.Column{{Head: "SHA256", Keep: true}, {Head: "NAME"}, {Head: "VERSION", Keep: true}, {Head: "SIZE", Right: true, Keep: true},
		{Head: "DEVICES"}, {Head: "FILE VERSION", Wide: true}, {Head: "INTEGRITY", Spare: true}, {Head: "PUBLISHED", Spare: true}}}
	for _, r := range releases(images) {
		table.Rows = append(table.Rows, r.row(o))
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
func (r release) row(o *output) []terminal.Cell {
	first := r[0]
	place := terminal.Cell{Text: o.digest(first.SHA256)}
	name := strings.Join(first.Names, " ")
	if len(r) > 1 {
		place, name = terminal.Cell{Text: terminal.Count(len(r), "package")}, r.pattern()
	}
	if !first.InVault {
		place = terminal.Cell{Text: "NOT IN THE VAULT", Tone: terminal.Bad}
	}
	fileVersion := ""
	if first.Image != nil {
		fileVersion = first.Image.Version
	}
	row := cells("", name, cmp.Or(first.Version, fileVersion), size(r.bytes()), o.few(first.Devices), fileVersion, "", "")
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
func (r release) integrity() terminal.Cell {
	words := map[string]terminal.Cell{
		api.ImageGood: {Text: "ok", Tone: terminal.Good}, api.ImageBad: {Text: "damaged", Tone: terminal.Bad}, api.ImageUnknown: {Text: "unknown"},
	}
	for _, verdict := range []string{api.ImageBad, api.ImageUnknown, api.ImageGood} {
		for _, i := range r {
			if i.Image != nil && i.Image.Verdict == verdict {
				return words[verdict]
			}
		}
	}
	return terminal.Cell{}
}

// published is the worst verdict of the last list of published digests.
func (r release) published() terminal.Cell {
	tones := map[string]terminal.Tone{api.PublishedDiffers: terminal.Bad, api.PublishedYes: terminal.Good}
	for _, verdict := range []string{api.PublishedDiffers, api.PublishedUnknown, api.PublishedYes} {
		if slices.ContainsFunc(r, func(i api.Image) bool { return i.Published == verdict }) {
			return terminal.Cell{Text: verdict, Tone: tones[verdict]}
		}
	}
	return terminal.Cell{}
}

// few lists up to three names, in natural order, else their number. With -o wide it
// lists all.
func (o *output) few(names []string) string {
	names = slices.SortedFunc(slices.Values(names), terminal.Compare)
	if len(names) > 3 && !o.wide {
		return terminal.Count(len(names), "device")
	}
	return strings.Join(names, " ")
}

// warnOfImage prints below the table the problems of an image.
func warnOfImage(b *strings.Builder, i api.Image) {
	name := oneLine(strings.Join(i.Names, " "))
	if i.Image != nil && i.Image.Verdict == api.ImageBad {
		fmt.Fprintf(b, "%s is %s\n", name, oneLine(i.Image.String()))
	}
	if i.Published == api.PublishedDiffers {
		fmt.Fprintf(b, "%s differs from the published image of this name: back it up again, compare it with a device that you trust, and do not restore it\n", name)
	}
	for _, d := range i.Disagreements {
		fmt.Fprintf(b, "%s: %s\n", name, oneLine(d))
	}
}
