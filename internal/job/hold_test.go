package job_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/job"
)

// oneLease is a store with one device, in the time of the test.
type oneLease struct {
	job.Store
	token int64
	until time.Time
	away  atomic.Bool
}

func (s *oneLease) TakeLease(_ context.Context, _ catalog.Worker, name string, lasts time.Duration) (catalog.Lease, bool, error) {
	if time.Now().Before(s.until) {
		return catalog.Lease{}, false, nil
	}
	s.token++
	s.until = time.Now().Add(lasts)
	return catalog.Lease{Name: name, Token: s.token}, true, nil
}

func (s *oneLease) RenewLeases(_ context.Context, _ catalog.Worker, lasts time.Duration, leases ...catalog.Lease) (lost, cancelled []catalog.Lease, err error) {
	if s.away.Load() {
		return nil, nil, errors.New("the catalog is away")
	}
	if leases[0].Token != s.token {
		return leases, nil, nil
	}
	s.until = time.Now().Add(lasts)
	return nil, nil, nil
}

func (s *oneLease) FreeLeases(_ context.Context, leases ...catalog.Lease) error {
	if leases[0].Token == s.token {
		s.until = time.Time{}
	}
	return nil
}

// eachHold runs a test in a bubble of time, with a device that a queue without Run holds.
func eachHold(t *testing.T, test func(t *testing.T, s *oneLease, held context.Context)) {
	synctest.Test(t, func(t *testing.T) {
		s := &oneLease{}
		held, release, ok, err := job.New(job.Options{Store: s, Log: slog.New(slog.DiscardHandler)}).Hold(t.Context(), "sw1")
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		defer release()
		test(t, s, held)
	})
}

// TestHoldIsRenewed keeps a device through long work of a process that works on no jobs.
func TestHoldIsRenewed(t *testing.T) {
	eachHold(t, func(t *testing.T, s *oneLease, held context.Context) {
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if _, taken, _ := s.TakeLease(t.Context(), catalog.Worker{}, "sw1", time.Hour); taken {
			t.Error("another process took the device")
		}
		if err := catalog.StillOurs(held); err != nil {
			t.Error(err)
		}
	})
}

// TestHoldThatWasTaken says that somebody else has the device.
func TestHoldThatWasTaken(t *testing.T) {
	eachHold(t, func(t *testing.T, s *oneLease, held context.Context) {
		s.token++ // as if it had been freed by hand and taken
		if err := catalog.StillOurs(held); !errors.Is(err, catalog.ErrLeaseLost) {
			t.Errorf("error %v; want that the lease was lost", err)
		}
	})
}

// TestHoldWithoutTheCatalog may go on while the catalog is away, until its lease ends.
func TestHoldWithoutTheCatalog(t *testing.T) {
	eachHold(t, func(t *testing.T, s *oneLease, held context.Context) {
		s.away.Store(true)
		time.Sleep(12 * time.Minute)
		if err := catalog.StillOurs(held); err != nil {
			t.Errorf("after 12 of 15 minutes: %v", err)
		}
		time.Sleep(2 * time.Minute)
		if err := catalog.StillOurs(held); !errors.Is(err, catalog.ErrLeaseLost) {
			t.Errorf("after 14 of 15 minutes: error %v; want that the lease was lost", err)
		}
	})
}

// TestHoldOutlastsTheQueue keeps a device for its restore when the service ends and lets
// running work end.
func TestHoldOutlastsTheQueue(t *testing.T) { eachEngine(t, testHoldOutlastsTheQueue) }

func testHoldOutlastsTheQueue(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	q := queue(s, "a", func(context.Context, catalog.Job, func(api.Event)) job.Outcome { return job.Outcome{} })
	end := run(t, q)
	held, release, ok, err := q.Hold(t.Context(), "sw1")
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	end()
	if err := catalog.StillOurs(held); err != nil {
		t.Error(err)
	}
	release()
	if _, ok, err := s.TakeLease(t.Context(), catalog.Worker{ID: "b"}, "sw1", time.Minute); !ok || err != nil {
		t.Errorf("it was not freed: %v, %v", ok, err)
	}
}

// TestHoldContent lets one of several processes copy a content; the next one may when it is done.
func TestHoldContent(t *testing.T) { eachEngine(t, testHoldContent) }

func testHoldContent(t *testing.T, open func(testing.TB) job.Store) {
	s := open(t)
	var log bytes.Buffer
	worker := func(id string, s job.Store) *job.Queue {
		return job.New(job.Options{Store: s, Worker: catalog.Worker{ID: id}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	}
	a, b := worker("a", s), worker("b", s)
	release, ok := a.HoldContent(t.Context(), "x")
	if !ok {
		t.Fatal("nobody has the content")
	}
	if _, ok := b.HoldContent(t.Context(), "x"); ok {
		t.Error("two processes copy one content")
	}
	if release, ok := b.HoldContent(t.Context(), "y"); !ok {
		t.Error("another content is taken, too")
	} else {
		release()
	}
	release()
	if release, ok := b.HoldContent(t.Context(), "x"); !ok {
		t.Error("the content stays taken")
	} else {
		release()
	}
	if log.Len() > 0 {
		t.Errorf("log: %s", &log)
	}
	if err := s.FreeWorker(t.Context(), catalog.Worker{ID: "a"}); err != nil {
		t.Error(err)
	}
}

// TestHoldContentIsRenewed keeps a content as long as it is copied; that of a process that died
// is free within a minute.
func TestHoldContentIsRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &oneLease{}
		q := job.New(job.Options{Store: s, Log: slog.New(slog.DiscardHandler)})
		release, ok := q.HoldContent(t.Context(), "x")
		if !ok {
			t.Fatal("nobody has the content")
		}
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		if _, ok := q.HoldContent(t.Context(), "x"); ok {
			t.Error("another process took the content")
		}
		if left := time.Until(s.until); left > time.Minute {
			t.Errorf("the content of a dead process is free after %s", left)
		}
		release()
		if !s.until.IsZero() {
			t.Error("the content stays taken")
		}
	})
}

// TestHoldContentWithoutTheCatalog goes on: a content that is copied twice is no harm.
func TestHoldContentWithoutTheCatalog(t *testing.T) {
	var log bytes.Buffer
	q := job.New(job.Options{Store: awayStore{}, Log: slog.New(slog.NewTextHandler(&log, nil))})
	release, ok := q.HoldContent(t.Context(), "x")
	if !ok {
		t.Fatal("it waits for the catalog")
	}
	release()
	if !strings.Contains(log.String(), "other processes may copy the same content") {
		t.Errorf("log %q", &log)
	}
}

// awayStore is a store whose catalog does not answer.
type awayStore struct{ job.Store }

func (awayStore) TakeLease(context.Context, catalog.Worker, string, time.Duration) (catalog.Lease, bool, error) {
	return catalog.Lease{}, false, errors.New("the catalog is away")
}
