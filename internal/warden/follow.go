package warden

import (
	"context"
	"encoding/json"
	"io"
	"strconv"
	"time"

	"flashwarden/api"
	"flashwarden/internal/live"
	"flashwarden/internal/node"
)

// Stream is one reader of live events.
type Stream interface {
	// Next waits for events. The error is io.EOF at the end of the stream, and that of ctx
	// if it ends first; then Next may be called again.
	Next(ctx context.Context) ([]api.LiveEvent, error)
	// Place is the ID behind all events that Next has returned or left out.
	Place() string
	Close()
}

// Follow returns the events of the service, from now on or behind s.After: at the begin, and
// after a gap, the jobs and transfers that run. The events of one job end with the job. The
// error is io.EOF if a reader has all events that will ever come.
func (l *queue) Follow(ctx context.Context, s api.LiveSelect) (Stream, error) {
	f := &follower{l: l, ring: l.live.ring, actor: actorOf(ctx), job: s.Job, its: make(map[string]sight)}
	var err error
	if s.Job != "" {
		_, _, err = l.beginOnJob(ctx, reading, "follow a job", s.Job)
	} else {
		err = l.allowOnDevices(ctx, reading, "follow events")
	}
	if err == nil {
		f.node, err = l.existing(ctx)
	}
	if err != nil {
		return nil, err
	}
	place, known := f.ring.Find(s.After)
	switch _, _, there, _ := f.ring.After(place); {
	case s.After == "":
		err = f.begin(ctx)
	case !known || !there:
		err = f.reset(ctx, "the events after "+strconv.Quote(s.After[:min(len(s.After), 40)])+" are gone")
	default:
		f.place = place
		err = f.goOn(ctx)
	}
	if err != nil {
		return nil, err
	}
	l.live.count(1)
	return f, nil
}

// count counts the readers.
func (v *liveEvents) count(n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.readers += n
}

// follower is a Stream.
type follower struct {
	l     *queue
	ring  *live.Ring
	node  *node.Node
	actor Actor
	job   string

	place  uint64
	first  []api.LiveEvent  // before all others
	its    map[string]sight // of a limited actor, by device
	state  string           // of the job, when it was last sent
	looked time.Time        // at the job
	over   bool             // the job has ended
}

// sight is whether a limited actor may see the events of a device.
type sight struct {
	may   bool
	until time.Time
}

// sightFor is how long a limited actor may go on to see a device that was moved elsewhere.
const sightFor = 2 * time.Second

// lookEvery is how often a reader of one job looks at the job itself: another machine may
// have changed it.
const lookEvery = 5 * time.Second

// Close ends the stream.
func (f *follower) Close() { f.l.live.count(-1) }

// Place is the ID behind all events so far.
func (f *follower) Place() string { return f.ring.ID(f.place) }

// Next waits for events. ctx ends the wait alone: no event is lost because of it.
func (f *follower) Next(wait context.Context) ([]api.LiveEvent, error) {
	ctx := As(context.WithoutCancel(wait), f.actor)
	if err := f.look(ctx); err != nil {
		return nil, err
	}
	for {
		if out := f.first; len(out) > 0 {
			f.first = nil
			return out, nil
		}
		if f.over {
			return nil, io.EOF
		}
		events, next, ok, changed := f.ring.After(f.place)
		if !ok {
			if err := f.reset(ctx, f.l.live.whyGone(f.place)); err != nil {
				return nil, err
			}
			continue
		}
		var err error
		if f.first, err = f.visible(ctx, events, next); err != nil {
			return nil, err // the place stays: a later reader goes on there
		}
		f.place = next
		if len(f.first) > 0 || f.over {
			continue
		}
		select {
		case <-changed:
		case <-wait.Done():
			return nil, wait.Err()
		case <-f.l.ending:
			return nil, io.EOF
		}
	}
}

// visible returns the events that the actor may see, for a reader who asked for them.
func (f *follower) visible(ctx context.Context, events []live.Event, next uint64) (out []api.LiveEvent, err error) {
	for i, e := range events {
		if f.over || f.job != "" && e.Job != f.job {
			continue
		}
		may, err := f.may(ctx, e)
		if err != nil {
			return nil, err
		}
		if !may {
			continue
		}
		out = append(out, api.LiveEvent{ID: f.ring.ID(next - uint64(len(events)-i-1)), Kind: e.Kind, Data: e.Data})
		if f.job != "" && e.Kind == api.LiveJob {
			f.note(e.Data)
		}
	}
	return out, nil
}

// note remembers the state of the job that the reader follows.
func (f *follower) note(data []byte) {
	var j api.JobEvent
	if json.Unmarshal(data, &j) == nil && j.Step == "" {
		f.sent(j.Job)
	}
}

func (f *follower) sent(j api.Job) {
	f.state, f.over, f.looked = j.State+" "+strconv.Itoa(j.Attempts), api.Ended(j.State), time.Now()
}

// may reports whether the actor may see an event: a limited one sees those of its devices.
func (f *follower) may(ctx context.Context, e live.Event) (bool, error) {
	if !f.actor.limited() {
		return true, nil
	}
	if e.Device == "" {
		return false, nil
	}
	for _, s := range e.Scopes {
		if (f.actor.Group == "" || s.Group == f.actor.Group) && (f.actor.Site == "" || s.Site == f.actor.Site) {
			return true, nil
		}
	}
	if len(e.Scopes) > 0 {
		return false, nil
	}
	return f.sees(ctx, e.Device)
}

// sees reports whether a device is one of the actor's. What it found holds for a moment.
func (f *follower) sees(ctx context.Context, device string) (bool, error) {
	now := time.Now()
	if s, ok := f.its[device]; ok && now.Before(s.until) {
		return s.may, nil
	}
	if len(f.its) >= liveKept {
		clear(f.its)
	}
	may, err := f.l.its(ctx, f.node, device)
	if err == nil {
		f.its[device] = sight{may, now.Add(sightFor)}
	}
	return may, err
}

// goOn goes on behind the events that the reader has.
func (f *follower) goOn(ctx context.Context) error {
	if f.job == "" {
		return nil
	}
	events, next, _, _ := f.ring.After(f.place)
	first, err := f.visible(ctx, events, next)
	if err != nil {
		return err
	}
	if len(first) > 0 {
		f.first, f.place = first, next
		return nil
	}
	j, err := f.node.Catalog.Job(ctx, f.job)
	if err == nil && api.Ended(j.State) {
		err = io.EOF
	}
	f.state, f.looked = j.State+" "+strconv.Itoa(j.Attempts), time.Now()
	return err
}

// reset says that events are missing, and begins anew.
func (f *follower) reset(ctx context.Context, why string) error {
	if err := f.begin(ctx); err != nil {
		return err
	}
	f.first = append([]api.LiveEvent{f.event(api.LiveReset, api.ResetEvent{Reason: why})}, f.first...)
	return nil
}

// event makes an event of the reader's place.
func (f *follower) event(kind string, data any) api.LiveEvent {
	text, err := json.Marshal(data)
	if err != nil {
		panic(err) // it has only texts and numbers
	}
	return api.LiveEvent{ID: f.Place(), Kind: kind, Data: text}
}

// begin has the reader begin with the jobs and transfers that run now.
func (f *follower) begin(ctx context.Context) error {
	f.place, f.first = f.ring.Place(), nil // before the state is read: nothing is lost in between
	jobs := api.Jobs{}
	if f.job != "" {
		j, err := f.node.Catalog.Job(ctx, f.job)
		if err != nil {
			return jobProblem(f.job, err)
		}
		j.Result = nil
		jobs.Jobs = []api.Job{j.Job}
		f.sent(j.Job)
	} else {
		var err error
		if jobs, err = f.node.Catalog.Jobs(ctx, api.JobSelect{State: api.JobRunning, Limit: mostRunning}); err != nil {
			return err
		}
	}
	for _, j := range jobs.Jobs {
		if err := f.show(ctx, j.Device, api.LiveJob, api.JobEvent{Job: j}); err != nil {
			return err
		}
	}
	for _, e := range f.l.live.transfers() {
		if (f.job == "" || e.Job == f.job) && !f.over {
			if err := f.show(ctx, e.Device, api.LiveTransfer, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// show adds an event to the first ones, if the actor may see it.
func (f *follower) show(ctx context.Context, device, kind string, data any) error {
	may, err := f.may(ctx, live.Event{Device: device})
	if may && err == nil {
		f.first = append(f.first, f.event(kind, data))
	}
	return err
}

// look looks at the job that the reader follows, now and then.
func (f *follower) look(ctx context.Context) error {
	if f.job == "" || f.over || time.Since(f.looked) < lookEvery {
		return nil
	}
	was := f.state
	j, err := f.node.Catalog.Job(ctx, f.job)
	if err != nil {
		return jobProblem(f.job, err)
	}
	f.looked = time.Now()
	if was != j.State+" "+strconv.Itoa(j.Attempts) {
		j.Result = nil
		f.sent(j.Job)
		f.first = append(f.first, f.event(api.LiveJob, api.JobEvent{Job: j.Job}))
	}
	return nil
}

// transfers returns the newest event of each transfer that runs.
func (v *liveEvents) transfers() (list []api.TransferEvent) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, m := range v.moving {
		list = append(list, m.event)
	}
	return list
}

// whyGone says why a reader at a place has missed events.
func (v *liveEvents) whyGone(place uint64) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if place < v.gone {
		return v.why
	}
	return "the client is too slow"
}
