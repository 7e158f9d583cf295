package warden

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/node"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

var validMD5 = lazyregexp.New(`^[0-9a-f]{32}$`)

// Receive lets one address send one file, which becomes a snapshot of its own.
func (l *transfers) Receive(ctx context.Context, r api.Receive) (api.Permit, error) {
	r.MD5 = strings.ToLower(r.MD5)
	if r.MD5 != "" && !validMD5.MatchString(r.MD5) {
		return api.Permit{}, wrongField("md5", "%q: want the 32 hexadecimal digits that verify /md5 prints", r.MD5)
	}
	if r.MaxSize < 0 {
		return api.Permit{}, wrongField("max_size", "%d: want 0 or more", r.MaxSize)
	}
	if err := checkPermit(r.Name, r.For); err != nil {
		return api.Permit{}, err
	}
	n, err := l.beginReceive(ctx, r)
	if err != nil {
		return api.Permit{}, err
	}
	peer, err := peerAddress(ctx, n, "from", r.From)
	if err != nil {
		return api.Permit{}, err
	}
	m, err := meet(ctx, n, peer, r.Device)
	if err != nil {
		return api.Permit{}, err
	}
	if n, err = l.servedVault(ctx); err != nil {
		return api.Permit{}, err
	}
	p := &permit{meeting: m, began: time.Now(), times: 1, arrived: &arrivals{}, by: actorOf(ctx).Name}
	p.arrived.receiver = &node.Receiver{MD5: r.MD5, Kept: func(res api.BackupResult) {
		l.live.snapshot(res.Device, res.Snapshot, res.Status)
		p.arrived.add(res)
	}}
	until := p.began.Add(r.For)
	p.ticket = n.Receive(spool.Receive{Device: peer, Name: r.Name, MaxSize: r.MaxSize, Deadline: until}, r.Device, p.arrived.receiver)
	p.Permit = m.permit(n, p.ticket, r.Name, until)
	p.unwatch = l.watch.add(p.only(transferEvents(l.live.permit(p), -1)))
	l.permits.add(p, l.log())
	return p.Permit, nil
}

// beginReceive begins a reception, which may be the first operation. One that must fail makes no
// data directory: only an inventory has devices, and nothing arrives without the TFTP server.
func (l *transfers) beginReceive(ctx context.Context, r api.Receive) (*node.Node, error) {
	a, err := netip.ParseAddr(r.From)
	if err != nil || r.Device != "" {
		return l.begin(ctx, working, "receive", r.From, r.Name)
	}
	if err := checkPeer("from", a); err != nil {
		return nil, err
	}
	if err := l.allow(ctx, working, "receive", r.From, r.Name); err != nil {
		return nil, err
	}
	if l.exists(ctx) != nil {
		if err := l.listen(); err != nil {
			return nil, err
		}
	}
	return l.recordedNew(ctx, working, "receive", []string{r.From, r.Name})
}

// AwaitReception waits until the file is kept or the time is over, and ends
// the reception when ctx does.
func (l *transfers) AwaitReception(ctx context.Context, open api.Permit, events func(api.Event)) (api.BackupResult, error) {
	if err := l.allow(ctx, looking, "await a reception", open.ID); err != nil {
		return api.BackupResult{}, err
	}
	n, err := l.served(ctx)
	if err != nil {
		return api.BackupResult{}, err
	}
	p, err := l.permits.take(open.ID, true)
	if err != nil {
		return api.BackupResult{}, err
	}
	defer l.permits.drop(p)
	defer l.watch.add(p.only(transferEvents(events, -1)))()
	err = errors.Join(p.wait(ctx, n, l.ending), p.end())
	if res, ok := p.arrived.kept(); ok {
		return res, nil // also where the time, or the user, was faster
	}
	failed := p.diagnose(err, n, transfer.Witness{Size: -1, Stall: p.Until.Sub(p.began)})
	res := p.arrived.last(failed)
	res.Device, res.Started, res.Seconds = p.Device, p.began.UTC().Truncate(time.Second), tenths(time.Since(p.began))
	return res, nil
}

// Rules lists the standing permissions to send files.
func (l *transfers) Rules(ctx context.Context) (api.Rules, error) {
	if err := l.allow(ctx, reading, "list rules"); err != nil {
		return api.Rules{}, err
	}
	if len(l.config().Receive) == 0 {
		p := Invalid("which device may send?")
		p.Fix = api.Say("add ").Option("from", "NAME").Say(" (or its IP address), or rules under ").Set("receive", "").Say(" in the configuration")
		return api.Rules{}, p
	}
	n, err := l.served(ctx)
	if err != nil {
		return api.Rules{}, err
	}
	out := api.Rules{Port: port(n)}
	for _, r := range n.Rules() {
		out.Rules = append(out.Rules, api.Rule{From: r.From.String(), Name: r.Name, MaxSize: r.MaxSize})
	}
	return out, nil
}

// AwaitRules serves the standing permissions until ctx ends, and returns what
// became of each file.
func (l *transfers) AwaitRules(ctx context.Context, events func(api.Event)) ([]api.BackupResult, error) {
	if err := l.allow(ctx, looking, "receive by rules"); err != nil {
		return nil, err
	}
	n, err := l.served(ctx)
	if err != nil {
		return nil, err
	}
	mine := &arrivals{tell: func(r api.BackupResult) {
		if events != nil {
			events(api.Event{Time: time.Now().UTC(), Step: api.StepReceived, Device: r.Device, Received: &r})
		}
	}}
	defer l.watch.add(transferEvents(events, -1))()
	remove, err := l.serveRules(ctx, mine)
	if err != nil {
		return nil, err
	}
	defer remove()
	if events != nil {
		events(api.Event{Time: time.Now().UTC(), Step: api.StepServing})
	}
	select {
	case <-ctx.Done():
		return mine.all(), nil
	case <-n.Failed():
		return mine.all(), n.Failure()
	case <-l.ending:
		return mine.all(), errEnding()
	}
}

// serveRules serves the standing permissions for as long as the Local is open,
// and reports each file to a until remove is called. If a is nil, nobody hears
// of the files.
func (l *transfers) serveRules(ctx context.Context, a *arrivals) (remove func(), err error) {
	if _, err := l.served(ctx); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rules != nil {
		return l.rules.add(a), nil
	}
	l.rules = &ruled{all: make(map[*arrivals]bool)}
	l.rules.receiver = &node.Receiver{Kept: func(r api.BackupResult) {
		l.logResult("reception", ofBackup(r))
		l.live.snapshot(r.Device, r.Snapshot, r.Status)
		l.rules.tell(r)
	}}
	remove = l.rules.add(a) // before the first file can arrive
	l.node.Allow(l.rules.receiver)
	return remove, nil
}

// ruled is the service of the standing permissions.
type ruled struct {
	receiver *node.Receiver
	mu       sync.Mutex
	all      map[*arrivals]bool
}

func (r *ruled) add(a *arrivals) (remove func()) {
	if a == nil {
		return func() {}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all[a] = true
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.all, a)
	}
}

func (r *ruled) tell(res api.BackupResult) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for a := range r.all {
		a.add(res)
	}
}

// close waits until a file that is being kept is kept.
func (r *ruled) close() {
	if r != nil {
		r.receiver.Close()
	}
}

// arrivals collects what became of received files.
type arrivals struct {
	receiver *node.Receiver         // of a reception
	tell     func(api.BackupResult) // may be nil

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

// kept returns the file that was kept, if one was.
func (a *arrivals) kept() (api.BackupResult, bool) {
	for _, r := range a.all() {
		if r.Status == api.StatusOK {
			return r, true
		}
	}
	return api.BackupResult{}, false
}

// last reports why the last file was not kept; where none came, failed says
// why.
func (a *arrivals) last(failed error) api.BackupResult {
	if all := a.all(); len(all) > 0 {
		return all[len(all)-1]
	}
	return api.BackupResult{Status: api.StatusFailed, Cause: cause.Of(failed), Message: cause.Text(failed),
		Hint: cause.Hint(failed), Attempts: 1, Files: []api.File{}}
}
