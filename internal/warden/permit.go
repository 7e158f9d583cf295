package warden

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
	"flashwarden/tftp"
)

// permits are the offers and receptions that are open. The zero value is
// ready.
type permits struct {
	mu  sync.Mutex
	all map[string]*permit
}

// permit is one open offer or reception.
type permit struct {
	api.Permit
	meeting meeting
	began   time.Time
	ticket  *spool.Ticket
	times   int       // of an offer
	arrived *arrivals // of a reception; nil: an offer
	forget  *time.Timer
	unwatch func() // ends the live events of its transfers
	by      string
	taken   bool          // somebody waits for its end; the permits' lock guards it
	revoked chan struct{} // is closed to end it while somebody waits
}

// keptFor is how long a permit that has ended waits for somebody who asks how.
const keptFor = 10 * time.Minute

func (p *permits) add(one *permit, log *slog.Logger) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == nil {
		p.all = make(map[string]*permit)
	}
	p.all[one.ID] = one
	one.revoked = make(chan struct{})
	one.forget = time.AfterFunc(time.Until(one.Until)+keptFor, func() {
		<-one.ticket.Ended() // a running transfer may finish
		if err := p.forget(one); err != nil {
			log.Warn("end a permit", "ticket", one.Name, "err", err)
		}
	})
}

// forget ends a permit whose result nobody waits for.
func (p *permits) forget(one *permit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all[one.ID] != one {
		return nil
	}
	delete(p.all, one.ID)
	return one.end()
}

// take gives an offer, or a reception, to a caller who waits for it, and drops it then.
func (p *permits) take(id string, reception bool) (*permit, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.all[id]
	if one == nil || one.taken || reception != (one.arrived != nil) {
		return nil, noPermit(id, reception)
	}
	one.forget.Stop()
	one.taken = true
	return one, nil
}

// noPermit is the problem of an offer or a reception that is not there.
func noPermit(id string, reception bool) error {
	what := map[bool]string{false: "offer", true: "reception"}[reception]
	return unknown(api.Say("open a new one"), "no %s %q is open", what, id)
}

// drop forgets a permit that was taken.
func (p *permits) drop(one *permit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, one.ID)
}

// revoke ends an offer or a reception, and forgets it. Somebody who waits for it hears of it.
func (p *permits) revoke(id string, reception bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.all[id]
	if one == nil || reception != (one.arrived != nil) {
		return noPermit(id, reception)
	}
	delete(p.all, id)
	if one.taken {
		close(one.revoked)
		return nil
	}
	one.forget.Stop()
	return one.end()
}

// list returns the offers or the receptions, those that end first first.
func (p *permits) list(reception bool) (list []*permit) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range p.all {
		if reception == (one.arrived != nil) {
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b *permit) int { return cmp.Or(a.Until.Compare(b.Until), cmp.Compare(a.ID, b.ID)) })
	return list
}

// close ends all permits that nobody waits for.
func (p *permits) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for id, one := range p.all {
		if one.taken {
			continue // who waits for it ends it
		}
		one.forget.Stop()
		err = errors.Join(err, one.end())
		delete(p.all, id)
	}
	return err
}

// end ends a permit. A file that is being kept is kept first.
func (p *permit) end() error {
	if p.unwatch != nil {
		p.unwatch()
	}
	err := p.ticket.Close()
	if p.arrived != nil {
		p.arrived.receiver.Close()
	}
	return err
}

// peerAddress returns the address of one device: an IP address, or that of the
// device of the inventory with this name.
func peerAddress(ctx context.Context, n *node.Node, field, text string) (netip.Addr, error) {
	a, err := netip.ParseAddr(text)
	if err != nil {
		return addressOf(ctx, n, field, text)
	}
	return a.Unmap(), checkPeer(field, a)
}

// checkPeer refuses an address that no device has.
func checkPeer(field string, a netip.Addr) error {
	if a.IsUnspecified() || a.IsMulticast() {
		return wrongField(field, "%q is not the IP address of a device", a)
	}
	return nil
}

// addressOf returns the one address of a device of the inventory.
func addressOf(ctx context.Context, n *node.Node, field, name string) (netip.Addr, error) {
	d, err := n.Catalog.Device(ctx, name)
	if errors.Is(err, catalog.ErrNotFound) {
		p := unknown(cause.Carried(err), "%q is not an IP address, and there is %w", name, err)
		p.Field = field
		return netip.Addr{}, p
	}
	if err != nil {
		return netip.Addr{}, err
	}
	hosts, err := resolveDevice(ctx, d)
	switch {
	case err != nil:
		return netip.Addr{}, err
	case len(hosts) != 1:
		return netip.Addr{}, wrongField(field, "%s has %d addresses; give the IP address that it copies from", name, len(hosts))
	}
	return hosts[0].Address.Unmap(), nil
}

// checkName refuses a name on the TFTP server that cannot be typed on a device.
func checkName(name string) error {
	for part := range strings.SplitSeq(name, "/") {
		if part == "" || part == "." || part == ".." {
			return wrongField("name", "%q is not a file name: directories are allowed, a leading slash is not", name)
		}
	}
	if err := ios.Typeable("name", name); err != nil {
		return Invalid("%w", err)
	}
	return nil
}

// checkPermit refuses a name that cannot be typed, and a time that is over at
// once.
func checkPermit(name string, wait time.Duration) error {
	if wait <= 0 {
		return wrongField("for", "%s: want a time such as 15m", wait)
	}
	if name == "" {
		return nil
	}
	return checkName(name)
}

// meeting is how a device and the TFTP server reach each other.
type meeting struct {
	peer    netip.Addr
	server  netip.Addr   // as the device reaches it
	network netip.Prefix // the peer, with the mask of the network that it shares with us
	device  api.Device   // of the inventory; zero where no device has the address
}

// meet finds how peer and the TFTP server reach each other, and which device
// peer is: the named one, or the one that has the address.
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

// permit returns what a person has to know of a ticket.
func (m meeting) permit(n *node.Node, t *spool.Ticket, name string, until time.Time) api.Permit {
	return api.Permit{ID: rand32(), Peer: m.peer.String(), Device: m.device.Name, Server: m.server.String(), Name: name, Until: until.UTC(), Port: port(n)}
}

// wait waits until the ticket ends, for whatever reason. After the end of ending it
// waits only while a transfer runs.
func (p *permit) wait(ctx context.Context, n *node.Node, ending <-chan struct{}) error {
	for {
		select {
		case <-p.ticket.Ended():
			_, err := p.ticket.Wait(context.Background())
			return err
		case <-n.Failed():
			return n.Failure()
		case <-p.revoked:
			return errRevoked()
		case <-ctx.Done():
			return cause.New(cause.Cancelled, "cancelled", api.Say("open it again when it is needed"))
		case <-ending:
			if p.ticket.Evidence().Running == 0 {
				return errEnding()
			}
			ending = after(lookAgain) // a transfer that breaks off does not end the ticket
		}
	}
}

// errRevoked is the error of a permit that somebody ended.
func errRevoked() error {
	return cause.New(cause.Cancelled, "somebody ended it", api.Say("open it again when it is needed"))
}

// lookAgain is how often wait looks whether a transfer still runs.
const lookAgain = 100 * time.Millisecond

// after returns a channel that is closed after d.
func after(d time.Duration) <-chan struct{} {
	c := make(chan struct{})
	time.AfterFunc(d, func() { close(c) })
	return c
}

// diagnose returns why a ticket was not used up, and the next step.
func (p *permit) diagnose(err error, n *node.Node, w transfer.Witness) error {
	if !errors.Is(err, spool.ErrLate) {
		return err
	}
	w.Seen = p.ticket.Evidence()
	if w.Seen.Complete > 0 {
		return cause.New(cause.NoRequest, fmt.Sprintf("the offer expired after %d complete transfers", w.Seen.Complete),
			api.Say("offer it again, with a longer ").Option("for", "").Say(" or with fewer ").Option("times", ""))
	}
	w.TicketErr, w.Stalled = err, true
	w.Name, w.Device, w.Server = cmp.Or(p.meeting.device.Name, "NAME"), p.meeting.peer, p.meeting.server
	w.Listen, w.Ports = n.Port(), n.Ports()
	e := transfer.Diagnose(w)
	if e.Cause == cause.NoRequest && len(w.Seen.Strays) == 0 {
		return p.notTyped(e)
	}
	if len(w.Seen.Strays) == 0 || w.Seen.Requested {
		return e
	}
	return cause.New(cause.RefusedByServer, fmt.Sprintf("%s asked for %q, and not for %s", p.Peer, w.Seen.Strays, p.ticket.Name),
		api.Say("type the name as it is printed, or choose it with ").Option("name", ""))
}

// notTyped is the error of a permit for which no request came: most likely nobody
// has typed the command yet.
func (p *permit) notTyped(e *cause.Error) error {
	lines := []string{fmt.Sprintf("copy flash:FILE tftp://%s/%s", hostInURL(p.meeting.server), cmp.Or(p.Name, "FILE"))}
	if len(p.Ways) > 0 {
		lines = p.Ways[0].Lines
	}
	fix := api.Say("type on the device, if you have not yet: ")
	for i, line := range lines {
		if i > 0 {
			fix = fix.Say(", then ")
		}
		fix = fix.Type(api.OnDevice, line)
	}
	open := strings.NewReplacer("h0m0s", "h", "m0s", "m").Replace(p.Until.Sub(p.began).Round(time.Second).String())
	return cause.New(cause.NoRequest, fmt.Sprintf("no request came from %s in %s", p.Peer, open), fix.Say(".\nIf the command times out there: ").Then(e.Fix))
}

// hostInURL is an address as a TFTP URL has it.
func hostInURL(a netip.Addr) string {
	if a.Is6() {
		return "[" + a.String() + "]"
	}
	return a.String()
}

// only returns watch without the transfers of other operations, which run in
// the same process. Requests that were refused stay: one of them may be meant
// for this permit.
func (p *permit) only(watch func(tftp.Event)) func(tftp.Event) {
	op := tftp.Read
	if p.arrived != nil {
		op = tftp.Write
	}
	return func(e tftp.Event) {
		own := e.Request.Op == op && e.Request.Remote.Addr().Unmap() == p.meeting.peer && (p.Name == "" || sameName(e.Request.Filename, p.Name))
		if own || e.Kind == tftp.EventRefused {
			watch(e)
		}
	}
}

// sameName compares names as the TFTP server does.
func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimLeft(a, "/"), strings.TrimLeft(b, "/"))
}

// transferEvents returns what passes events of the TFTP server on.
func transferEvents(events func(api.Event), size int64) func(tftp.Event) {
	steps := map[tftp.EventKind]api.Step{
		tftp.EventRequest: api.StepRequest, tftp.EventProgress: api.StepTransfer, tftp.EventDone: api.StepEnded, tftp.EventRefused: api.StepRefused,
	}
	return func(e tftp.Event) {
		step, shown := steps[e.Kind]
		if !shown || events == nil {
			return
		}
		event := api.Event{Time: time.Now().UTC(), Step: step, Remote: e.Request.Remote.String(), Sends: e.Request.Op == tftp.Write,
			File: e.Request.Filename, Bytes: e.Bytes, Size: size}
		if event.Size < 0 {
			event.Size = e.Request.Size
		}
		if e.Err != nil {
			event.Error = wireText(e.Err)
		}
		events(event)
	}
}

// wireText is why a transfer ended, without the form of an ERROR packet.
func wireText(err error) string {
	var e *tftp.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return cause.Text(err)
}
