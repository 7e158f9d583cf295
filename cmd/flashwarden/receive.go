package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// receiveFlags are what the receive command was asked.
type receiveFlags struct {
	from    string
	peer    netip.Addr
	name    string
	wait    time.Duration
	largest string
	maxSize int64
	device  string
	md5     string
}

func (p *program) receiveCommand() *cobra.Command {
	var f receiveFlags
	cmd := &cobra.Command{
		Use:   "receive [--from IP]",
		Short: "take a file that a device sends by itself, or by a person's hand",
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
			if err := f.check(cmd.Flags().Changed); err != nil {
				return usageError{err}
			}
			return p.withNode(cmd.Context(), func(n *node.Node) error {
				if f.from == "" {
					return p.receiveByRules(cmd.Context(), n)
				}
				return p.receiveOne(cmd.Context(), n, f)
			})
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.from, "from", "", "the `IP` address that may send; without it the rules of the configuration count")
	fs.StringVar(&f.name, "name", "", "the `NAME` that the file must be sent under (default: any)")
	fs.DurationVar(&f.wait, "for", 15*time.Minute, "how long; a transfer that has begun may end")
	fs.StringVar(&f.largest, "max-size", "2GB", "largest `SIZE` that is taken")
	fs.StringVar(&f.device, "device", "", "`NAME` of the device whose snapshot it becomes (default: the one with this address)")
	fs.StringVar(&f.md5, "md5", "", "the `HEX` digest that the device computed; a file with another is refused")
	if err := cmd.RegisterFlagCompletionFunc("device", p.completeDevices); err != nil {
		panic(err) // the flag is defined above
	}
	return cmd
}

var validMD5 = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (f *receiveFlags) check(given func(flag string) bool) (err error) {
	if f.from == "" {
		for _, flag := range []string{"name", "for", "max-size", "device", "md5"} {
			if given(flag) {
				return fmt.Errorf("--%s needs --from IP: without it the rules of the configuration count", flag)
			}
		}
		return nil
	}
	if f.peer, err = peerAddress(f.from); err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	if f.maxSize, err = config.ParseSize(f.largest); err != nil {
		return fmt.Errorf("--max-size: %w", err)
	}
	f.md5 = strings.ToLower(f.md5)
	if f.md5 != "" && !validMD5.MatchString(f.md5) {
		return fmt.Errorf("--md5 %q: want the 32 hexadecimal digits that verify /md5 prints", f.md5)
	}
	return checkPermit(f.name, f.wait)
}

// receiveOne takes one file from one address.
func (p *program) receiveOne(ctx context.Context, n *node.Node, f receiveFlags) error {
	m, err := meet(ctx, n, f.peer, f.device)
	if err != nil {
		return err
	}
	show := p.newTransfers(-1)
	defer show.close()
	n.Watch = show.event
	if err := n.Start(); err != nil {
		return err
	}
	began := time.Now()
	filed := &arrivals{}
	receiver := &node.Receiver{MD5: f.md5, Kept: filed.add}
	ticket := n.Receive(spool.Receive{Device: f.peer, Name: f.name, MaxSize: f.maxSize, Deadline: began.Add(f.wait)}, f.device, receiver)
	p.printCopy(n, m, f)
	err = errors.Join(m.wait(ctx, n, ticket), ticket.Close())
	receiver.Close()
	show.close()
	if res, ok := filed.kept(); ok {
		return p.reportReceived([]api.BackupResult{res}) // also where the time, or the user, was faster
	}
	failed := m.diagnose(err, n, ticket, transfer.Witness{Size: -1, Stall: f.wait})
	res := filed.last(failed)
	res.Device, res.Started, res.Seconds = m.device.Name, began.UTC().Truncate(time.Second), tenths(time.Since(began))
	return errors.Join(p.reportReceived([]api.BackupResult{res}), over(err))
}

// printCopy says what to type on the device.
func (p *program) printCopy(n *node.Node, m meeting, f receiveFlags) {
	if p.quiet {
		return
	}
	name := f.name
	fmt.Fprintf(p.err, "%s may send one file of at most %s until %s\n\n", f.peer, size(f.maxSize), time.Now().Add(f.wait).Format("15:04:05"))
	if name == "" {
		name = "FILE"
	}
	host := m.server.String()
	if m.server.Is6() {
		host = "[" + host + "]"
	}
	fmt.Fprintf(p.err, "on the device (name#):\n  show flash\n  copy flash:FILE tftp://%s/%s\n  verify /md5 flash:FILE\n", host, name)
	fmt.Fprintf(p.err, "(FILE is the image, with its directory if it lies in one: flash:/DIR/FILE; the device asks for host and name again: press Return)\n\n")
	if f.device == "" && m.device.Name == "" {
		fmt.Fprintf(p.err, "no device of the inventory has the address %s, or more than one: the snapshot will be named after the address; --device NAME says whose it is\n", f.peer)
	}
	p.warnPort(n)
}

// receiveByRules takes what the rules of the configuration permit, until it is
// stopped.
func (p *program) receiveByRules(ctx context.Context, n *node.Node) error {
	if len(n.Rules()) == 0 {
		return usageError{errors.New("from whom? Give --from IP, or rules in the list receive of the configuration")}
	}
	p.service = true
	show := p.newTransfers(-1)
	defer show.close()
	n.Watch = show.event
	if err := n.Start(); err != nil {
		return err
	}
	filed := &arrivals{tell: func(r api.BackupResult) { p.tellArrival(r) }}
	receiver := &node.Receiver{Kept: filed.add}
	n.Allow(receiver)
	if !p.quiet {
		for _, r := range n.Rules() {
			fmt.Fprintf(p.err, "taking %s of at most %s from %s\n", oneLine(r.Name), size(r.MaxSize), r.From)
		}
		p.warnPort(n)
	}
	var err error
	select {
	case <-ctx.Done():
	case <-n.Failed():
		err = n.Failure()
	}
	receiver.Close()
	show.close()
	if p.json {
		err = errors.Join(err, p.writeJSON(map[string]any{"results": filed.all()}))
	}
	return err
}

// tellArrival prints what became of one file, while more may come.
func (p *program) tellArrival(r api.BackupResult) {
	if p.json {
		return
	}
	if err := p.printReceived(r); err != nil {
		fmt.Fprintf(p.err, "flashwarden: %v\n", err)
	}
}

// reportReceived prints the results; where one failed, the error of the caller
// chooses the exit code.
func (p *program) reportReceived(results []api.BackupResult) error {
	if p.json {
		return p.writeJSON(map[string]any{"results": results})
	}
	for _, r := range results {
		if err := p.printReceived(r); err != nil {
			return err
		}
	}
	return nil
}

func (p *program) printReceived(r api.BackupResult) error {
	name := r.Device
	if name == "" {
		name = "received"
	}
	if r.Status != api.StatusOK {
		p.explainResult(name, r.Message, r.Hint)
		return nil
	}
	f := r.Files[0]
	_, err := fmt.Fprintf(p.out, "%s: kept %s (%s, %s, evidence %s) as snapshot %s\n", oneLine(name), oneLine(f.Path), size(f.Size), f.Kind, f.Evidence, r.Snapshot)
	for _, note := range r.Notes {
		fmt.Fprintf(p.out, "  %s\n", oneLine(note))
	}
	return err
}

// arrivals collects what became of received files.
type arrivals struct {
	tell func(api.BackupResult) // may be nil

	mu   sync.Mutex
	list []api.BackupResult
}

func (a *arrivals) add(r api.BackupResult) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.list = append(a.list, r)
	if a.tell != nil {
		a.tell(r)
	}
}

func (a *arrivals) all() []api.BackupResult {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]api.BackupResult{}, a.list...)
}

// kept is the file that was kept, if one was.
func (a *arrivals) kept() (api.BackupResult, bool) {
	for _, r := range a.all() {
		if r.Status == api.StatusOK {
			return r, true
		}
	}
	return api.BackupResult{}, false
}

// last is why the last file was not kept; where none came, failed says why.
func (a *arrivals) last(failed error) api.BackupResult {
	if all := a.all(); len(all) > 0 {
		return all[len(all)-1]
	}
	return api.BackupResult{Status: api.StatusFailed, Cause: cause.Of(failed), Message: failed.Error(),
		Hint: cause.Hint(failed), Attempts: 1, Files: []api.File{}}
}
