package web_test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
	"flashwarden/internal/web"
)

// flow is a stream whose events are those that a test gives it.
type flow struct {
	events []api.LiveEvent
	err    error
}

func (f *flow) Follow(context.Context, api.LiveSelect) (warden.Stream, error) { return f, f.err }
func (f *flow) Next(ctx context.Context) ([]api.LiveEvent, error) {
	if len(f.events) == 0 {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return f.events, nil
}
func (f *flow) Place() string { return "x-1" }
func (f *flow) Close()        {}

// add adds an event.
func (f *flow) add(t *testing.T, kind string, data any) {
	t.Helper()
	if err := f.put(kind, data); err != nil {
		t.Fatal(err)
	}
}

func (f *flow) put(kind string, data any) error {
	text, err := json.Marshal(data)
	f.events = append(f.events, api.LiveEvent{Kind: kind, Data: text})
	return err
}

// happens is the live events of a warden that a test gives answers: its job runs.
func happens(w warden.Warden) web.Live {
	a := w.(*answers)
	f := &flow{err: a.err}
	job, _ := json.Marshal(api.JobEvent{Job: api.Job{ID: "j", Kind: api.JobBackup, Device: a.device.Name, State: api.JobRunning, Started: now.Add(-time.Minute)}})
	move, _ := json.Marshal(api.TransferEvent{Job: "j", Device: a.device.Name, File: a.device.Name, Bytes: 1, Size: 2})
	f.events = []api.LiveEvent{{Kind: api.LiveJob, Data: job}, {Kind: api.LiveTransfer, Data: move}}
	return f
}

// order notes in which order a page asks.
type order struct {
	*answers
	asked []string
}

func (o *order) Job(ctx context.Context, n api.Named) (api.Job, error) {
	o.asked = append(o.asked, "job")
	return o.answers.Job(ctx, n)
}
func (o *order) Follow(ctx context.Context, s api.LiveSelect) (warden.Stream, error) {
	o.asked = append(o.asked, "events")
	return happens(o.answers).Follow(ctx, s)
}

// TestNothingBetween: the events of a page go on from a place before its data was read. A job that ends
// between the page and its first event would else run forever on the page.
func TestNothingBetween(t *testing.T) {
	o := &order{answers: full("sw1")}
	o.job.State = api.JobRunning
	h := pageWith(o, o)
	_, body := get(t, h, "/jobs/x")
	if len(o.asked) < 2 || o.asked[0] != "events" || o.asked[1] != "job" {
		t.Errorf("asked for %q", o.asked)
	}
	for _, path := range []string{"/", "/devices/sw1", "/jobs", "/transfers"} {
		_, other := get(t, h, path)
		body += other
	}
	if n := strings.Count(body, `hx-sse:connect="/api/v1/events?after=x-1"`); n != 5 {
		t.Errorf("%d of 5 pages go on from their place", n)
	}
}

// TestReadAgain: a page that a script reads again has no scripts. The policy lets nobody add one to a page, so
// the script would fail and the page would stay as it was.
func TestReadAgain(t *testing.T) {
	a := full("sw1")
	a.days, a.history = quarter(), year()
	h := page(a, api.RoleAdmin, false)
	for _, path := range views {
		r := httptest.NewRequest("GET", path, nil)
		_, whole := send(t, h, r)
		r.Header.Set("HX-Request", "true")
		resp, part := send(t, h, r)
		if resp.StatusCode != 200 || strings.Contains(part, "<script") || path != "/live" && !strings.Contains(whole, "<script") {
			t.Errorf("%s: %s, scripts: %t", path, resp.Status, strings.Contains(part, "<script"))
		}
	}
}

// TestRunningNow shows the jobs that run with the newest of their files, and transfers that
// belong to no job.
func TestRunningNow(t *testing.T) {
	f := &flow{}
	f.add(t, api.LiveJob, api.JobEvent{Job: api.Job{ID: "j1", Kind: api.JobBackup, Device: "sw1", State: api.JobRunning, Started: now.Add(-90 * time.Second)}})
	f.add(t, api.LiveJob, api.JobEvent{Job: api.Job{ID: "j2", Kind: api.JobMirror, Name: "offsite", State: api.JobRunning, Started: now.Add(-time.Hour)}})
	f.add(t, api.LiveJob, api.JobEvent{Job: api.Job{ID: "j3", Kind: api.JobBackup, Device: "sw3", State: api.JobQueued}})
	f.add(t, api.LiveTransfer, api.TransferEvent{Job: "j1", Device: "sw1", Step: api.StepKept, File: "flash:/vlan.dat", Bytes: 616, Size: 616, Time: now.Add(-time.Minute)})
	f.add(t, api.LiveTransfer, api.TransferEvent{Job: "j1", Device: "sw1", Step: api.StepCopy, File: "flash:/image.bin", Bytes: 5_000_000, Size: 20_000_000, Rate: 250_000, Retransmits: 3, Time: now})
	f.add(t, api.LiveJob, api.JobEvent{Job: api.Job{ID: "j5", Kind: api.JobBackup, Device: "sw5", State: api.JobRunning, Started: now}})
	f.add(t, api.LiveTransfer, api.TransferEvent{Job: "j5", Device: "sw5", Step: api.StepWait, File: "flash:/image.bin", Size: 20_000_000, Time: now})
	f.add(t, api.LiveTransfer, api.TransferEvent{Device: "sw4", Step: api.StepTransfer, File: "offered.bin", Bytes: 10, Size: -1, Time: now})
	h := pageWith(&answers{}, f)
	_, all := get(t, h, "/live")
	for _, want := range []string{`<a href="/jobs/j1">backup sw1</a>`, "copying flash:/image.bin (20.0 MB)", "since 2 min", `max="20000000" value="5000000"`, "5.0 MB of 20.0 MB · 250 kB/s · 1 min left", "3 packets repeated",
		"mirror offsite", "<strong>sw4</strong> transfer", "offered.bin"} {
		if !strings.Contains(all, want) {
			t.Errorf("no %q in\n%s", want, all)
		}
	}
	for _, not := range []string{"sw3", "vlan.dat", "<html", "hx-"} {
		if strings.Contains(all, not) {
			t.Errorf("there is %q in\n%s", not, all)
		}
	}
	if bars := strings.Count(all, "<progress"); bars != 1 {
		t.Errorf("%d bars: a file that waits, or whose size is not known, has none\n%s", bars, all)
	}
	if _, one := get(t, h, "/live?device=sw4"); strings.Contains(one, "sw1") || !strings.Contains(one, "offered.bin") {
		t.Errorf("of sw4:\n%s", one)
	}
	if _, none := get(t, pageWith(&answers{}, &flow{}), "/live"); strings.TrimSpace(none) != "" {
		t.Errorf("nothing runs, and the page shows %q", none)
	}
}

// TestLiveParts: the parts that scripts read again are found in the pages that they read, and
// carry the nonce of the response. Without a session a script reads the whole page again.
func TestLiveParts(t *testing.T) {
	h := page(full("sw1"), api.RoleViewer, false)
	for _, path := range []string{"/", "/devices/sw1", "/jobs"} {
		resp, body := get(t, h, path)
		nonce := regexp.MustCompile(`script-src 'nonce-([A-Z2-7]{26})'`).FindStringSubmatch(resp.Header.Get("Content-Security-Policy"))
		if nonce == nil || len(own.FindAllString(body, -1)) != 4 || !strings.Contains(body, `<script nonce="`+nonce[1]) {
			t.Fatalf("%s: policy %q\n%s", path, resp.Header.Get("Content-Security-Policy"), body)
		}
		if _, again := get(t, h, path); strings.Contains(again, nonce[1]) {
			t.Errorf("%s: the nonce is used twice", path)
		}
		parts := regexp.MustCompile(`hx-nonce="`+nonce[1]+`" hx-get="([^"]+)"( hx-select="#(\w+)")?`).FindAllStringSubmatch(body, -1)
		if len(parts) != 2 || len(parts) != strings.Count(body, "hx-get=") {
			t.Errorf("%s: parts %q", path, parts)
		}
		for _, part := range parts {
			resp, again := get(t, h, strings.ReplaceAll(part[1], "&amp;", "&"))
			if resp.StatusCode != 200 || part[3] != "" && !strings.Contains(again, `id="`+part[3]+`"`) {
				t.Errorf("%s: %q is %s", path, part[0], resp.Status)
			}
		}
	}
	r := httptest.NewRequest("GET", "/live", nil)
	r.Header.Set("HX-Request", "true")
	if resp, body := send(t, page(full("sw1"), "", false), r); resp.StatusCode != 401 || resp.Header.Get("HX-Refresh") != "true" || body != "" {
		t.Errorf("without a session: %s, %v %q", resp.Status, resp.Header, body)
	}
}
