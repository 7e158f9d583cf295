package job_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/catalog/postgres"
	"flashwarden/internal/catalog/postgres/postgrestest"
	"flashwarden/internal/catalog/sqlite"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/cause"
	"flashwarden/internal/job"
	"flashwarden/internal/testlevel"
)

// TestMain ends the PostgreSQL of the tests.
func TestMain(m *testing.M) { os.Exit(postgrestest.Run(m)) }

// eachEngine runs a test of the queue on each kind of catalog.
func eachEngine(t *testing.T, test func(t *testing.T, open func(testing.TB) job.Store)) {
	t.Run("SQLite", func(t *testing.T) { test(t, onSQLite(t)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		testlevel.NeedFull(t, "starts PostgreSQL")
		test(t, onPostgres(t))
	})
}

// onSQLite makes an empty catalog and returns a function that opens it.
func onSQLite(t testing.TB) func(testing.TB) job.Store {
	path := filepath.Join(t.TempDir(), "catalog.db")
	sqlitetest.Create(t, path)
	return func(t testing.TB) job.Store {
		c, err := sqlite.Open(path)
		return closed(t, c, err)
	}
}

// onPostgres is onSQLite for PostgreSQL.
func onPostgres(t testing.TB) func(testing.TB) job.Store {
	url := postgrestest.New(t)
	return func(t testing.TB) job.Store {
		c, err := postgres.Open(t.Context(), postgres.Options{URL: url})
		return closed(t, c, err)
	}
}

// closed closes c when the test ends.
func closed(t testing.TB, c interface {
	job.Store
	Close() error
}, err error) job.Store {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// work is the work of a test.
type work func(ctx context.Context, j catalog.Job, events func(api.Event)) job.Outcome

func queue(s job.Store, id string, w work) *job.Queue {
	return job.New(job.Options{Store: s, Worker: catalog.Worker{ID: id}, Limits: func() job.Limits { return job.Limits{Jobs: 8, Kept: 2} },
		Work: w, Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond})
}

// run runs a queue until the returned function is called. Then its jobs are cut off.
func run(t testing.TB, q *job.Queue) (end func()) {
	cut, cancel := context.WithCancel(context.Background())
	cancel()
	return runUntil(t, q, cut)
}

// runUntil is run with a limit for the jobs that run at the end.
func runUntil(t testing.TB, q *job.Queue, limit context.Context) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- q.Run(ctx, limit, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	var once sync.Once
	end = func() {
		once.Do(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(end)
	return end
}

func backup(device string) catalog.Job {
	return catalog.Job{Job: api.Job{Kind: api.JobBackup, Device: device, By: "alice"}, Request: json.RawMessage(`{}`), Person: true}
}

func add(t testing.TB, q *job.Queue, jobs ...catalog.Job) (ids []string) {
	t.Helper()
	added, err := q.Add(t.Context(), jobs...)
	if err != nil {
		t.Fatal(err)
	}
	for _, j := range added {
		ids = append(ids, j.ID)
	}
	return ids
}

func await(t testing.TB, q *job.Queue, ids ...string) []catalog.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	jobs, err := q.Await(ctx, ids, nil)
	if err != nil {
		t.Fatal(err)
	}
	return jobs
}

// until waits until a job has a state.
func until(t testing.TB, s job.Store, id, state string) catalog.Job {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if j, err := s.Job(t.Context(), id); err != nil {
			t.Fatal(err)
		} else if j.State == state {
			return j
		}
	}
	t.Fatalf("job %s never became %s", id, state)
	return catalog.Job{}
}

func TestQueue(t *testing.T) { eachEngine(t, testQueue) }

func testQueue(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	var mu sync.Mutex
	active := map[string]bool{}
	q := queue(s, "a", func(ctx context.Context, j catalog.Job, events func(api.Event)) job.Outcome {
		mu.Lock()
		if active[j.Device] {
			t.Errorf("two jobs of %s at once", j.Device)
		}
		active[j.Device] = true
		mu.Unlock()
		events(api.Event{Device: j.Device, Step: api.StepLogin})
		if l, ok := catalog.LeaseOf(ctx); !ok || l.Name != j.Device || l.Job != j.ID {
			t.Errorf("lease %+v", l)
		}
		mu.Lock()
		active[j.Device] = false
		mu.Unlock()
		if j.Device == "sw3" {
			return job.Outcome{Failed: true, Cause: cause.ConnectTimeout, Message: "no answer", Hint: "look at the cable"}
		}
		return job.Outcome{Result: json.RawMessage(`{"device":"` + j.Device + `"}`)}
	})
	run(t, q)
	var jobs []catalog.Job
	for i := range 20 {
		jobs = append(jobs, backup(fmt.Sprint("sw", i%7)))
	}
	ids := add(t, q, jobs...)
	var seen sync.Map
	ended, err := q.Await(t.Context(), ids, func(e api.Event) { seen.Store(e.Device, true) })
	if err != nil || len(ended) != len(ids) {
		t.Fatalf("%d jobs, error %v", len(ended), err)
	}
	for i, j := range ended {
		want := api.JobDone
		if j.Device == "sw3" { // a person sees the failure at once
			want = api.JobFailed
		}
		if j.ID != ids[i] || j.State != want || j.Attempts != 1 {
			t.Errorf("job %+v; want %s", j, want)
		}
		if j.State == api.JobFailed && (j.Cause != cause.ConnectTimeout || j.Message != "no answer" || j.Hint != "look at the cable") {
			t.Errorf("job %+v", j)
		}
	}
	if _, ok := seen.Load("sw6"); !ok {
		t.Error("no event was passed on")
	}
}

// TestScheduledJobIsTriedAgain fails a job of the schedule once.
func TestScheduledJobIsTriedAgain(t *testing.T) { eachEngine(t, testScheduledJobIsTriedAgain) }

func testScheduledJobIsTriedAgain(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	q := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome {
		return job.Outcome{Failed: true, Cause: cause.ConnectTimeout, Message: "no answer", Hint: "look"}
	})
	run(t, q)
	scheduled := backup("sw1")
	scheduled.Person, scheduled.Slot = false, now
	id := add(t, q, scheduled)[0]
	j := until(t, s, id, api.JobRetrying)
	if wait := time.Until(j.Due); j.Cause != cause.ConnectTimeout || wait < 30*time.Second || wait > 2*time.Minute {
		t.Errorf("it is due in %v: %+v", wait, j)
	}
	if _, err := q.Retry(t.Context(), id, "bob"); err != nil {
		t.Fatal(err)
	}
	if j := await(t, q, id)[0]; j.State != api.JobFailed || j.Attempts != 2 {
		t.Errorf("job %+v", j)
	}
}

// hang works until its context ends, and says so on started.
func hang(started chan<- catalog.Job) work {
	return func(ctx context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
		started <- j
		<-ctx.Done()
		return job.Outcome{Failed: true, Cause: cause.Cancelled, Message: "cancelled", Hint: "none"}
	}
}

func TestCancel(t *testing.T) { eachEngine(t, testCancel) }

func testCancel(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	started := make(chan catalog.Job, 1)
	q := queue(s, "a", hang(started))
	run(t, q)
	ids := add(t, q, backup("sw1"), backup("sw1"))
	runs := <-started
	waits := ids[0]
	if waits == runs.ID {
		waits = ids[1]
	}
	if j, err := q.Cancel(t.Context(), waits); err != nil || j.State != api.JobCancelled {
		t.Errorf("job %+v, error %v", j, err)
	}
	if _, err := q.Cancel(t.Context(), runs.ID); err != nil {
		t.Error(err)
	}
	for _, j := range await(t, q, ids...) {
		if j.State != api.JobCancelled {
			t.Errorf("job %+v", j)
		}
	}
	if _, err := q.Cancel(t.Context(), ids[0]); !errors.Is(err, catalog.ErrJobState) {
		t.Errorf("error %v; want ErrJobState", err)
	}
}

// TestCancelByAnotherProcess marks a job that runs elsewhere.
func TestCancelByAnotherProcess(t *testing.T) { eachEngine(t, testCancelByAnotherProcess) }

func testCancelByAnotherProcess(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	started := make(chan catalog.Job, 1)
	o := queue(s, "a", hang(started)).Options
	o.Lease = 600 * time.Millisecond // it is renewed every 50 ms
	q := job.New(o)
	run(t, q)
	id := add(t, q, backup("sw1"))[0]
	<-started
	if _, err := s.CancelJob(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if j := await(t, q, id)[0]; j.State != api.JobCancelled {
		t.Errorf("job %+v", j)
	}
}

// cancelledStore cancels each job when its worker first renews the lease: just after it was
// handed over.
type cancelledStore struct{ job.Store }

func (s cancelledStore) RenewLeases(ctx context.Context, w catalog.Worker, lasts time.Duration, leases ...catalog.Lease) (lost, cancelled []catalog.Lease, err error) {
	for _, l := range leases {
		if _, err := s.CancelJob(ctx, l.Job); err != nil {
			return nil, nil, err
		}
	}
	return s.Store.RenewLeases(ctx, w, lasts, leases...)
}

// TestCancelBeforeItBegins leaves neither the job nor its device taken.
func TestCancelBeforeItBegins(t *testing.T) {
	s := onSQLite(t)(t)
	q := queue(cancelledStore{s}, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome {
		t.Error("it was worked on")
		return job.Outcome{}
	})
	run(t, q)
	if j := await(t, q, add(t, q, backup("sw1"))...)[0]; j.State != api.JobCancelled {
		t.Errorf("job %+v", j)
	}
	if _, ok, err := s.TakeLease(t.Context(), catalog.Worker{ID: "b"}, "sw1", time.Minute); !ok || err != nil {
		t.Errorf("its device is still taken: %v", err)
	}
}

// TestHold takes a device for other work: no job runs on it, and others on the same site do.
func TestHold(t *testing.T) {
	s := onSQLite(t)(t)
	q := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} })
	run(t, q)
	ctx, release, ok, err := q.Hold(t.Context(), "sw1")
	if l, under := catalog.LeaseOf(ctx); !ok || err != nil || !under || l.Name != "sw1" {
		t.Fatalf("ok %v, error %v, lease %+v", ok, err, l)
	}
	if _, _, again, err := q.Hold(t.Context(), "sw1"); again || err != nil {
		t.Errorf("taken twice: error %v", err)
	}
	var jobs []catalog.Job
	for _, device := range []string{"sw1", "sw2", "sw3"} {
		j := backup(device)
		j.Login = "hq backup"
		jobs = append(jobs, j)
	}
	ids := add(t, q, jobs...)
	await(t, q, ids[1:]...)
	if j, err := s.Job(t.Context(), ids[0]); err != nil || j.State != api.JobQueued {
		t.Errorf("job %+v, error %v", j, err)
	}
	release()
	if j := await(t, q, ids[0])[0]; j.State != api.JobDone {
		t.Errorf("job %+v", j)
	}
}

// neverRenewed is a store that is away when leases are renewed.
type neverRenewed struct{ job.Store }

func (neverRenewed) RenewLeases(context.Context, catalog.Worker, time.Duration, ...catalog.Lease) (lost, cancelled []catalog.Lease, err error) {
	return nil, nil, errors.New("the catalog is away")
}

// TestHoldOutlastsTheCatalog keeps a device for its restore while the catalog is away for
// longer than a job's lease: nobody else begins on it.
func TestHoldOutlastsTheCatalog(t *testing.T) {
	s := onSQLite(t)(t)
	o := queue(neverRenewed{s}, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} }).Options
	o.Lease = time.Millisecond
	_, release, ok, err := job.New(o).Hold(t.Context(), "sw1")
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	defer release()
	for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
		if _, ok, err := s.TakeLease(t.Context(), catalog.Worker{ID: "b"}, "sw1", time.Minute); ok || err != nil {
			t.Fatalf("another has its device: %v, error %v", ok, err)
		}
	}
}

// TestStop ends the service during a job: it waits again, and the next service does it.
func TestStop(t *testing.T) { eachEngine(t, testStop) }

func testStop(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	started := make(chan catalog.Job, 1)
	first := queue(s, "a", hang(started))
	end := run(t, first)
	id := add(t, first, backup("sw1"))[0]
	<-started
	awaited := make(chan error, 1)
	go func() {
		_, err := first.Await(t.Context(), []string{id}, nil)
		awaited <- err
	}()
	end()
	if err := <-awaited; !errors.Is(err, job.ErrStopped) {
		t.Errorf("who waited for the job got the error %v", err)
	}
	if j, err := s.Job(t.Context(), id); err != nil || j.State != api.JobQueued || j.Attempts != 0 {
		t.Fatalf("job %+v, error %v", j, err)
	}
	second := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} })
	run(t, second)
	if j := await(t, second, id)[0]; j.State != api.JobDone {
		t.Errorf("job %+v", j)
	}
}

// TestDrain lets a running job end when the service ends.
func TestDrain(t *testing.T) { eachEngine(t, testDrain) }

func testDrain(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	started, finish := make(chan catalog.Job, 1), make(chan struct{})
	q := queue(s, "a", func(_ context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
		started <- j
		<-finish
		return job.Outcome{}
	})
	end := runUntil(t, q, t.Context())
	add(t, q, backup("sw1"), backup("sw1"))
	runs := <-started
	time.AfterFunc(50*time.Millisecond, func() { close(finish) })
	end()
	if j, err := s.Job(t.Context(), runs.ID); err != nil || j.State != api.JobDone {
		t.Errorf("job %+v, error %v", j, err)
	}
	if page, err := s.Jobs(t.Context(), api.JobSelect{State: api.JobQueued}); err != nil || len(page.Jobs) != 1 {
		t.Errorf("%d jobs wait, error %v; want 1", len(page.Jobs), err)
	}
}

// TestDeadWorker lets a process die during a job: another one does it, once.
func TestDeadWorker(t *testing.T) { eachEngine(t, testDeadWorker) }

func testDeadWorker(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	dead := backup("sw1")
	added, err := s.AddJobs(t.Context(), dead)
	if err != nil {
		t.Fatal(err)
	}
	all := func(b catalog.Board) []string { return []string{b.Waiting[0].ID} }
	if _, err := s.StartJobs(t.Context(), catalog.Worker{ID: "dead"}, 0, all); err != nil {
		t.Fatal(err)
	}
	q := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} })
	run(t, q)
	if j := await(t, q, added[0].ID)[0]; j.State != api.JobDone || j.Attempts != 2 {
		t.Errorf("job %+v", j)
	}
}

// TestLostLease takes the lease of a running job away: its worker ends it, and does not
// record its end.
func TestLostLease(t *testing.T) { eachEngine(t, testLostLease) }

func testLostLease(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	started := make(chan catalog.Job, 2)
	o := queue(s, "a", hang(started)).Options
	o.Lease = 600 * time.Millisecond
	q := job.New(o)
	run(t, q)
	id := add(t, q, backup("sw1"))[0]
	<-started
	if err := s.FreeWorker(t.Context(), catalog.Worker{ID: "a"}); err != nil { // as if it had been dead
		t.Fatal(err)
	}
	if again := <-started; again.ID != id || again.Attempts < 2 { // a slow machine loses it more than once
		t.Errorf("job %+v", again)
	}
	until(t, s, id, api.JobRunning)
}

func TestPanic(t *testing.T) { eachEngine(t, testPanic) }

func testPanic(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	q := queue(s, "a", func(_ context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
		if j.Device == "sw1" {
			panic("broken")
		}
		return job.Outcome{}
	})
	run(t, q)
	jobs := await(t, q, add(t, q, backup("sw1"), backup("sw2"))...)
	if j := jobs[0]; j.State != api.JobFailed || j.Cause != cause.Internal || !strings.Contains(j.Message, "broken") || j.Hint == "" {
		t.Errorf("job %+v", j)
	}
	if jobs[1].State != api.JobDone {
		t.Errorf("job %+v", jobs[1])
	}
}

// TestOldJobsAreForgotten starts a queue that keeps no job that has ended.
func TestOldJobsAreForgotten(t *testing.T) {
	s := onSQLite(t)(t)
	q := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} })
	end := run(t, q)
	id := add(t, q, backup("sw1"))[0]
	await(t, q, id)
	end()
	o := q.Options
	o.Keep = func() time.Duration { return -time.Minute }
	run(t, job.New(o))
	for {
		if _, err := s.Job(t.Context(), id); errors.Is(err, catalog.ErrNoJob) {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// failingStore fails to start jobs while it is broken.
type failingStore struct {
	job.Store
	mu     sync.Mutex
	broken error
}

func (s *failingStore) StartJobs(ctx context.Context, w catalog.Worker, lasts time.Duration, decide func(catalog.Board) []string) ([]catalog.Started, error) {
	s.mu.Lock()
	broken := s.broken
	s.mu.Unlock()
	if broken != nil {
		return nil, broken
	}
	return s.Store.StartJobs(ctx, w, lasts, decide)
}

// lines is a log of which the lines can be read.
type lines struct {
	mu  sync.Mutex
	all []string
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, string(p))
	return len(p), nil
}

func (l *lines) with(text string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		if strings.Contains(line, text) {
			found = append(found, line)
		}
	}
	return found
}

// TestBrokenStore wants one line in the log for a fault, however long it lasts, and the
// jobs done after it.
func TestBrokenStore(t *testing.T) {
	s := &failingStore{Store: onSQLite(t)(t), broken: errors.New("the database is gone")}
	log := &lines{}
	o := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} }).Options
	o.Log, o.Poll = slog.New(slog.NewTextHandler(log, nil)), time.Millisecond
	q := job.New(o)
	run(t, q)
	id := add(t, q, backup("sw1"))[0]
	for len(log.with("the database is gone")) == 0 {
		time.Sleep(time.Millisecond)
	}
	s.mu.Lock()
	s.broken = nil
	s.mu.Unlock()
	if j := await(t, q, id)[0]; j.State != api.JobDone {
		t.Errorf("job %+v", j)
	}
	if gone, back := log.with("the database is gone"), log.with("jobs can start again"); len(gone) != 1 || len(back) != 1 {
		t.Errorf("log %s", slices.Concat(gone, back))
	}
}

// TestTwoQueues lets two services work on one catalog: each does the jobs that it started,
// and River keeps none of a service that is gone.
func TestTwoQueues(t *testing.T) { eachEngine(t, testTwoQueues) }

func testTwoQueues(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	var mu sync.Mutex
	did := make(map[string]int)
	begin := func(id string) *job.Queue {
		q := queue(open(t), id, func(_ context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
			mu.Lock()
			defer mu.Unlock()
			did[j.Device]++
			return job.Outcome{}
		})
		run(t, q)
		return q
	}
	a, b := begin("a"), begin("b")
	var ids []string
	for i := range 30 {
		ids = append(ids, add(t, []*job.Queue{a, b}[i%2], backup(fmt.Sprint("sw", i)))...)
	}
	for _, j := range await(t, a, ids...) {
		if j.State != api.JobDone || j.Attempts != 1 {
			t.Errorf("%s: %s after %d attempts", j.Device, j.State, j.Attempts)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for device, times := range did {
		if times != 1 {
			t.Errorf("%s was done %d times", device, times)
		}
	}
	if err := s.ForgetCarried(t.Context(), catalog.Worker{ID: "c"}); err != nil {
		t.Error(err)
	}
}

// cutOff is a store that does not renew leases, as behind a cable that is pulled.
type cutOff struct {
	job.Store
	pulled chan struct{}
}

func (s cutOff) RenewLeases(ctx context.Context, w catalog.Worker, lasts time.Duration, leases ...catalog.Lease) (lost, cancelled []catalog.Lease, err error) {
	select {
	case <-s.pulled:
		<-ctx.Done()
		return nil, nil, ctx.Err()
	default:
		return s.Store.RenewLeases(ctx, w, lasts, leases...)
	}
}

// TestWorkerThatCannotRenew ends a job by the worker's own clock, although the catalog does
// not answer at all. Its end is not recorded: another worker may have the job.
func TestWorkerThatCannotRenew(t *testing.T) {
	t.Parallel()
	s := cutOff{onSQLite(t)(t), make(chan struct{})}
	why := make(chan error, 1)
	o := queue(s, "a", func(ctx context.Context, _ catalog.Job, _ func(api.Event)) job.Outcome {
		close(s.pulled)
		<-ctx.Done()
		why <- context.Cause(ctx)
		return job.Outcome{}
	}).Options
	o.Lease = 2 * time.Second
	q := job.New(o)
	run(t, q)
	id := add(t, q, backup("sw1"))[0]
	select {
	case err := <-why:
		if !errors.Is(err, catalog.ErrLeaseLost) {
			t.Errorf("it ended because: %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("it goes on without a lease")
	}
	if j, err := s.Job(t.Context(), id); err != nil || j.State == api.JobDone {
		t.Errorf("job %+v, error %v", j, err)
	}
}

// TestAwaitAtTheEnd ends a queue while a client waits for two jobs: it gets the one that
// was done.
func TestAwaitAtTheEnd(t *testing.T) {
	s := onSQLite(t)(t)
	q := queue(s, "a", func(ctx context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
		if j.Device == "sw2" {
			<-ctx.Done()
			return job.Outcome{Failed: true}
		}
		return job.Outcome{}
	})
	end := run(t, q)
	ids := add(t, q, backup("sw1"), backup("sw2"))
	await(t, q, ids[0])
	type answer struct {
		jobs []catalog.Job
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		jobs, err := q.Await(t.Context(), ids, nil)
		answers <- answer{jobs, err}
	}()
	end()
	if a := <-answers; !errors.Is(a.err, job.ErrStopped) || len(a.jobs) != 1 || a.jobs[0].ID != ids[0] {
		t.Errorf("%+v", a)
	}
}
