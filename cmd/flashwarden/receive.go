package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/config"
	"flashwarden/internal/warden"
)

func receiveCommand(p *program) *cobra.Command {
	var r api.Receive
	var largest string
	cmd := &cobra.Command{
		Use:   "receive [--from NAME|IP]",
		Short: "receive a file uploaded by a device or an operator",
		Args:  usageArgs(cobra.NoArgs),
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
	p.waitFlag(cmd)
	p.completeFlag(cmd, "from", api.NamesOfDevices)
	p.completeFlag(cmd, "device", api.NamesOfDevices)
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
	printCopy(o, permit, r)
	show := o.showTransfers()
	res, err := w.AwaitReception(ctx, permit, show.Event)
	show.Close()
	if err != nil {
		return err
	}
	return errors.Join(reportReceived(o, []api.BackupResult{res}), over(res.Status))
}

// printCopy prints the lines to type on the device.
func printCopy(o *output, permit api.Permit, r api.Receive) {
	if o.quiet {
		return
	}
	name := permit.Name
	fmt.Fprintf(o.err, "%s may send one file of at most %s until %s\n\n", permit.Peer, size(r.MaxSize), clock(permit.Until))
	if name == "" {
		name = "FILE"
	}
	host := permit.Server
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	fmt.Fprintf(o.err, "on the device (name#):\n  show flash\n  copy flash:FILE tftp://%s/%s\n  verify /md5 flash:FILE\n", host, name)
	o.tell("", "(FILE is the name of the image; if it is in a directory, type flash:/DIR/FILE. The device asks for host and name again: press Return.)\n")
	if r.Device == "" && permit.Device == "" {
		o.tell("", "No device has the address "+permit.Peer+", or more than one: the snapshot is named after the address. Use --device NAME to choose the device")
	}
	warnPort(o, permit.Port)
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
			printRules(&p.output, rules)
		case e.Received != nil:
			show.Aside(func() { tellArrival(&p.output, *e.Received) })
		default:
			show.Event(e)
		}
	})
	show.Close()
	if p.json {
		err = errors.Join(err, writeJSON(&p.output, map[string]any{"results": append([]api.BackupResult{}, results...)}))
	}
	return err
}

// printRules prints the rules that hold from now on.
func printRules(o *output, rules api.Rules) {
	if o.quiet {
		return
	}
	for _, r := range rules.Rules {
		fmt.Fprintf(o.err, "accepting %s of at most %s from %s\n", oneLine(r.Name), size(r.MaxSize), r.From)
	}
	warnPort(o, rules.Port)
}

// printArrival prints the result of one file, while more files may arrive.
func tellArrival(o *output, r api.BackupResult) {
	if o.json {
		return
	}
	if err := printReceived(o, r); err != nil {
		fmt.Fprintf(o.err, "flashwarden: %v\n", err)
	}
}

// reportReceived prints the results. The caller chooses the exit code.
func reportReceived(o *output, results []api.BackupResult) error {
	if o.json {
		return writeJSON(o, map[string]any{"results": results})
	}
	for _, r := range results {
		if err := printReceived(o, r); err != nil {
			return err
		}
	}
	return nil
}

func printReceived(o *output, r api.BackupResult) error {
	name := r.Device
	if name == "" {
		name = "received"
	}
	if r.Status != api.StatusOK {
		explainResult(o, name, r.Message, r.Hint)
		return nil
	}
	if o.quiet {
		return nil
	}
	f := r.Files[0]
	l := o.layout()
	_, err := fmt.Fprint(o.out, l.Prose("", oneLine(fmt.Sprintf("%s: received %s (%s, %s, evidence %s); it is in the vault as snapshot %s", name, f.Path, size(f.Size), f.Kind, f.Evidence, r.Snapshot))))
	for _, note := range r.Notes {
		fmt.Fprint(o.out, l.Prose("  ", oneLine(note)))
	}
	return err
}
