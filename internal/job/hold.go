package job

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"flashwarden/internal/catalog"
)

// holdFor is how long a device that Hold took is safe after the last sign of its process.
// Such work is not ended half-way when the catalog is away, so nobody else may begin on the
// device meanwhile; and a device on which a restore died wants a person to look at it.
const holdFor = 15 * time.Minute

// renewHold is how often a lease of Hold is renewed.
const renewHold = holdFor / 60

// askFor is how long the catalog may take to renew the lease of Hold. Then it is away.
const askFor = time.Minute

// hold is a device that is taken for work that is no job.
type hold struct {
	*Queue
	lease catalog.Lease
	lasts time.Duration // since the last sign of this process

	mu      sync.Mutex
	renewed time.Time // by our own clock: the lease lasts from then on
}

// Hold takes a device for work that is no job, such as a restore, until release is called. It
// renews the lease meanwhile, also if Run does not work. The context of that work needs the
// lease, and catalog.StillOurs asks for it. ok is false if a job or other work has the device.
func (q *Queue) Hold(ctx context.Context, device string) (held context.Context, release func(), ok bool, err error) {
	h := &hold{Queue: q, lasts: holdFor, renewed: time.Now()}
	h.lease, ok, err = q.Store.TakeLease(ctx, q.Worker, device, h.lasts)
	if err != nil || !ok {
		return ctx, func() {}, false, err
	}
	q.countHold(1)
	stop := h.keep(ctx)
	return catalog.Fenced(catalog.UnderLease(ctx, h.lease), h.stillOurs), func() {
		stop()
		defer q.countHold(-1)
		if err := q.Store.FreeLeases(context.WithoutCancel(ctx), h.lease); err != nil {
			q.Log.Error("a device stays taken until its lease ends", "device", device, "err", err)
		}
	}, true, nil
}

// HoldContent takes a content for this process until release is called, so that of several
// processes one copies it. ok is false if another one has it. If the catalog is away, this process
// goes on: a content that is copied twice is no harm.
func (q *Queue) HoldContent(ctx context.Context, content string) (release func(), ok bool) {
	h := &hold{Queue: q, lasts: q.Lease, renewed: time.Now()}
	var err error
	h.lease, ok, err = q.Store.TakeLease(ctx, q.Worker, contentLease+content, h.lasts)
	if err != nil {
		q.Log.Warn("other processes may copy the same content", "content", content, "err", err)
		return func() {}, true
	}
	if !ok {
		return nil, false
	}
	stop := h.keep(ctx)
	return func() {
		stop()
		if err := q.Store.FreeLeases(context.WithoutCancel(ctx), h.lease); err != nil {
			q.Log.Warn("other processes wait for a content until its lease ends", "content", content, "err", err)
		}
	}, true
}

// contentLease begins the names of the leases of contents.
const contentLease = "/content/"

// holdJob has the lease of a job last as long as one of Hold, until release is called: its work
// is not ended half-way either.
func (q *Queue) holdJob(ctx context.Context, l catalog.Lease) (held context.Context, release func(), err error) {
	h := &hold{Queue: q, lease: l, lasts: holdFor, renewed: time.Now()}
	if err := h.renew(ctx); err != nil {
		return ctx, nil, err
	}
	q.mu.Lock()
	q.running[l].alone = true
	q.mu.Unlock()
	return catalog.Fenced(ctx, h.stillOurs), h.keep(ctx), nil
}

// keep renews the lease until stop is called.
func (h *hold) keep(ctx context.Context) (stop func()) {
	renewing, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var renewer sync.WaitGroup
	renewer.Go(func() { h.renewUntil(renewing) })
	return func() {
		cancel()
		renewer.Wait()
	}
}

func (q *Queue) countHold(n int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.holds += n
}

// renewUntil renews the lease until ctx ends or the lease is lost.
func (h *hold) renewUntil(ctx context.Context) {
	var f fault
	every := time.NewTicker(min(renewHold, h.lasts/6))
	defer every.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-every.C:
		}
		err := h.renew(ctx)
		if ctx.Err() == nil {
			f.report(h.Log, err, "the lease of "+h.lease.Name+" cannot be renewed", "the lease of "+h.lease.Name+" is renewed again")
		}
		if errors.Is(err, catalog.ErrLeaseLost) {
			return
		}
	}
}

// renew renews the lease. The error is ErrLeaseLost if it is lost.
func (h *hold) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, min(askFor, h.lasts/3))
	defer cancel()
	asked := time.Now()
	lost, cancelled, err := h.Store.RenewLeases(ctx, h.Worker, h.lasts, h.lease)
	for _, l := range cancelled {
		h.stop(l, errCancelled)
	}
	switch {
	case err != nil:
		return err
	case len(lost) > 0:
		return fmt.Errorf("%w: %s", catalog.ErrLeaseLost, h.lease.Name)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.renewed = asked
	return nil
}

// stillOurs returns ErrLeaseLost if somebody else may have the device. While the catalog is
// away, nobody can take it before the lease ends. A sixth of the lease is left for one step.
func (h *hold) stillOurs(ctx context.Context) error {
	err := h.renew(ctx)
	if err == nil || errors.Is(err, catalog.ErrLeaseLost) {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if away := time.Since(h.renewed); away > h.lasts*5/6 {
		return fmt.Errorf("%w: it could not be renewed for %s: %w", catalog.ErrLeaseLost, away.Round(time.Second), err)
	}
	return nil
}
