package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

func offerCommand(p *program) *cobra.Command {
	var r api.Offer
	cmd := &cobra.Command{
		Use:               "offer IMAGE --to NAME|IP",
		Short:             "let a device or its boot loader fetch one image over TFTP",
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeNames(api.NamesOfImages),
		RunE: func(cmd *cobra.Command, args []string) error {
			if r.To == "" {
				return usageError{errors.New("which device may fetch it? Give --to NAME or --to IP")}
			}
			r.Image = args[0]
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runOffer(ctx, &p.output, w, r) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&r.To, "to", "", "`NAME|IP`: the device of the inventory, or the address, that may fetch the image")
	fs.StringVar(&r.Name, "name", "", "`NAME` that the device asks for (default: the name of the image)")
	r.For = 15 * time.Minute
	fs.Var((*span)(&r.For), "for", "how long the offer stays open; running transfers may finish")
	fs.IntVar(&r.Times, "times", 1, "number of complete transfers")
	p.waitFlag(cmd)
	p.completeFlag(cmd, "to", api.NamesOfDevices)
	noFiles(cmd, "name")
	return cmd
}

func runOffer(ctx context.Context, o *output, w warden.Warden, r api.Offer) error {
	permit, err := w.Offer(ctx, r)
	if err != nil {
		return err
	}
	printWays(o, permit)
	warnDamaged(o, permit.Image)
	show := o.showTransfers()
	res, err := w.AwaitOffer(ctx, permit, show.Event)
	show.Close()
	if err != nil {
		return err
	}
	return errors.Join(reportOffer(o, res), over(res.Status))
}

// printWays prints the lines to type, for each prompt that the device may show.
func printWays(o *output, permit api.Permit) {
	if o.quiet {
		return
	}
	o.tell("", fmt.Sprintf("%s may fetch %s (%s, %s) as %s until %s", permit.Peer, permit.Image.Names[0], size(permit.Image.Size),
		permit.Image.SHA256[:12], permit.Name, clock(permit.Until)))
	for _, w := range permit.Ways {
		fmt.Fprintf(o.err, "\n%s:\n", w.Where)
		for _, line := range w.Lines {
			fmt.Fprintf(o.err, "  %s\n", oneLine(line))
		}
		o.tell("", "("+w.Note+")")
	}
	fmt.Fprintln(o.err)
	warnPort(o, permit.Port)
}

// warnDamaged warns of an image that its own checksums say is damaged.
func warnDamaged(o *output, image *api.Image) {
	if image.Image != nil && image.Image.Verdict == api.ImageBad {
		o.tell("", "warning: this image is "+image.Image.String()+". A device may not start from it")
	}
}

// clock formats a time of today or tomorrow, in the local zone.
func clock(t time.Time) string { return t.Local().Format("15:04:05 MST") }

// warnPort warns if the server does not listen on port 69: IOS and boot loaders
// send their requests to no other port.
func warnPort(o *output, port int) {
	if port != 69 {
		o.tell("", fmt.Sprintf("the TFTP server listens on port %d, but devices send to port 69: redirect UDP 69 to it, or set tftp.listen: \":69\"", port))
	}
}

// over is the error that chooses the exit code of an offer or a reception. Its
// result is already printed.
func over(status string) error {
	if status == api.StatusOK {
		return nil
	}
	return errTimeOver
}

func reportOffer(o *output, r api.OfferResult) error {
	if o.json {
		return writeJSON(o, map[string]any{"results": []api.OfferResult{r}})
	}
	if r.Status != api.StatusOK {
		explainResult(o, r.Address, r.Message, r.Hint)
		return nil
	}
	if o.quiet {
		return nil
	}
	_, err := fmt.Fprintf(o.out, "%s fetched %s (%s), %d of %d times\nTo check the copy, type on the device:\n  verify /md5 flash:%s %s\n",
		r.Address, oneLine(r.Name), size(r.Size), r.Fetched, r.Times, oneLine(lastName(r.Name)), r.MD5)
	return err
}
