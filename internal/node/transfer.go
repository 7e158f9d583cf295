package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// Offer lets a device fetch content of the vault, which is proved first. The
// node must have been started.
func (n *transfers) Offer(ctx context.Context, o spool.Offer) (*spool.Ticket, error) {
	f, err := n.vault.OpenBlob(context.WithoutCancel(ctx), o.SHA256)
	if err != nil {
		return nil, cause.Wrap(cause.VaultError, err, "offer "+o.Name, api.Say("run ").Do("check"))
	}
	t, err := n.service.spool.Offer(ctx, f, o)
	switch {
	case errors.Is(err, spool.ErrContent):
		return nil, cause.Wrap(cause.DigestMismatch, err, "the vault's content is damaged",
			api.Say("run ").Do("check").With("read_data", "").Say(", and back up a device that has the file: ").Do("backup", "NAME").With("recopy", ""))
	case ctx.Err() != nil:
		return nil, cause.New(cause.Cancelled, "cancelled", nil)
	}
	return t, err
}

// Server is the address at which the device at peer reaches the TFTP server:
// the configured one, else ours on the way to it. network is the peer with the
// mask of a network of ours that it is on; of its full length where it is on
// none.
func (n *transfers) Server(peer netip.Addr) (server netip.Addr, network netip.Prefix, err error) {
	network = netip.PrefixFrom(peer, peer.BitLen())
	if server = n.opts.Config.TFTP.Advertise; !server.IsValid() {
		// Connecting a UDP socket sends nothing: it asks for the route.
		c, err := net.Dial("udp", netip.AddrPortFrom(peer, 69).String())
		if err != nil {
			return server, network, cause.Wrap(cause.ConnectTimeout, err, "no route to "+peer.String(), api.Say("see ").Type(api.OnHost, "ip route get "+peer.String()))
		}
		server = c.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
		if err := c.Close(); err != nil {
			return server, network, err
		}
	}
	ours, err := net.InterfaceAddrs()
	if err != nil {
		return server, network, fmt.Errorf("networks of this host: %w", err)
	}
	for _, a := range ours {
		if p, err := netip.ParsePrefix(a.String()); err == nil && p.Contains(peer) && p.Addr() != peer && !p.IsSingleIP() {
			network = netip.PrefixFrom(peer, p.Bits())
		}
	}
	return server, network, nil
}

// DeviceAt finds the device of the inventory that has this address; ok says
// that exactly one has it. Devices that were added by host name have none.
func (n *transfers) DeviceAt(ctx context.Context, addr netip.Addr) (d api.Device, ok bool, err error) {
	devices, err := n.Catalog.Devices(ctx, api.Select{})
	if err != nil {
		return d, false, err
	}
	devices = slices.DeleteFunc(devices, func(d api.Device) bool { return address(d) != addr })
	if len(devices) != 1 {
		return d, false, nil
	}
	return devices[0], true, nil
}

// address is the IP address of a device; invalid where it has a host name.
func address(d api.Device) netip.Addr {
	hostPort, err := d.HostPort()
	if err != nil {
		return netip.Addr{}
	}
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return netip.Addr{}
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}

// Receiver keeps what devices send as snapshots, each before its final ACK.
type Receiver struct {
	MD5  string                 // that the device computed; empty: nobody said
	Kept func(api.BackupResult) // told of each file, kept or not; one after the other

	mu     sync.Mutex
	closed bool
}

// Receive lets a device put one file, which becomes a snapshot of the device
// of this name; empty: of the one that has the address. The node must have
// been started.
func (n *transfers) Receive(p spool.Receive, device string, r *Receiver) *spool.Ticket {
	p.Keep = n.keepFor(r, device)
	return n.service.spool.Receive(p)
}

// Allow lets devices put files by the rules of the configuration, for as long
// as the node is started. The rules of an earlier call are void.
func (n *transfers) Allow(r *Receiver) {
	var rules []spool.Rule
	for _, c := range n.opts.Config.Receive {
		rules = append(rules, spool.Rule{From: c.From, Name: c.Name, MaxSize: c.MaxSize, Keep: n.keepFor(r, c.Device)})
	}
	n.service.spool.Allow(rules)
}

// Close waits until running receptions are kept. Nothing is kept after it.
func (r *Receiver) Close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
}

// keepFor returns what files a received file for a device. It is called before
// the final ACK: its error is what the device gets in place of it.
func (n *transfers) keepFor(r *Receiver, device string) func(*tftp.Request, *spool.File) error {
	return func(req *tftp.Request, f *spool.File) error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.closed {
			return spool.ErrClosed
		}
		return n.keep(r, device, req, f)
	}
}

func (n *transfers) keep(r *Receiver, device string, req *tftp.Request, f *spool.File) error {
	ctx := context.Background() // a reception that began is finished
	device, note, err := n.nameFor(ctx, device, req.Remote.Addr())
	if err != nil {
		return err
	}
	filer := backup.Filer{Vault: n.vault, Catalog: n.Catalog}
	res, err := filer.File(ctx, backup.Received{Device: device, Address: req.Remote.Addr(), Name: req.Filename, MD5: r.MD5, Began: f.Began}, f)
	if note != "" {
		res.Notes = append(res.Notes, note)
	}
	r.Kept(res)
	if cause.Of(err) == cause.DigestMismatch {
		return &tftp.Error{Code: tftp.CodeUndefined, Message: "digest differs, or the image is damaged"}
	}
	return err
}

// nameFor is the name under which a file from this address is kept: the one
// given, the device's of the inventory, else one made from the address, and
// then a note that says so.
func (n *transfers) nameFor(ctx context.Context, given string, from netip.Addr) (name, note string, err error) {
	if given != "" {
		return given, "", nil
	}
	d, ok, err := n.DeviceAt(ctx, from)
	if ok || err != nil {
		return d.Name, "", err
	}
	name = from.String()
	if from.Is6() {
		name = strings.ReplaceAll(from.WithZone("").StringExpanded(), ":", "-")
	}
	fix := api.Say("name its device with ").Option("device", "NAME").Say(", or add the device: ").
		Do("device add", "NAME").With("address", from.String()).With("username", "USER")
	return name, fmt.Sprintf("no device of the inventory has the address %s, or more than one: the snapshot is kept under the name %s; %s", from, name, fix), nil
}

// observe takes the TFTP server's events to the spool, the log and whoever
// watches.
func (n *server) observe(s *spool.Spool, e tftp.Event) {
	if n.Watch != nil {
		n.Watch(e) // before the spool ends a ticket, and with it the command
	}
	s.Observe(e)
	if e.Kind == tftp.EventRefused {
		n.opts.Log.Info("request refused", "remote", e.Request.Remote, "op", e.Request.Op.String(), "file", e.Request.Filename, "err", e.Err)
	}
}

// Ports is the range of the transfer IDs: "1056:1059".
func (n *transfers) Ports() string { return n.opts.Config.TFTP.PortRange.String() }

// Rules are the rules of the configuration for what devices send by themselves.
func (n *transfers) Rules() []config.ReceiveRule { return n.opts.Config.Receive }
