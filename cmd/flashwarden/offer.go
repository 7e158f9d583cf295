package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// offerFlags are what the offer command was asked.
type offerFlags struct {
	to    string
	peer  netip.Addr
	name  string
	wait  time.Duration
	times int
}

func (p *program) offerCommand() *cobra.Command {
	var f offerFlags
	cmd := &cobra.Command{
		Use:   "offer IMAGE --to IP",
		Short: "let a device, or its boot loader, fetch one image by TFTP",
		Long: `offer proves an image of the vault, lets one address fetch it, and ends by
itself: with 0 when it was fetched as often as --times says, with 1 when the
time is over. It prints the lines to type: on a running device, in ROMMON, in
the loader of a Catalyst.

IMAGE is a SHA-256, an unambiguous prefix of at least 8 digits, or a unique
file name; ` + "`flashwarden images`" + ` lists them. Requests from other addresses and
for other names are refused and shown. A transfer that breaks off does not
use the offer up: loaders try several times.`,
		Example: `  flashwarden offer c3750-ipservicesk9-mz.150-2.SE8.bin --to 192.0.2.11
  flashwarden offer 3f9a52c1 --to 192.0.2.11 --name c2900.bin --for 1h --times 2`,
		Args:              usageArgs(cobra.ExactArgs(1)),
		ValidArgsFunction: p.completeImages,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return usageError{err}
			}
			return p.withNode(cmd.Context(), func(n *node.Node) error { return p.offer(cmd.Context(), n, args[0], f) })
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.to, "to", "", "the `IP` address that may fetch it")
	fs.StringVar(&f.name, "name", "", "`NAME` under which it is fetched (default: its own)")
	fs.DurationVar(&f.wait, "for", 15*time.Minute, "how long; a transfer that has begun may end")
	fs.IntVar(&f.times, "times", 1, "how often it may be fetched")
	return cmd
}

func (f *offerFlags) check() (err error) {
	if f.to == "" {
		return errors.New("to whom? Give --to IP, the address of the device")
	}
	if f.peer, err = peerAddress(f.to); err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	if f.times < 1 {
		return fmt.Errorf("--times %d: want 1 or more", f.times)
	}
	return checkPermit(f.name, f.wait)
}

// offerResult is what became of an offer.
type offerResult struct {
	Device      string    `json:"device"` // of the inventory; empty: none has the address
	Address     string    `json:"address"`
	Status      string    `json:"status"` // ok, failed
	Cause       api.Cause `json:"cause"`
	Message     string    `json:"message"`
	Hint        string    `json:"hint"`
	Name        string    `json:"name"`
	Size        int64     `json:"size"`
	MD5         string    `json:"md5"`
	SHA256      string    `json:"sha256"`
	Times       int       `json:"times"`
	Fetched     int       `json:"fetched"`
	Started     time.Time `json:"started"`
	Seconds     float64   `json:"seconds"`
	BytesCopied int64     `json:"bytes_copied"`
}

func (p *program) offer(ctx context.Context, n *node.Node, what string, f offerFlags) error {
	image, err := findImage(ctx, n, what)
	if err != nil {
		return err
	}
	if f.name, err = offerName(f, image, what); err != nil {
		return usageError{err}
	}
	m, err := meet(ctx, n, f.peer, "")
	if err != nil {
		return err
	}
	show := p.newTransfers(image.Size)
	defer show.close()
	n.Watch = show.event
	if err := n.Start(); err != nil {
		return err
	}
	began := time.Now()
	ticket, err := n.Offer(ctx, spool.Offer{Device: f.peer, Name: f.name, SHA256: image.SHA256, Deadline: began.Add(f.wait), Times: f.times})
	if err != nil {
		return err
	}
	p.printWays(n, m, image, f)
	err = errors.Join(m.wait(ctx, n, ticket), ticket.Close())
	show.close()
	res := offerResult{Device: m.device.Name, Address: f.peer.String(), Status: api.StatusOK, Name: f.name,
		Size: image.Size, MD5: image.MD5, SHA256: image.SHA256, Times: f.times, Fetched: ticket.Evidence().Complete,
		Started: began.UTC().Truncate(time.Second), Seconds: tenths(time.Since(began))}
	res.BytesCopied = int64(res.Fetched) * image.Size
	if err != nil {
		failed := m.diagnose(err, n, ticket, transfer.Witness{Size: image.Size, Stall: f.wait, Download: true})
		res.Status, res.Cause, res.Message, res.Hint = api.StatusFailed, cause.Of(failed), failed.Error(), cause.Hint(failed)
	}
	return errors.Join(p.reportOffer(res), over(err))
}

// offerName is the name under which an image is offered: the one given, else
// the image's own.
func offerName(f offerFlags, image api.Image, what string) (string, error) {
	if f.name != "" {
		return f.name, nil
	}
	name := image.Names[0]
	if slices.Contains(image.Names, what) {
		name = what
	}
	if err := checkName(name); err != nil {
		return "", fmt.Errorf("the image's own name cannot be used: %w; give another with --name NAME", err)
	}
	return name, nil
}

// printWays says what to type, at each prompt that the device may show.
func (p *program) printWays(n *node.Node, m meeting, image api.Image, f offerFlags) {
	if p.quiet {
		return
	}
	fmt.Fprintf(p.err, "%s may fetch %s (%s, %s) as %s until %s\n", f.peer, oneLine(image.Names[0]), size(image.Size),
		image.SHA256[:12], f.name, time.Now().Add(f.wait).Format("15:04:05"))
	platform, names := ios.UnknownPlatform, append(slices.Clone(image.Names), f.name)
	if image.Image != nil {
		names = slices.Insert(names, 0, image.Image.Family) // what the file itself says comes first
	}
	for _, name := range names {
		if platform == ios.UnknownPlatform {
			platform = ios.PlatformOf(name)
		}
	}
	fetch := ios.Fetch{Server: m.server, Name: f.name, Device: m.network, MD5: image.MD5}
	for _, w := range fetch.Ways(platform) {
		fmt.Fprintf(p.err, "\n%s:\n", w.Where)
		for _, line := range w.Lines {
			fmt.Fprintf(p.err, "  %s\n", oneLine(line))
		}
		fmt.Fprintf(p.err, "(%s)\n", w.Note)
	}
	fmt.Fprintln(p.err)
	p.warnPort(n)
}

func (p *program) reportOffer(r offerResult) error {
	if p.json {
		return p.writeJSON(map[string]any{"results": []offerResult{r}})
	}
	if r.Status != api.StatusOK {
		p.explainResult(r.Address, r.Message, r.Hint)
		return nil
	}
	_, err := fmt.Fprintf(p.out, "%s has fetched %s (%s) %d of %d times; prove it there: verify /md5 flash:%s %s\n",
		r.Address, oneLine(r.Name), size(r.Size), r.Fetched, r.Times, oneLine(baseName(r.Name)), r.MD5)
	return err
}
