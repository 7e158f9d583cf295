package warden

import (
	"context"
	"errors"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

// Offers lists the offers that are open, or ended a short time ago.
func (l *transfers) Offers(ctx context.Context) ([]api.PermitState, error) {
	return l.permitStates(ctx, "list offers", false)
}

// Receptions lists the receptions that are open, or ended a short time ago.
func (l *transfers) Receptions(ctx context.Context) ([]api.PermitState, error) {
	return l.permitStates(ctx, "list receptions", true)
}

// EndOffer ends an offer. A transfer that runs is broken off.
func (l *transfers) EndOffer(ctx context.Context, id api.Named) (struct{}, error) {
	return l.endPermit(ctx, "end an offer", id.Name, false)
}

// EndReception ends a reception. A transfer that runs is broken off.
func (l *transfers) EndReception(ctx context.Context, id api.Named) (struct{}, error) {
	return l.endPermit(ctx, "end a reception", id.Name, true)
}

func (l *transfers) endPermit(ctx context.Context, operation, id string, reception bool) (struct{}, error) {
	if _, err := l.begin(ctx, working, operation, id); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, l.permits.revoke(id, reception)
}

func (l *transfers) permitStates(ctx context.Context, operation string, reception bool) ([]api.PermitState, error) {
	n, err := l.begin(ctx, reading, operation)
	if err != nil {
		return nil, err
	}
	states := []api.PermitState{}
	for _, p := range l.permits.list(reception) {
		states = append(states, p.state(n))
	}
	return states, nil
}

// state is what became of a permit so far.
func (p *permit) state(n *node.Node) api.PermitState {
	seen := p.ticket.Evidence()
	s := api.PermitState{Permit: p.Permit, By: p.by, State: api.PermitOpen, Running: seen.Running, Complete: seen.Complete, Times: p.times}
	if p.arrived != nil {
		p.received(&s)
	}
	select {
	case <-p.ticket.Ended():
	default:
		return s
	}
	_, err := p.ticket.Wait(context.Background())
	if s.State = api.PermitUsed; err == nil {
		return s
	}
	s.State = api.PermitEnded
	if errors.Is(err, spool.ErrClosed) {
		err = errRevoked()
	}
	if s.Message == "" {
		failed := p.diagnose(err, n, transfer.Witness{Size: -1, Stall: p.Until.Sub(p.began), Download: p.arrived == nil})
		s.Cause, s.Message, s.Hint = cause.Of(failed), cause.Text(failed), cause.Hint(failed)
	}
	return s
}

// received adds what became of the file.
func (p *permit) received(s *api.PermitState) {
	if kept, ok := p.arrived.kept(); ok {
		s.Complete, s.Snapshot = 1, kept.Snapshot
		return
	}
	if all := p.arrived.all(); len(all) > 0 {
		last := all[len(all)-1]
		s.Cause, s.Message, s.Hint = last.Cause, last.Message, last.Hint
	}
}
