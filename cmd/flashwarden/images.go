package main

import (
	"context"
	"errors"
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
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				images, err := w.Images(ctx)
				if err == nil && against != "" {
					images, err = compareImages(ctx, w, images, against)
				}
				var unknown []string
				if err == nil && missing {
					unknown, err = neverBackedUp(ctx, w)
				}
				if err != nil {
					return err
				}
				return printImages(&p.output, images, missing, unknown, against != "")
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
	hashes, err := hashlist.About(images, f)
	if err != nil {
		return nil, usageError{fmt.Errorf("--against %s: %w", file, err)}
	}
	return w.CompareImages(ctx, api.Hashes{Hashes: hashes})
}

// neverBackedUp returns the devices without a complete backup: nobody knows whether the vault has
// their images.
func neverBackedUp(ctx context.Context, w warden.Warden) (names []string, err error) {
	devices, err := w.Devices(ctx, api.Select{})
	for _, d := range devices {
		if d.LastSnapshot == "" {
			names = append(names, d.Name)
		}
	}
	slices.SortFunc(names, api.CompareNames)
	return names, err
}

// unknownImages says that some devices were never backed up; empty: all were.
func unknownImages(unknown []string) string {
	if len(unknown) == 0 {
		return ""
	}
	const shown = 5
	list := strings.Join(unknown[:min(len(unknown), shown)], ", ")
	if more := len(unknown) - shown; more > 0 {
		list += fmt.Sprintf(" and %d more", more)
	}
	return fmt.Sprintf("%s without a complete backup: %s. See %s", terminal.Count(len(unknown), "device"), list, api.Do("status"))
}

// noImages says why there are none to list. known: a backup has found some.
func noImages(missing, known bool, unknown []string) string {
	switch {
	case !known:
	case missing && len(unknown) > 0:
		return "No image of the other devices is missing"
	case missing:
		return "No image is missing: the vault has the image of each device"
	}
	return "No images yet. Back up some devices: " + api.Do("backup").With("all", "").String()
}

// printImages prints the images, or only the missing ones. Its error chooses the
// exit code if they were compared with a list.
func printImages(o *output, images []api.Image, missing bool, unknown []string, compared bool) error {
	var found error
	known := len(images) > 0
	if compared && slices.ContainsFunc(images, func(i api.Image) bool { return i.Published == api.PublishedDiffers }) {
		found = errProblems
	}
	if missing {
		images = slices.DeleteFunc(images, func(i api.Image) bool { return i.InVault })
	}
	if text := unknownImages(unknown); text != "" && !o.json {
		if err := o.nothing(text); err != nil {
			return err
		}
	}
	if len(images) == 0 && !o.json {
		return errors.Join(o.nothing(noImages(missing, known, unknown)), found)
	}
	return o.answer(listOf("images", images), func(l terminal.Layout) string { return terminal.FormatImages(images, l) }, found)
}
