package job_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/job"
)

// TestChangesAreReported reports each state of a job, with the catalog as the witness of
// what it is now.
func TestChangesAreReported(t *testing.T) {
	var mu sync.Mutex
	states := make(map[string][]string)
	seen := func(id string) string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(states[id], " ")
	}
	began := make(chan struct{}, 9)
	q := job.New(job.Options{Store: onSQLite(t)(t), Worker: catalog.Worker{ID: "a"}, Limits: func() job.Limits { return job.Limits{} }, Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond,
		Changed: func(jobs ...catalog.Job) {
			mu.Lock()
			defer mu.Unlock()
			for _, j := range jobs {
				states[j.ID] = append(states[j.ID], j.State)
			}
		},
		Work: func(ctx context.Context, j catalog.Job, _ func(api.Event)) job.Outcome {
			began <- struct{}{}
			if j.Device == "ends" {
				return job.Outcome{}
			}
			<-ctx.Done()
			return job.Outcome{Failed: true, Cause: cause.Cancelled}
		}})
	ids := add(t, q, backup("ends"), backup("hangs"))
	if got := seen(ids[0]); got != "queued" {
		t.Errorf("added: %q", got)
	}
	run(t, q)
	<-began
	<-began
	if _, err := q.Await(t.Context(), ids[:1], nil); err != nil {
		t.Fatal(err)
	}
	if _, err := q.Cancel(t.Context(), ids[1]); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{ids[0]: "queued running done", ids[1]: "queued running running cancelled"} {
		for limit := time.Now().Add(time.Minute); seen(id) != want && time.Now().Before(limit); {
			time.Sleep(time.Millisecond)
		}
		if got := seen(id); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if _, err := q.Retry(t.Context(), ids[1], "alice"); err != nil {
		t.Fatal(err)
	}
	// The queue may have begun it before the report of Retry asks for its state.
	if got := seen(ids[1]); !strings.HasPrefix(got, "queued running running cancelled queued") && !strings.HasPrefix(got, "queued running running cancelled running") {
		t.Errorf("after retry: %q", got)
	}
}
