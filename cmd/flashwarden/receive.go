package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func receiveCommand(p *program) *cobra.Command {
	var r api.Receive
	var largest string
	cmd := &cobra.Command{
		Use:   "receive [--from NAME|IP]",
		Short: "receive a file uploaded by a device or an operator",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkReceive(&r, largest, cmd.Flags().Changed); err != nil {
				return usageError{err}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				if r.From == "" {
					return runReceiveByRules(ctx, p, w)
				}
				return runReceiveOne(ctx, &p.output, w, r)
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&r.From, "from", "", "`NAME|IP`: the device of the inventory, or the address, that may send (default: the receive rules in the configuration)")
	fs.StringVar(&r.Name, "name", "", "`NAME` that the file must have (default: any)")
	r.For = 15 * time.Minute
	fs.Var((*span)(&r.For), "for", "how long receive waits for the file; a running transfer may finish")
	fs.StringVar(&largest, "max-size", "2GB", "largest `SIZE` of the file")
	fs.StringVar(&r.Device, "device", "", "`NAME` of the device for the snapshot (default: the device with this address)")
	fs.StringVar(&r.MD5, "md5", "", "MD5 of the file in `HEX`, as the device prints it; a file with another MD5 is refused")
	waitFlag(p, cmd)
	completeFlag(p, cmd, "from", api.NamesOfDevices)
	completeFlag(p, cmd, "device", api.NamesOfDevices)
	return cmd
}

// checkReceive refuses flags that contradict each other, and reads the size.
func checkReceive(r *api.Receive, largest string, given func(flag string) bool) (err error) {
	if r.From == "" {
		for _, flag := range []string{"name", "for", "max-size", "device", "md5"} {
			if given(flag) {
				return fmt.Errorf("--%s needs --from IP: without it the receive rules in the configuration decide", flag)
			}
		}
		return nil
	}
	if r.MaxSize, err = config.ParseSize(largest); err != nil {
		return fmt.Errorf("--max-size: %w", err)
	}
	return nil
}

// receiveOne receives one file from one address.
func runReceiveOne(ctx context.Context, o *output, w warden.Warden, r api.Receive) error {
	permit, err := w.Receive(ctx, r)
	if err != nil {
		return err
	}
	if !o.quiet {
		fmt.Fprint(o.err, terminal.FormatReceive(permit, r, o.layoutErr()))
	}
	res, err := shown(ctx, o.showTransfers(), w.AwaitReception, permit)
	if err != nil {
		return err
	}
	return errors.Join(printReceived(o, res), over(res.Status))
}

// receiveByRules receives the files that the rules in the configuration permit,
// until the user stops it.
func runReceiveByRules(ctx context.Context, p *program, w warden.Warden) error {
	rules, err := w.Rules(ctx)
	if err != nil {
		return err
	}
	p.service = true
	show := p.showTransfers()
	results, err := w.AwaitRules(ctx, func(e api.Event) {
		switch {
		case e.Step == api.StepServing:
			if !p.quiet {
				fmt.Fprint(p.err, terminal.FormatRules(rules, p.layoutErr()))
			}
		case e.Received != nil:
			show.Aside(func() { tellArrival(&p.output, *e.Received) })
		default:
			show.Event(e)
		}
	})
	show.Close()
	if p.json {
		err = errors.Join(err, writeJSON(&p.output, listOf("results", results)))
	}
	return err
}

// tellArrival prints the result of one file, while more files may arrive.
func tellArrival(o *output, r api.BackupResult) {
	if o.json {
		return
	}
	if err := printReceived(o, r); err != nil {
		fmt.Fprintf(o.err, "flashwarden: %v\n", err)
	}
}

// printReceived prints the result of one file. The caller chooses the exit code.
func printReceived(o *output, r api.BackupResult) error {
	switch {
	case o.json:
		return writeJSON(o, listOf("results", []api.BackupResult{r}))
	case o.quiet && r.Status == api.StatusOK:
		return nil
	}
	_, err := fmt.Fprint(o.out, terminal.FormatReceived(r, o.layout())) // at once: more may arrive
	return err
}
