package catalogtest

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

var jobTests = []suiteTest{
	{"Jobs", testJobs},
	{"JobPages", testJobPages},
	{"StartJobs", testStartJobs},
	{"StartManyJobs", testStartMany},
	{"EveryLoginIsOnTheBoard", testBoard},
	{"EndOfAnAttempt", testEndJob},
	{"CancelJob", testCancelJob},
	{"RetryJob", testRetryJob},
	{"DeadWorker", testDeadWorker},
	{"OwnLeaseAfterAClockStep", testOwnLease},
	{"LostLease", testLostLease},
	{"WorkerThatReturns", testFreeWorker},
	{"JobThatKillsItsWorkers", testPoison},
	{"JobsOfTheVault", testJobsOfTheVault},
	{"DeadWorkerLeavesARun", testRunOfDeadWorker},
	{"RunWithoutEnd", testRunWithoutEnd},
	{"SitesHaveTheirOwnWorkers", testSites},
	{"SitesThatNoWorkerServes", testUnserved},
	{"ScheduleZone", testScheduleZone},
	{"EndedJobs", testEndedJobs},
	{"RemovedDeviceHasNoJobs", testRemovedDevice},
	{"Leases", testLeases},
	{"Slots", testSlots},
	{"TurnsOfAFailingDevice", testFailingTurns},
	{"EachJobStartsOnce", testEachJobOnce},
}

const lasts = time.Minute

var (
	worker  = catalog.Worker{ID: "a"}
	another = catalog.Worker{ID: "b"}
)

// job returns a job of a person.
func job(device string) catalog.Job {
	return catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: device, Site: "hq", By: "alice"},
		Request: json.RawMessage(`{"devices":["` + device + `"]}`), Person: true, Login: "hq backup"}
}

// scheduled returns a job of the schedule.
func scheduled(device string, slot time.Time) catalog.Job {
	j := job(device)
	j.Person, j.By, j.Slot = false, "schedule", slot
	return j
}

func addJobs(t testing.TB, c catalog.Catalog, jobs ...catalog.Job) []catalog.Job {
	t.Helper()
	added, err := c.AddJobs(t.Context(), jobs...)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

// all starts every job of the board.
func all(b catalog.Board) (ids []string) {
	for _, j := range b.Waiting {
		ids = append(ids, j.ID)
	}
	return ids
}

// start starts every job that may start.
func start(t testing.TB, c catalog.Catalog, w catalog.Worker, lasts time.Duration) []catalog.Started {
	t.Helper()
	started, err := c.StartJobs(t.Context(), w, lasts, all)
	if err != nil {
		t.Fatal(err)
	}
	return started
}

// startOne adds a job and starts it.
func startOne(t testing.TB, c catalog.Catalog, j catalog.Job, lasts time.Duration) catalog.Started {
	t.Helper()
	addJobs(t, c, j)
	started := start(t, c, worker, lasts)
	if len(started) != 1 {
		t.Fatalf("%d jobs started; want 1", len(started))
	}
	return started[0]
}

func wantJob(t testing.TB, c catalog.Catalog, id, state string) catalog.Job {
	t.Helper()
	j, err := c.Job(t.Context(), id)
	if err != nil || j.State != state {
		t.Errorf("job %s: state %q, error %v; want %s", id, j.State, err, state)
	}
	if ended := api.Ended(state); ended == j.Ended.IsZero() {
		t.Errorf("job %s is %s, and ended at %v", id, j.State, j.Ended)
	}
	return j
}

func testJobs(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	added := addJobs(t, c, job("sw1"))
	got := wantJob(t, c, added[0].ID, api.JobQueued)
	if diff := cmp.Diff(added[0], got); diff != "" {
		t.Error(diff)
	}
	if got.Due != got.Created || time.Since(got.Created).Abs() > time.Hour {
		t.Errorf("created %v, due %v", got.Created, got.Due)
	}
	if _, err := c.Job(ctx, "job-none"); !errors.Is(err, catalog.ErrNoJob) || !strings.Contains(err.Error(), "job-none") {
		t.Errorf("error %v; want ErrNoJob", err)
	}
}

func testJobPages(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	var want []string
	for i := range 5 {
		j := job(fmt.Sprint("sw", i%2))
		j.ID = fmt.Sprint("job-", i)
		want = append([]string{addJobs(t, c, j)[0].ID}, want...)
	}
	var got []string
	for s := (api.JobSelect{Limit: 2}); ; {
		page, err := c.Jobs(ctx, s)
		if err != nil || len(page.Jobs) > 2 {
			t.Fatalf("%d jobs, error %v", len(page.Jobs), err)
		}
		for _, j := range page.Jobs {
			got = append(got, j.ID)
		}
		if s.Cursor = page.Next; s.Cursor == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("pages %v; want %v", got, want)
	}
	page, err := c.Jobs(ctx, api.JobSelect{Device: "sw1", State: api.JobQueued})
	if err != nil || len(page.Jobs) != 2 || page.Next != "" {
		t.Errorf("%d jobs of sw1, error %v; want 2", len(page.Jobs), err)
	}
	page, err = c.Jobs(ctx, api.JobSelect{IDs: []string{"job-1", "job-3", "job-9"}})
	if err != nil || len(page.Jobs) != 2 {
		t.Errorf("%d jobs with these IDs, error %v; want 2", len(page.Jobs), err)
	}
	page, err = c.Jobs(ctx, api.JobSelect{State: api.JobDone})
	if err != nil || page.Jobs == nil || len(page.Jobs) != 0 {
		t.Errorf("jobs %#v, error %v; want none", page.Jobs, err)
	}
}

func testStartJobs(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	first := addJobs(t, c, job("sw1"), job("sw2"))
	var board catalog.Board
	started, err := c.StartJobs(ctx, worker, lasts, func(b catalog.Board) []string {
		board = b
		return []string{first[0].ID}
	})
	if err != nil || len(started) != 1 || len(board.Waiting) != 2 || len(board.Running) != 0 || !board.Logins["hq backup"].IsZero() {
		t.Fatalf("error %v, started %+v, board %+v", err, started, board)
	}
	if l := started[0].Lease; l.Name != "sw1" || l.Token != 1 || l.Job != first[0].ID {
		t.Errorf("lease %+v", l)
	}
	if j := wantJob(t, c, first[0].ID, api.JobRunning); j.Attempts != 1 || j.Started.IsZero() {
		t.Errorf("job %+v", j)
	}
	addJobs(t, c, job("sw1")) // its device is taken
	_, err = c.StartJobs(ctx, another, lasts, func(b catalog.Board) []string {
		if len(b.Running) != 1 || len(b.Waiting) != 1 || b.Waiting[0].Device != "sw2" || b.Logins["hq backup"].IsZero() {
			t.Errorf("second board %+v", b)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// testBoard wants a job of each login on the board, however many wait before it.
func testBoard(t *testing.T, create New) {
	c := empty(t, create)
	var many []catalog.Job
	for i := range 30 {
		many = append(many, scheduled(fmt.Sprint("sw", i), time.Unix(int64(i+1), 0)))
	}
	other, person := scheduled("r1", time.Unix(100, 0)), job("sw99")
	other.Login = "branch backup"
	addJobs(t, c, append(many, other, person)...)
	_, err := c.StartJobs(t.Context(), worker, lasts, func(b catalog.Board) []string {
		count := map[string]int{}
		for _, j := range b.Waiting {
			count[j.Login]++
		}
		if count["branch backup"] != 1 || count["hq backup"] < 1 || count["hq backup"] > 10 {
			t.Errorf("on the board: %v", count)
		}
		if !slices.ContainsFunc(b.Waiting, func(j catalog.Job) bool { return j.Person }) {
			t.Error("the job of a person is not on the board")
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func testEndJob(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	s := startOne(t, c, job("sw1"), lasts)
	begun := time.Now()
	if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobRetrying, Wait: time.Hour, Cause: "connect_timeout", Message: "no answer", Hint: "wait"}); err != nil {
		t.Fatal(err)
	}
	if j := wantJob(t, c, s.Job.ID, api.JobRetrying); j.Due.Sub(begun) < 50*time.Minute || j.Cause != "connect_timeout" || j.Message != "no answer" || j.Hint != "wait" || j.Attempts != 1 {
		t.Errorf("job that is tried again: %+v", j)
	}
	s = start(t, c, worker, lasts)[0] // all ignores when it is due
	if s.Lease.Token != 2 {
		t.Errorf("token %d; want 2", s.Lease.Token)
	}
	if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobQueued}); err != nil {
		t.Fatal(err)
	}
	if j := wantJob(t, c, s.Job.ID, api.JobQueued); j.Attempts != 1 || !j.Started.IsZero() {
		t.Errorf("job that was put back: %+v", j)
	}
	s = start(t, c, worker, lasts)[0]
	if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobDone, Result: json.RawMessage(`{"results":[]}`)}); err != nil {
		t.Fatal(err)
	}
	if j := wantJob(t, c, s.Job.ID, api.JobDone); string(j.Result) != `{"results":[]}` || j.Cause != "" {
		t.Errorf("job that is done: %+v", j)
	}
	if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobFailed}); !errors.Is(err, catalog.ErrLeaseLost) {
		t.Errorf("ended twice: error %v", err)
	}
	if n, err := c.ForgetJobs(ctx, begun.Add(time.Hour)); err != nil || n != 1 {
		t.Errorf("forgot %d jobs, error %v", n, err)
	}
}

func testCancelJob(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	waits := addJobs(t, c, job("sw1"))[0]
	if j, err := c.CancelJob(ctx, waits.ID); err != nil || j.State != api.JobCancelled {
		t.Errorf("cancel a job that waits: %+v, error %v", j, err)
	}
	wantJob(t, c, waits.ID, api.JobCancelled)
	if _, err := c.CancelJob(ctx, waits.ID); !errors.Is(err, catalog.ErrJobState) {
		t.Errorf("cancel it again: error %v", err)
	}
	if _, err := c.CancelJob(ctx, "none"); !errors.Is(err, catalog.ErrNoJob) {
		t.Errorf("cancel no job: error %v", err)
	}
	s := startOne(t, c, job("sw1"), lasts)
	if j, err := c.CancelJob(ctx, s.Job.ID); err != nil || j.State != api.JobRunning {
		t.Errorf("cancel a job that runs: %+v, error %v", j, err)
	}
	lost, cancelled, err := c.RenewLeases(ctx, worker, lasts, s.Lease)
	if err != nil || len(lost) != 0 || len(cancelled) != 1 {
		t.Errorf("lost %v, cancelled %v, error %v", lost, cancelled, err)
	}
	if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobRetrying}); err != nil {
		t.Error(err)
	}
	wantJob(t, c, s.Job.ID, api.JobCancelled) // and is not tried again
}

func testRetryJob(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	j := scheduled("sw1", time.Unix(1, 0))
	s := startOne(t, c, j, lasts)
	if _, err := c.RetryJob(ctx, s.Job.ID, "bob"); !errors.Is(err, catalog.ErrJobState) {
		t.Errorf("retry a job that runs: error %v", err)
	}
	if err := c.EndJob(ctx, s.Lease, catalog.JobEnd{State: api.JobFailed, Cause: "auth_failed", Result: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RetryJob(ctx, s.Job.ID, "bob"); err != nil {
		t.Fatal(err)
	}
	if j := wantJob(t, c, s.Job.ID, api.JobQueued); !j.Person || j.By != "bob" || j.Result != nil || !j.Started.IsZero() {
		t.Errorf("job %+v", j)
	}
	if again := start(t, c, worker, lasts); len(again) != 1 || again[0].Lease.Token != 2 {
		t.Errorf("started %+v", again)
	}
}

// end starts all jobs and ends them.
func end(t testing.TB, c catalog.Catalog) {
	t.Helper()
	for _, s := range start(t, c, worker, lasts) {
		if err := c.EndJob(t.Context(), s.Lease, catalog.JobEnd{State: api.JobDone}); err != nil {
			t.Fatal(err)
		}
	}
}

func testSlots(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	monday := time.Date(2025, 11, 24, 2, 0, 0, 0, time.UTC)
	addJobs(t, c, scheduled("sw2", time.Now().AddDate(10, 0, 0))) // the clock was wrong
	end(t, c)
	for _, test := range []struct {
		device string
		slot   time.Time
		want   int
	}{
		{"sw1", monday, 1},
		{"sw1", monday, 0},                     // twice
		{"sw2", monday, 1},                     // another device
		{"sw1", monday.Add(-time.Hour), 0},     // an earlier one
		{"sw1", monday.Add(24 * time.Hour), 0}, // the first one still waits
	} {
		if added := addJobs(t, c, scheduled(test.device, test.slot)); len(added) != test.want {
			t.Errorf("%s at %v: %d jobs; want %d", test.device, test.slot, len(added), test.want)
		}
	}
	for _, name := range []string{"sw1", "sw2", "sw3"} {
		d := Device()
		d.Name = name
		if name == "sw3" {
			d.Username = ""
		}
		if err := c.AddDevice(ctx, d, Sealed()); err != nil {
			t.Fatal(err)
		}
	}
	turn := func(device string, slot time.Time) catalog.Turn {
		return catalog.Turn{Kind: api.JobBackup, Device: device, Group: Device().Group, Site: Device().Site, Username: Device().Username, Slot: slot}
	}
	turns, err := c.Turns(ctx, api.JobBackup)
	want := []catalog.Turn{turn("sw1", monday.Add(24*time.Hour)), turn("sw2", monday), turn("sw3", time.Time{})}
	want[2].Username = Device().Credential
	if diff := cmp.Diff(want, turns); diff != "" || err != nil {
		t.Errorf("error %v, turns %s", err, diff)
	}
	end(t, c)
	if added := addJobs(t, c, scheduled("sw1", monday.Add(48*time.Hour))); len(added) != 1 {
		t.Error("no job for the next slot")
	}
}

// testFailingTurns wants to know since when a device fails.
func testFailingTurns(t *testing.T, create New) {
	ctx, c := t.Context(), empty(t, create)
	if err := c.AddDevice(ctx, Device(), Sealed()); err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 11, 23, 2, 0, 0, 0, time.UTC)
	for i, test := range []struct {
		status         string
		tried, failing time.Duration // since begin; below 0: zero
	}{
		{api.StatusFailed, 0, 0},                 // it never succeeded
		{api.StatusFailed, time.Hour, 0},         // and fails since its first run
		{api.StatusUnchanged, -1, -1},            // it succeeds
		{api.StatusIncomplete, 3 * time.Hour, 0}, // nothing complete was kept
		{api.StatusFailed, 4 * time.Hour, 0},
	} {
		at := begin.Add(time.Duration(i) * time.Hour)
		run := api.Run{ID: catalog.NewRunID(at), Device: "sw1", Kind: api.RunBackup, Started: at, Ended: at.Add(time.Minute), Status: test.status}
		if err := c.EndRun(ctx, run); err != nil {
			t.Fatal(err)
		}
		turns, err := c.Turns(ctx, api.JobBackup)
		if err != nil || len(turns) != 1 {
			t.Fatalf("%d turns, error %v", len(turns), err)
		}
		for _, value := range []struct {
			name string
			got  time.Time
			want time.Duration
		}{{"tried", turns[0].Tried, test.tried}, {"failing", turns[0].Failing, test.failing}} {
			if want := begin.Add(value.want); value.want < 0 && !value.got.IsZero() || value.want >= 0 && value.got != want {
				t.Errorf("run %d: %s %v; want %v", i, value.name, value.got, want)
			}
		}
	}
}

// testEachJobOnce lets several workers start jobs at the same time.
func testEachJobOnce(t *testing.T, create New) {
	open := create(t)
	c := open(t)
	const devices = 24
	for i := range devices {
		addJobs(t, c, job(fmt.Sprint("sw", i)))
	}
	var mu sync.Mutex
	var group sync.WaitGroup
	seen := map[string]int{}
	for i := range 3 {
		group.Go(func() {
			mine := open(t)
			for range 2 * devices {
				started, err := mine.StartJobs(t.Context(), catalog.Worker{ID: fmt.Sprint(i)}, lasts, all)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, s := range started {
					seen[s.Job.Device]++
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
	for device, n := range seen {
		if n != 1 {
			t.Errorf("%s started %d times", device, n)
		}
	}
	if len(seen) != devices {
		t.Errorf("%d devices started; want %d", len(seen), devices)
	}
}
