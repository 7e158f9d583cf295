package job

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"

	"flashwarden/internal/catalog"
)

// River carries the jobs that have started to a worker. It retries nothing and limits
// nothing: the lease says who may work, and the rules say when.

// carried is the job of River.
type carried struct {
	Name  string `json:"name"` // of the lease
	Token int64  `json:"token"`
	Job   string `json:"job"`
}

// Kind is the name of these jobs in River's table.
func (carried) Kind() string { return "flashwarden" }

// worker works on the jobs of River.
type worker struct {
	river.WorkerDefaults[carried]
	work func(context.Context, catalog.Lease)
}

// Work never fails: the catalog has the outcome.
func (w worker) Work(ctx context.Context, j *river.Job[carried]) error {
	w.work(ctx, catalog.Lease{Name: j.Args.Name, Token: j.Args.Token, Job: j.Args.Job})
	return nil
}

// Timeout returns no limit, because a backup watches its own progress.
func (worker) Timeout(*river.Job[carried]) time.Duration { return -1 }

// anyNumber of jobs may run, as far as River is concerned.
const anyNumber = 10_000

// between is how often River looks for jobs that another process gave it. Its own
// jobs start at once.
const between = 500 * time.Millisecond

// polling is a driver without the listener, which would ask SQLite every 50 ms. A client
// without one starts the jobs that it inserts at once.
type polling struct{ riverdriver.Driver[*sql.Tx] }

func (polling) SupportsListener() bool { return false }

// newRiver returns the client of a worker. Its queue has the name of the worker, so each
// process works on the jobs that it started.
func newRiver(d riverdriver.Driver[*sql.Tx], name string, work func(context.Context, catalog.Lease), log *slog.Logger) (*river.Client[*sql.Tx], error) {
	workers := river.NewWorkers()
	river.AddWorker(workers, worker{work: work})
	client, err := river.NewClient(polling{d}, &river.Config{
		ID: name, Workers: workers, Queues: map[string]river.QueueConfig{name: {MaxWorkers: anyNumber}},
		PollOnly: true, FetchPollInterval: between, JobTimeout: -1,
		CompletedJobRetentionPeriod: time.Hour, DiscardedJobRetentionPeriod: time.Hour, CancelledJobRetentionPeriod: time.Hour,
		Logger: slog.New(newQuiet(log.Handler())),
	})
	if err != nil {
		return nil, fmt.Errorf("set up the queue: %w", err)
	}
	return client, nil
}

// hand gives jobs that have started to River.
func hand(ctx context.Context, r *river.Client[*sql.Tx], leases []catalog.Lease) error {
	if len(leases) == 0 {
		return nil
	}
	var list []river.InsertManyParams
	for _, l := range leases {
		list = append(list, river.InsertManyParams{Args: carried{Name: l.Name, Token: l.Token, Job: l.Job}, InsertOpts: &river.InsertOpts{MaxAttempts: 1, Queue: r.ID()}})
	}
	if _, err := r.InsertMany(ctx, list); err != nil {
		return fmt.Errorf("hand jobs over: %w", err)
	}
	return nil
}

// quiet is the log of River. River says much that concerns nobody, and a fault that lasts, such as a
// catalog that is away, once a second.
type quiet struct {
	slog.Handler
	said *said
}

// said has the messages of the last sayAgain, and when each was logged.
type said struct {
	mu sync.Mutex
	at map[string]time.Time
}

// sayAgain is how long the same message is not logged again.
const sayAgain = 10 * time.Minute

func newQuiet(h slog.Handler) quiet { return quiet{h, &said{at: make(map[string]time.Time)}} }

// Enabled reports whether somebody may want to know.
func (q quiet) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && q.Handler.Enabled(ctx, l)
}

// Handle logs a message that was not logged lately.
func (q quiet) Handle(ctx context.Context, r slog.Record) error {
	if !q.said.now(r.Message) {
		return nil
	}
	return q.Handler.Handle(ctx, r)
}

// WithAttrs is WithAttrs of the handler, and as quiet.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler {
	return quiet{q.Handler.WithAttrs(attrs), q.said}
}

// WithGroup is WithGroup of the handler, and as quiet.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name), q.said} }

// now reports whether a message is to be logged now, and forgets those of long ago.
func (s *said) now(message string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	maps.DeleteFunc(s.at, func(_ string, at time.Time) bool { return now.Sub(at) >= sayAgain })
	_, lately := s.at[message]
	if !lately {
		s.at[message] = now
	}
	return !lately
}
