package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func offerCommand(p *program) *cobra.Command {
	var r api.Offer
	cmd := &cobra.Command{
		Use:               "offer IMAGE --to NAME|IP",
		Short:             "let a device or its boot loader fetch one image over TFTP",
		ValidArgsFunction: completeNames(p, api.NamesOfImages),
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
	fs.IntVar(&r.Times, "times", 1, "close the offer after `N` complete transfers")
	waitFlag(p, cmd)
	completeFlag(p, cmd, "to", api.NamesOfDevices)
	noFiles(cmd, "name")
	return cmd
}

func runOffer(ctx context.Context, o *output, w warden.Warden, r api.Offer) error {
	permit, err := w.Offer(ctx, r)
	if err != nil {
		return err
	}
	if !o.quiet {
		fmt.Fprint(o.err, terminal.FormatOffer(permit, o.layoutErr()))
	}
	fmt.Fprint(o.err, terminal.FormatDamaged(permit.Image, o.layoutErr()))
	res, err := shown(ctx, o.showTransfers(), w.AwaitOffer, permit)
	if err != nil {
		return err
	}
	return errors.Join(reportOffer(o, res), over(res.Status))
}

// over is the error that chooses the exit code of an offer or a reception. Its
// result is already printed.
func over(status string) error {
	if status == api.StatusOK {
		return nil
	}
	return errTimeOver
}

// reportOffer prints the result. The caller chooses the exit code.
func reportOffer(o *output, r api.OfferResult) error {
	print := o.done
	if r.Status != api.StatusOK {
		print = o.answer
	}
	return print(listOf("results", []api.OfferResult{r}), func(l terminal.Layout) string { return terminal.FormatFetched(r, l) }, nil)
}
