package notify

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/schedule"
)

// memory is a catalog.Notices that lasts as long as a test.
type memory struct {
	mu  sync.Mutex
	all []catalog.Notice
}

func (m *memory) Notices(context.Context) ([]catalog.Notice, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all), nil
}

func (m *memory) ChangeNotices(_ context.Context, put, forget []catalog.Notice) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range slices.Concat(put, forget) {
		m.all = slices.DeleteFunc(m.all, func(o catalog.Notice) bool {
			return o.Target == n.Target && o.Event == n.Event && o.Subject == n.Subject
		})
	}
	m.all = append(m.all, put...)
	return nil
}

// fleet is what a Runner looks at, and what it sends.
type fleet struct {
	memory
	mu       sync.Mutex
	failing  []string // devices
	late     bool     // the prune is late
	turns    []Turn
	broken   map[string]error // by target
	attempts int
	sent     []string // TARGET EVENT: title
	log      bytes.Buffer
}

func (f *fleet) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
}

// news returns the messages since the last call.
func (f *fleet) news() (sent []string) {
	f.change(func() { sent, f.sent = f.sent, nil })
	return sent
}

func (f *fleet) look(context.Context) (View, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	v := View{Time: time.Now(), Zone: time.UTC, Known: map[string]bool{"/prune": true}, Spread: 2 * time.Hour}
	turns := slices.Clone(f.turns)
	v.Turns = func() ([]Turn, error) { return turns, nil }
	for i := range 40 {
		v.Known[device(i)] = true
	}
	for _, name := range f.failing {
		v.Conditions = append(v.Conditions, api.NotifyItem{Event: api.NotifyFailed, Subject: name, Device: name, Cause: "no_request"})
	}
	if f.late {
		v.Conditions = append(v.Conditions, api.NotifyItem{Event: api.NotifyCareFailed, Subject: "/prune"})
	}
	return v, nil
}

func device(i int) string { return fmt.Sprintf("sw%d", i+1) }

func (f *fleet) send(_ context.Context, c config.Notify, n api.Notification) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attempts++
	if err := f.broken[c.Name]; err != nil {
		return err
	}
	f.sent = append(f.sent, c.Name+" "+n.Event+": "+n.Title)
	return nil
}

// runner returns a new Runner, as after a restart.
func (f *fleet) runner(targets ...config.Notify) *Runner {
	return &Runner{every: time.Minute, Targets: func() []config.Notify { return targets }, Look: f.look, Store: &f.memory, Send: f.send, Host: "nms",
		Lead: func(context.Context) (func(), bool, error) { return func() {}, true, nil },
		Describe: func(_ context.Context, items []api.NotifyItem) ([]api.NotifyItem, error) {
			return slices.Clone(items), nil
		},
		Summary: func(_ context.Context, now time.Time) (api.Notification, error) {
			return Summarize(api.StatusSummary{Devices: 40, AtRisk: 1}, nil, now), nil
		},
		Log: slog.New(slog.NewTextHandler(&f.log, nil))}
}

func hook(t testing.TB, name string, on ...string) config.Notify {
	t.Helper()
	seven, err := schedule.Parse("daily 07:00")
	if err != nil {
		t.Fatal(err)
	}
	return config.Notify{Name: name, Type: config.Webhook, On: on, Summary: seven}
}

// run runs a Runner until the returned function is called.
func run(t *testing.T, r *Runner) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var waits sync.WaitGroup
	waits.Go(func() {
		if err := r.Run(ctx, func() {}); err != nil {
			t.Error(err)
		}
	})
	return func() {
		cancel()
		waits.Wait()
	}
}

func wantSent(t *testing.T, f *fleet, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := f.news(); !slices.Equal(got, want) {
		t.Errorf("%s: sent %q, want %q", when, got, want)
	}
}

// TestNight has 40 devices fail within two hours, each at its own time: one message. The same
// failures again, and a new start of the service, are none. Their end is one message.
func TestNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{turns: make([]Turn, 40)}
		start := time.Now()
		for i := range f.turns {
			f.turns[i] = Turn{Ended: start.Add(-22 * time.Hour), Due: start.Add(time.Duration(i) * 3 * time.Minute)}
		}
		chat := hook(t, "chat", api.NotifyFailed, api.NotifyRecovered)
		stop := run(t, f.runner(chat))
		for i := range f.turns {
			f.change(func() {
				f.failing = append(f.failing, device(i))
				f.turns[i] = Turn{Ended: time.Now(), Due: f.turns[i].Due.Add(24 * time.Hour)}
			})
			if time.Sleep(3 * time.Minute); i < 38 {
				wantSent(t, f, device(i)+" has failed")
			}
		}
		wantSent(t, f, "after the night", "chat failed: 40 backups failed")
		f.change(func() { f.turns = nil })
		time.Sleep(time.Hour)
		wantSent(t, f, "they still fail")
		stop()
		stop = run(t, f.runner(chat))
		time.Sleep(time.Hour)
		wantSent(t, f, "after a restart")
		f.change(func() { f.failing = f.failing[:39] })
		time.Sleep(time.Minute)
		wantSent(t, f, "one is well", "chat recovered: sw40 is in order again")
		f.change(func() { f.failing = nil })
		time.Sleep(time.Minute)
		wantSent(t, f, "all are well", "chat recovered: 39 problems have ended")
		stop()
		if left, _ := f.Notices(t.Context()); len(left) != 0 {
			t.Errorf("left over: %+v", left)
		}
	})
}

// TestLongNight has a device that never gets its turn: the message waits for it only for a while.
func TestLongNight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{failing: []string{"sw1"}, turns: []Turn{{Busy: true}}}
		defer run(t, f.runner(hook(t, "chat", api.NotifyFailed)))()
		time.Sleep(2*time.Hour + 29*time.Minute)
		wantSent(t, f, "within the spread")
		time.Sleep(2 * time.Minute)
		wantSent(t, f, "after it", "chat failed: sw1: the backup failed")
	})
}

// TestFrequentSchedule has devices with a backup each minute: the message waits for one turn of
// each, not for the end of a night that never comes.
func TestFrequentSchedule(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{failing: []string{"sw1"}}
		f.turns = []Turn{{Ended: time.Now().Add(-time.Minute), Due: time.Now().Add(30 * time.Second)}}
		defer run(t, f.runner(hook(t, "chat", api.NotifyFailed)))()
		time.Sleep(30 * time.Second)
		wantSent(t, f, "before the next turn")
		f.change(func() { f.turns = []Turn{{Ended: time.Now(), Busy: true, Due: time.Now().Add(time.Minute)}} })
		time.Sleep(time.Minute)
		wantSent(t, f, "after it", "chat failed: sw1: the backup failed")
	})
}

// TestShortFailure has a device that is well again before its night is over: nobody hears of it.
func TestShortFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{failing: []string{"sw1"}, turns: []Turn{{Busy: true}}}
		defer run(t, f.runner(hook(t, "chat", api.NotifyFailed, api.NotifyRecovered)))()
		time.Sleep(time.Hour)
		f.change(func() { f.failing = nil })
		time.Sleep(24 * time.Hour)
		wantSent(t, f, "after a day")
	})
}

// TestBrokenTarget has a receiver that refuses for a day: it is tried ever more rarely, the log
// has it once, and the other receiver gets its messages meanwhile. In the end it has all news.
func TestBrokenTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{failing: []string{"sw1"}, broken: map[string]error{"mail": errors.New("it refuses")}}
		defer run(t, f.runner(hook(t, "mail", api.NotifyFailed, api.NotifyCareFailed), hook(t, "chat", api.NotifyFailed, api.NotifyCareFailed)))()
		time.Sleep(time.Minute)
		wantSent(t, f, "at once", "chat failed: sw1: the backup failed")
		f.change(func() { f.attempts, f.late = 0, true })
		time.Sleep(24 * time.Hour)
		wantSent(t, f, "the next one", "chat care-failed: prune failed or is late")
		if f.attempts < 24*4-10 || f.attempts > 24*4+10 {
			t.Errorf("%d attempts in a day; want one in 15 minutes", f.attempts)
		}
		f.change(func() { f.broken = nil })
		time.Sleep(16 * time.Minute)
		wantSent(t, f, "when it works again", "mail failed: sw1: the backup failed", "mail care-failed: prune failed or is late")
		if n := strings.Count(f.log.String(), "was not delivered"); n != 1 || !strings.Contains(f.log.String(), "delivered again") {
			t.Errorf("%d failures in the log:\n%s", n, f.log.String())
		}
	})
}

// TestQuietHours keeps all messages back until the end of the quiet hours.
func TestQuietHours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it begins at midnight UTC
		f := &fleet{failing: []string{"sw1"}}
		chat := hook(t, "chat", api.NotifyFailed, api.NotifySummary)
		var err error
		if chat.Quiet, err = schedule.ParseWindow("22:00-08:00"); err != nil {
			t.Fatal(err)
		}
		defer run(t, f.runner(chat))()
		time.Sleep(8*time.Hour - time.Minute)
		wantSent(t, f, "in quiet hours")
		time.Sleep(2 * time.Minute)
		wantSent(t, f, "after them", "chat failed: sw1: the backup failed")
		time.Sleep(24 * time.Hour)
		wantSent(t, f, "a day later", "chat daily-summary: 1 of 40 devices are at risk")
	})
}

// TestSummary sends the summary once a day, also if the service starts often or was down at its
// time.
func TestSummary(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, chat := &fleet{}, hook(t, "chat", api.NotifySummary)
		stop := run(t, f.runner(chat))
		time.Sleep(6*time.Hour + 59*time.Minute)
		wantSent(t, f, "before its time")
		summary := "chat daily-summary: 1 of 40 devices are at risk"
		time.Sleep(2 * time.Minute)
		wantSent(t, f, "at its time", summary)
		stop()
		for range 5 {
			stop = run(t, f.runner(chat))
			time.Sleep(time.Minute)
			stop()
		}
		wantSent(t, f, "after restarts")
		time.Sleep(3 * 24 * time.Hour)
		stop = run(t, f.runner(chat))
		time.Sleep(time.Minute)
		wantSent(t, f, "after three days", summary)
		time.Sleep(24 * time.Hour)
		wantSent(t, f, "the next day", summary)
		stop()
	})
}

// TestFollower does not send anything, because another process does.
func TestFollower(t *testing.T) {
	f := &fleet{failing: []string{"sw1"}}
	r := f.runner(hook(t, "chat", api.NotifyFailed))
	r.Lead = func(context.Context) (func(), bool, error) { return nil, false, nil }
	if err := r.Turn(t.Context()); err != nil || f.attempts != 0 {
		t.Errorf("%d attempts, error %v", f.attempts, err)
	}
}

// TestRemovedDevice has a device that fails, and is removed: nobody hears that it is well.
func TestRemovedDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := &fleet{failing: []string{"gone"}}
		defer run(t, f.runner(hook(t, "chat", api.NotifyFailed, api.NotifyRecovered)))()
		time.Sleep(time.Minute)
		wantSent(t, f, "it fails", "chat failed: gone: the backup failed")
		f.change(func() { f.failing = nil })
		time.Sleep(time.Minute)
		wantSent(t, f, "it is removed")
		if left, _ := f.Notices(t.Context()); len(left) != 0 {
			t.Errorf("left over: %+v", left)
		}
	})
}

// TestRemovedTarget: a target that the configuration loses and gets again is a new one. It hears of what
// lasts, and not of what ended meanwhile. Where other processes send too, they may still have it.
func TestRemovedTarget(t *testing.T) {
	for _, alone := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			f := &fleet{failing: []string{"sw1", "sw2"}}
			chat, mail := hook(t, "chat", api.NotifyFailed, api.NotifyRecovered), hook(t, "mail", api.NotifyCareFailed)
			targets := []config.Notify{chat, mail}
			r := f.runner()
			r.Alone, r.Targets = alone, func() (now []config.Notify) { f.change(func() { now = targets }); return now }
			defer run(t, r)()
			time.Sleep(time.Minute)
			wantSent(t, f, "at first", "chat failed: 2 backups failed")
			for _, without := range [][]config.Notify{{mail}, {}} {
				f.change(func() { targets, f.failing = without, []string{"sw1"} })
				time.Sleep(time.Minute)
				wantSent(t, f, "removed")
				f.change(func() { targets = []config.Notify{chat} })
				time.Sleep(time.Minute)
				if alone {
					wantSent(t, f, "there again", "chat failed: sw1: the backup failed")
				} else {
					wantSent(t, f, "there again", map[bool][]string{true: {"chat recovered: sw2 is in order again"}}[len(without) > 0]...)
				}
			}
		})
	}
}
