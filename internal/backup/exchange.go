package backup

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
)

// Exchange is one copy command outside of a backup, in either direction, and
// the ticket of its transfer.
type Exchange struct {
	Session interface {
		Copy(ctx context.Context, c ios.Copy) (ios.CopyResult, error)
	}
	Copy   ios.Copy
	Ticket *spool.Ticket
	Stall  time.Duration     // silence after which the transfer has stalled; 0: 60 s
	Moved  func(bytes int64) // told of progress

	Name           string // of the device in the inventory, for hints
	Device, Server netip.Addr
	Ports          string // transfer-ID range: "1056:1059"
}

// Run types the copy command and watches the ticket. A copy that failed is told
// with its cause. A line that died while blocks flowed is session_lost, told
// when they have ceased: the ticket says what came of it.
func (x Exchange) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if x.Stall == 0 {
		x.Stall = time.Minute
	}
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		WatchTicket(ctx, x.Ticket, x.Stall, x.Moved, cancel)
	}()
	said, err := x.Session.Copy(ctx, x.Copy)
	if cause.Of(err) == cause.SessionLost && ctx.Err() == nil {
		settled(ctx, x.Ticket) // the copy may go on without its terminal
	}
	stalled := errors.Is(context.Cause(ctx), ErrStalled)
	interrupted := ctx.Err() != nil && !stalled
	cancel(nil)
	<-watched
	switch {
	case err == nil && said.OK && (said.Bytes < 0 || said.Bytes == x.Ticket.Size):
		return nil
	case interrupted:
		return cause.New(cause.Cancelled, "cancelled", nil)
	}
	return Diagnose(Witness{
		Err: err, Said: said, Seen: x.Ticket.Evidence(), TicketErr: ticketError(x.Ticket), Stalled: stalled, Stall: x.Stall,
		Download: x.Copy.ToDevice, Name: x.Name, Device: x.Device, Server: x.Server, Ports: x.Ports, Size: x.Ticket.Size,
	})
}

// settled waits until a ticket's transfer has ended or stopped to move, which
// ends ctx.
func settled(ctx context.Context, t *spool.Ticket) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for t.Evidence().Running > 0 {
		select {
		case <-ctx.Done():
			return
		case <-t.Ended():
			return
		case <-tick.C:
		}
	}
}
