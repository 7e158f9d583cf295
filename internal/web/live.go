package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

// Live has the events of the service.
type Live interface {
	Follow(ctx context.Context, s api.LiveSelect) (warden.Stream, error)
}

// livePage is the work that runs now. Scripts read it again when something happens.
type livePage struct {
	Path    string // of this part alone
	Now     time.Time
	Running []work
	More    int // that are not shown
}

// mostShown is how much work that runs a page shows.
const mostShown = 20

// work is a job that runs, or a transfer without a job, and the file that it works on.
type work struct {
	Job  *api.Job
	File *api.TransferEvent
}

// Device is on which device it runs; empty: on none.
func (w work) Device() string {
	if w.Job != nil {
		return w.Job.Device
	}
	return w.File.Device
}

// Does says what it does now.
func (w work) Does() string {
	f := w.File
	if f == nil {
		return ""
	}
	text := terminal.Describe(api.Event{Step: f.Step, File: f.File, Size: f.Size})
	return cmp.Or(text, f.File)
}

// Bar reports whether bytes move, and it is known how many there are.
func (w work) Bar() bool {
	f := w.File
	return f != nil && f.Size > 0 && f.Step != api.StepVerify && f.Step != api.StepWait
}

// Left is how long the file still takes at the present rate; 0: not known.
func (w work) Left() time.Duration {
	if f := w.File; f != nil && f.Rate > 0 && f.Size > f.Bytes {
		return time.Duration(float64(f.Size-f.Bytes) / float64(f.Rate) * float64(time.Second))
	}
	return 0
}

// place is where the events of the service are now. The script of a page goes on from there: what happens between the
// page and its first event is not lost.
func (p Page) place(r *http.Request) string {
	if p.Live == nil {
		return ""
	}
	stream, err := p.Live.Follow(r.Context(), api.LiveSelect{})
	if err != nil {
		return "" // the view fails, too, or has events from now on
	}
	defer stream.Close()
	return stream.Place()
}

// running returns the work that runs now on one device, or on all.
func (p Page) running(ctx context.Context, device string) (*livePage, error) {
	if p.Live == nil {
		return nil, nil
	}
	stream, err := p.Live.Follow(ctx, api.LiveSelect{})
	if err != nil {
		return nil, err
	}
	defer stream.Close()
	now, cancel := context.WithCancel(ctx)
	cancel() // what runs now comes first; wait for nothing
	events, err := stream.Next(now)
	if err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, io.EOF) {
		return nil, err
	}
	page := &livePage{Path: "/live?" + url.Values{"device": {device}}.Encode(), Now: p.Now(), Running: worksOf(events)}
	if device != "" {
		page.Running = slices.DeleteFunc(page.Running, func(w work) bool { return w.Device() != device })
	}
	page.More = max(0, len(page.Running)-mostShown)
	page.Running = page.Running[:len(page.Running)-page.More]
	return page, nil
}

// worksOf puts jobs and their transfers together: those that began last come first.
func worksOf(events []api.LiveEvent) (all []work) {
	files := map[string]api.TransferEvent{} // the newest of each job
	for _, e := range events {
		var t api.TransferEvent
		switch {
		case e.Kind != api.LiveTransfer || json.Unmarshal(e.Data, &t) != nil:
		case t.Job == "":
			all = append(all, work{File: &t})
		case t.Time.After(files[t.Job].Time):
			files[t.Job] = t
		}
	}
	for _, e := range events {
		var j api.JobEvent
		if e.Kind != api.LiveJob || json.Unmarshal(e.Data, &j) != nil || j.State != api.JobRunning {
			continue
		}
		w := work{Job: &j.Job}
		if f, ok := files[j.ID]; ok {
			w.File = &f
		}
		all = append(all, w)
	}
	slices.SortStableFunc(all, func(a, b work) int { return b.began().Compare(a.began()) })
	return all
}

// began is when the work began; a transfer without a job: its newest moment.
func (w work) began() time.Time {
	if w.Job != nil {
		return w.Job.Started
	}
	return w.File.Time
}

// live shows the work that runs and nothing around it.
func (p Page) live(r *http.Request) (string, any, error) {
	page, err := p.running(r.Context(), r.URL.Query().Get("device"))
	return "Running now", page, err
}
