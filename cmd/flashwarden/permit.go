package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// What offer and receive have in common: a ticket made by hand.

// peerAddress reads the address of one device.
func peerAddress(text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil || a.IsUnspecified() || a.IsMulticast() {
		return netip.Addr{}, fmt.Errorf("%q is not the IP address of a device", text)
	}
	return a.Unmap(), nil
}

// checkPermit refuses a name that nobody could type, and a time that is over at
// once.
func checkPermit(name string, wait time.Duration) error {
	if wait <= 0 {
		return fmt.Errorf("--for %s: want a time such as 15m", wait)
	}
	if name == "" {
		return nil
	}
	if err := checkName(name); err != nil {
		return fmt.Errorf("--name: %w", err)
	}
	return nil
}

// checkName refuses a name on the TFTP server that cannot be typed on a device.
func checkName(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%q is not a file name, with directories if need be, without a leading slash", name)
		}
	}
	return ios.Typeable("name", name)
}

// meeting is where a device and the TFTP server find each other.
type meeting struct {
	peer    netip.Addr
	server  netip.Addr   // as the device reaches it
	network netip.Prefix // the peer, with the mask of the network that it shares with us
	device  api.Device   // that has the address; zero where none has it
}

// meet finds out how peer and the TFTP server reach each other, and which
// device peer is: the named one, or the one that has the address.
func meet(ctx context.Context, n *node.Node, peer netip.Addr, name string) (meeting, error) {
	m := meeting{peer: peer}
	var err error
	if name != "" {
		m.device, err = n.Catalog.Device(ctx, name)
	} else {
		m.device, _, err = n.DeviceAt(ctx, peer)
	}
	if err != nil {
		return m, err
	}
	m.server, m.network, err = n.Server(peer)
	if a, addrErr := netip.ParseAddr(m.device.TFTPAddress); addrErr == nil {
		m.server = a
	}
	return m, err
}

// wait waits until the ticket ends, whoever ends it.
func (m meeting) wait(ctx context.Context, n *node.Node, t *spool.Ticket) error {
	select {
	case <-t.Ended():
		_, err := t.Wait(context.Background())
		return err
	case <-n.Failed():
		return n.Failure()
	case <-ctx.Done():
		return cause.New(cause.Cancelled, "cancelled", nil)
	}
}

// diagnose says why a ticket was not used up, and the next step.
func (m meeting) diagnose(err error, n *node.Node, t *spool.Ticket, w transfer.Witness) error {
	if !errors.Is(err, spool.ErrLate) {
		return err
	}
	w.Seen = t.Evidence()
	if w.Seen.Complete > 0 {
		return cause.New(cause.NoRequest, fmt.Sprintf("the time was over after %d complete transfers", w.Seen.Complete),
			api.Say("offer it again, with a longer --for or with fewer --times"))
	}
	w.TicketErr, w.Stalled = err, true
	w.Name, w.Device, w.Server, w.Ports = cmp.Or(m.device.Name, "NAME"), m.peer, m.server, n.Ports()
	e := transfer.Diagnose(w)
	if len(w.Seen.Strays) == 0 || w.Seen.Requested {
		return e
	}
	return cause.New(cause.RefusedByServer, fmt.Sprintf("%s asked for %q, and not for %s", m.peer, w.Seen.Strays, t.Name),
		api.Say("type the name as it is printed above, or choose it with --name"))
}

// over is the error that chooses the exit code of a command whose result was
// printed.
func over(err error) error {
	if err == nil {
		return nil
	}
	return errTimeOver
}

// warnPort says that devices do not ask where the server listens. IOS and boot
// loaders know no other port than 69.
func (p *program) warnPort(n *node.Node) {
	a, ok := n.TFTPAddr().(*net.UDPAddr)
	if ok && a.Port != 69 {
		fmt.Fprintf(p.err, "the TFTP server listens on port %d, and devices ask on port 69: redirect UDP 69 to it, or set tftp.listen: \":69\"\n", a.Port)
	}
}

// completeImages completes the names of images in the vault in a shell.
func (p *program) completeImages(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	err := p.withNode(cmd.Context(), func(n *node.Node) error {
		images, err := n.Catalog.Images(cmd.Context())
		for _, i := range images {
			if i.InVault {
				names = append(names, i.Names...)
			}
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
