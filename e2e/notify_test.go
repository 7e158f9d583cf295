package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// webhook receives notifications.
type webhook struct {
	*httptest.Server
	mu  sync.Mutex
	got []api.Notification
}

func newWebhook(t *testing.T) *webhook {
	t.Helper()
	h := &webhook{}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n api.Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.got = append(h.got, n)
	}))
	t.Cleanup(h.Close)
	return h
}

// events are those of the messages so far.
func (h *webhook) events() (all []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.got {
		all = append(all, n.Event)
	}
	return all
}

// TestTwoServicesOneMessage has two services with the same targets over one catalog: each event is one message,
// whichever of them sends it.
func TestTwoServicesOneMessage(t *testing.T) {
	t.Parallel()
	testlevel.NeedFull(t, "waits until two services have looked several times")
	m, hook := newMachines(t), newWebhook(t)
	conf := m.central.file("notify.yaml", fmt.Sprintf("schedule: {backup: never}\nnotify: [{type: webhook, url: %q, on: [failed, recovered]}]", hook.URL))
	m.share()
	sw := m.central.add("sw1", "c3750", iossim.Options{LargestImage: imageSize})
	for range 2 {
		m.add().serve("--config", conf)
	}
	m.await(`SELECT CASE WHEN count(*) >= 2 THEN 1 ELSE 0 END FROM worker`)
	backup := func(status string, messages ...string) {
		t.Helper()
		if r := single(t, m.central.run("backup", "sw1", "--json")); r.Status != status {
			t.Fatalf("%+v, want %s", r, status)
		}
		for begun := time.Now(); len(hook.events()) < len(messages); time.Sleep(50 * time.Millisecond) {
			if time.Since(begun) > time.Minute {
				t.Fatalf("messages %q, want %q", hook.events(), messages)
			}
		}
		m.awaitTurns(t, 2) // one of each service
		if got := hook.events(); !slices.Equal(got, messages) {
			t.Errorf("messages %q, want %q", got, messages)
		}
	}
	sw.Arm(iossim.Faults{AskErase: iossim.Always}) // not tried again by itself
	backup(api.StatusFailed, api.NotifyFailed)
	sw.Arm(iossim.Faults{})
	backup(api.StatusOK, api.NotifyFailed, api.NotifyRecovered)
	if hook.got[0].ID == hook.got[1].ID || !strings.Contains(hook.got[0].Text, "sw1") {
		t.Errorf("%+v", hook.got)
	}
}

// awaitTurns waits until services have looked so many times for what to send. Each service does so every 20 s.
func (m *machines) awaitTurns(t *testing.T, turns int) {
	t.Helper()
	const turn = `SELECT COALESCE(max(token), 0) FROM lease WHERE name = '/notify'`
	first := m.number(turn)
	for begun := time.Now(); m.number(turn) < first+turns; time.Sleep(100 * time.Millisecond) {
		if time.Since(begun) > 3*time.Minute {
			t.Fatalf("%d turns, want %d", m.number(turn)-first, turns)
		}
	}
}
