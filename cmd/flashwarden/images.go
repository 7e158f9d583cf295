package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

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
				if err != nil {
					return err
				}
				return printImages(&p.output, images, missing, against != "")
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

// noImages says why there are none to list.
func noImages(missing bool) string {
	if missing {
		return "No image is missing: the vault has the image of each device that was backed up"
	}
	return "No images yet. Back up some devices: " + api.Do("backup").With("all", "").String()
}

// printImages prints the images, or only the missing ones. Its error chooses the
// exit code if they were compared with a list.
func printImages(o *output, images []api.Image, missing, compared bool) error {
	var found error
	if compared && slices.ContainsFunc(images, func(i api.Image) bool { return i.Published == api.PublishedDiffers }) {
		found = errProblems
	}
	if missing {
		images = slices.DeleteFunc(images, func(i api.Image) bool { return i.InVault })
	}
	if len(images) == 0 && !o.json {
		return errors.Join(o.nothing(noImages(missing)), found)
	}
	return o.answer(listOf("images", images), func(l terminal.Layout) string { return terminal.FormatImages(images, l) }, found)
}
