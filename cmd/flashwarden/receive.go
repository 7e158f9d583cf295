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
		Use:   "receive [--from IP]",
		Short: "receive a file uploaded by a device or an operator",
		Long: `receive lets one address put one file by TFTP, as when a person types
` + "`copy flash: tftp:`" + ` on the switch. The file lands in the vault as a snapshot of
the device that has this address, before the device gets its final answer. It
ends by itself: with 0 when the file is kept, with 1 when the time is over.

Without --name the device may call its file what it likes. Other addresses,
other names and a second file are refused and shown. With --md5, the digest
that ` + "`verify /md5`" + ` prints on the device, the copy is proved; without it the
evidence is size-only.

Without --from it takes what the rules of the list receive in the configuration
permit, each file as a snapshot of its own, until it is stopped.`,
		Example: `  flashwarden receive --from 192.0.2.11
  flashwarden receive --from 192.0.2.11 --name c3750.bin --device sw1 --md5 0a8f5e1c9b7d42f3a6c1d0e8b5f94732
  flashwarden receive`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkReceive(&r, largest, cmd.Flags().Changed); err != nil {
				return usageError{err}
			}
			if err := p.needRules(r); err != nil {
				return err
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
	fs.StringVar(&r.From, "from", "", "the `IP` address that may send (default: the receive rules in the configuration)")
	fs.StringVar(&r.Name, "name", "", "the `NAME` that the file must be sent under (default: any)")
	fs.DurationVar(&r.For, "for", 15*time.Minute, "how long the permission lasts; running transfers may finish")
	fs.StringVar(&largest, "max-size", "2GB", "largest `SIZE` that is taken")
	fs.StringVar(&r.Device, "device", "", "`NAME` of the device whose snapshot it becomes (default: the one with this address)")
	fs.StringVar(&r.MD5, "md5", "", "the `HEX` digest that the device computed; a file with another is refused")
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

// needRules refuses a reception without an address where the configuration has
// no rules either.
func (p *program) needRules(r api.Receive) error {
	if r.From != "" {
		return nil
	}
	cfg, err := p.config()
	if err == nil && len(cfg.Receive) == 0 {
		err = usageError{errors.New("from whom? Give --from IP, or rules in the list receive of the configuration")}
	}
	return err
}

// runReceiveOne takes one file from one address.
func runReceiveOne(ctx context.Context, o *output, w warden.Warden, r api.Receive) error {
	permit, err := w.Receive(ctx, r)
	if err != nil {
		return err
	}
	printCopy(o, permit, r)
	show := newTransfers(o)
	res, err := w.AwaitReception(ctx, permit, show.event)
	show.close()
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
	fmt.Fprintf(o.err, "%s may send one file of at most %s until %s\n\n", permit.Peer, size(r.MaxSize), permit.Until.Local().Format("15:04:05"))
	if name == "" {
		name = "FILE"
	}
	host := permit.Server
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	fmt.Fprintf(o.err, "on the device (name#):\n  show flash\n  copy flash:FILE tftp://%s/%s\n  verify /md5 flash:FILE\n", host, name)
	fmt.Fprintf(o.err, "(FILE is the image, with its directory if it lies in one: flash:/DIR/FILE; the device asks for host and name again: press Return)\n\n")
	if r.Device == "" && permit.Device == "" {
		fmt.Fprintf(o.err, "no device of the inventory has the address %s, or more than one: the snapshot will be named after the address; --device NAME names the device\n", permit.Peer)
	}
	warnPort(o, permit.Port)
}

// runReceiveByRules takes the files that the rules in the configuration permit,
// until it is stopped.
func runReceiveByRules(ctx context.Context, p *program, w warden.Warden) error {
	rules, err := w.Rules(ctx)
	if err != nil {
		return err
	}
	p.service = true
	if !p.quiet {
		for _, r := range rules.Rules {
			fmt.Fprintf(p.err, "taking %s of at most %s from %s\n", oneLine(r.Name), size(r.MaxSize), r.From)
		}
		warnPort(&p.output, rules.Port)
	}
	show := newTransfers(&p.output)
	results, err := w.AwaitRules(ctx, func(e api.Event) {
		if e.Received != nil {
			tellArrival(&p.output, *e.Received)
			return
		}
		show.event(e)
	})
	show.close()
	if p.json {
		err = errors.Join(err, writeJSON(&p.output, map[string]any{"results": append([]api.BackupResult{}, results...)}))
	}
	return err
}

// tellArrival prints what became of one file, while more may come.
func tellArrival(o *output, r api.BackupResult) {
	if o.json {
		return
	}
	if err := printReceived(o, r); err != nil {
		fmt.Fprintf(o.err, "flashwarden: %v\n", err)
	}
}

// reportReceived prints the results; where one failed, the error of the caller
// chooses the exit code.
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
	f := r.Files[0]
	_, err := fmt.Fprintf(o.out, "%s: kept %s (%s, %s, evidence %s) as snapshot %s\n", oneLine(name), oneLine(f.Path), size(f.Size), f.Kind, f.Evidence, r.Snapshot)
	for _, note := range r.Notes {
		fmt.Fprintf(o.out, "  %s\n", oneLine(note))
	}
	return err
}
