package warden

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
	"flashwarden/internal/node"
)

// inbox receives notifications.
type inbox struct {
	mu  sync.Mutex
	got []api.Notification
}

// newInbox adds a target to the configuration of l, and returns what it receives.
func newInbox(t *testing.T, l *Local, on ...string) *inbox {
	t.Helper()
	b := &inbox{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var n api.Notification
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Error(err)
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.got = append(b.got, n)
	}))
	t.Cleanup(s.Close)
	l.opts.Config.Schedule.Zone = time.UTC
	l.opts.Config.Notify = []config.Notify{{Name: "hook", Type: config.Webhook, URL: s.URL, Shape: config.ShapeJSON, On: on}}
	return b
}

// turn sends the messages that are due in a new process, and returns those that arrived.
func (b *inbox) turn(t *testing.T, l *Local, n *node.Node) []api.Notification {
	t.Helper()
	if err := l.notices.runner(n).Turn(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	got := b.got
	b.got = nil
	return got
}

// want compares the titles of what arrives.
func (b *inbox) want(t *testing.T, l *Local, n *node.Node, when string, want ...string) []api.Notification {
	t.Helper()
	got := b.turn(t, l, n)
	var titles []string
	for _, m := range got {
		titles = append(titles, m.Event+": "+m.Title)
		if m.ID == "" || m.Host == "" || m.Text == "" || m.Time.IsZero() {
			t.Errorf("%s: %+v", when, m)
		}
	}
	if !slices.Equal(titles, want) {
		t.Fatalf("%s: got %q, want %q", when, titles, want)
	}
	return got
}

func endRun(t *testing.T, n *node.Node, r api.Run) {
	t.Helper()
	r.Kind, r.ID = api.RunBackup, catalog.NewRunID(r.Started)
	r.Ended = r.Started.Add(time.Second)
	if err := n.Catalog.EndRun(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// TestNotifications has backups and a task fail and succeed. Each message says what happened and
// what to do; a new process repeats nothing. A run that was interrupted and a device that was
// never tried are none.
func TestNotifications(t *testing.T) {
	l, n, _ := opened(t, "sw1", "sw2", "sw3", "new")
	now := time.Now()
	for _, name := range []string{"sw1", "sw2", "sw3"} {
		keep(t, n, name, now.Add(-time.Hour), map[string]string{"flash:/x.bin": "image of " + name})
	}
	b := newInbox(t, l, api.NotifyEvents()[:6]...)
	b.want(t, l, n, "all is well")
	endRun(t, n, api.Run{Device: "sw1", Status: api.StatusFailed, Cause: "no_request", Message: "the server saw nothing", Hint: "open the port", Started: now.Add(-time.Minute)})
	endRun(t, n, api.Run{Device: "sw2", Status: api.StatusFailed, Cause: "auth_failed", Message: "wrong password", Hint: "another one", Started: now.Add(-time.Minute)})
	endRun(t, n, api.Run{Device: "sw3", Status: api.StatusInterrupted, Started: now.Add(-time.Minute)})
	got := b.want(t, l, n, "two fail", "failed: 2 backups failed")
	item := got[0].Items[0]
	if item.Since.IsZero() {
		t.Errorf("%+v", item)
	}
	item.Since = time.Time{}
	if want := (api.NotifyItem{Event: api.NotifyFailed, Subject: "sw1", Device: "sw1", Site: "hq", Group: "access", Cause: "no_request", Message: "the server saw nothing", Hint: "open the port"}); item != want {
		t.Errorf("%+v, want %+v", item, want)
	}
	b.want(t, l, n, "again")
	if err := n.Catalog.PutCare(t.Context(), catalog.CareRun{Kind: api.JobCheck, Started: now, Failed: true, Cause: "vault_error", Message: "a blob is missing", Hint: "look"}); err != nil {
		t.Fatal(err)
	}
	got = b.want(t, l, n, "a check fails", "care-failed: check failed or is late")
	if !strings.Contains(got[0].Text, "check: vault_error: a blob is missing\n  next: look\n") {
		t.Errorf("%q", got[0].Text)
	}
	if err := n.Catalog.PutCare(t.Context(), catalog.CareRun{Kind: api.JobCheck, Started: now.Add(time.Second)}); err != nil {
		t.Fatal(err)
	}
	endRun(t, n, api.Run{Device: "sw1", Status: api.StatusUnchanged, Started: now})
	got = b.want(t, l, n, "both are well", "recovered: 2 problems have ended")
	if want := "check: succeeds again\nsw1: the backup succeeds again\n"; got[0].Text != want {
		t.Errorf("%q, want %q", got[0].Text, want)
	}
	if _, err := l.RemoveDevices(As(t.Context(), Admin("ops", "terminal")), api.Select{Names: []string{"sw2"}}); err != nil {
		t.Fatal(err)
	}
	b.want(t, l, n, "the other one was removed")
}

// TestNotificationsOfRisks has a device whose backup is old, one whose image is not in the vault,
// and an image that is not the published one.
func TestNotificationsOfRisks(t *testing.T) {
	l, n, _ := opened(t, "old", "lacks", "mirrored")
	now := time.Now()
	l.opts.Config.Mirrors = []config.Mirror{{Name: "usb", Target: "/mnt/usb"}}
	old := keep(t, n, "old", now.Add(-9*24*time.Hour), map[string]string{"flash:/x.bin": "image"})
	keep(t, n, "mirrored", now.Add(-47*time.Hour), map[string]string{"flash:/x.bin": "another image"})
	keep(t, n, "lacks", now.Add(-time.Hour), map[string]string{"flash:/z.bin": "not what it runs"})
	b := newInbox(t, l, api.NotifyAtRisk, api.NotifyImageMissing, api.NotifyImageDiffers, api.NotifyRecovered)
	got := b.want(t, l, n, "an old backup", "at-risk: 2 devices are not protected", "image-missing: lacks runs an image that is not in the vault")
	if !strings.Contains(got[0].Text, "old: Last complete backup 9 days ago; the limit is 8 days. The mirror usb does not have") || !strings.Contains(got[0].Text, "lacks: The last complete backup does not have the image") {
		t.Errorf("%q", got[0].Text)
	}
	if !strings.Contains(got[1].Text, "it runs x.bin, version") {
		t.Errorf("%q", got[1].Text)
	}
	if err := n.Catalog.SetPublished(t.Context(), map[string]string{old.Files[0].SHA256: api.PublishedDiffers}); err != nil {
		t.Fatal(err)
	}
	got = b.want(t, l, n, "another image", "image-differs: image "+old.Files[0].SHA256[:12]+"… is not the published image")
	if !strings.Contains(got[0].Text, "x.bin has another digest than the published image of this name; it runs on old") {
		t.Errorf("%q", got[0].Text)
	}
	b.want(t, l, n, "again")
	keep(t, n, "lacks", now, map[string]string{"flash:/x.bin": "another image"})
	got = b.want(t, l, n, "its image arrived", "recovered: 2 problems have ended")
	if want := "lacks: is protected again\nlacks: the vault has its image\n"; got[0].Text != want {
		t.Errorf("%q, want %q", got[0].Text, want)
	}
}

// TestDailySummary lists the devices at risk first.
func TestDailySummary(t *testing.T) {
	l, n, ctx := opened(t, "a-good", "b-failed", "c-never")
	now := time.Now()
	for _, name := range []string{"a-good", "b-failed"} {
		keep(t, n, name, now.Add(-time.Hour), map[string]string{"flash:/x.bin": "image of " + name})
	}
	endRun(t, n, api.Run{Device: "b-failed", Status: api.StatusFailed, Cause: "no_request", Message: "no request", Hint: "look", Started: now})
	got, err := l.notices.summary(ctx, n, now)
	if err != nil {
		t.Fatal(err)
	}
	want := "At risk (1):\nc-never: No backup yet\n  next: `flashwarden backup c-never`\n\nProtected, but the last backup failed (1):\nb-failed: no_request: no request\n  next: look\n\n" +
		"3 devices: 2 protected, 1 at risk; the last backup of 1 failed\n"
	if got.Title != "1 of 3 devices are at risk" || got.Text != want || len(got.Items) != 2 || got.Summary.AtRisk != 1 {
		t.Errorf("%+v, want the text %q", got, want)
	}
}

// TestOneLeads lets two machines with one catalog take turns: only one of them sends at a time.
func TestOneLeads(t *testing.T) {
	l, n, ctx := opened(t)
	lead := func(id string) (func(), bool) {
		release, ok, err := leadNotify(ctx, l.core, n.Catalog, catalog.Worker{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		return release, ok
	}
	release, ok := lead("one")
	if !ok {
		t.Fatal("the first one does not lead")
	}
	if _, ok := lead("two"); ok {
		t.Error("two lead")
	}
	release()
	if _, ok := lead("two"); !ok {
		t.Error("the second one does not lead after the first one")
	}
}

// TestTestNotify reports each target. A viewer may not send messages.
func TestTestNotify(t *testing.T) {
	l, _, ctx := opened(t)
	b := newInbox(t, l)
	l.opts.Config.Notify = append(l.opts.Config.Notify, config.Notify{Name: "other", Type: config.Webhook, URLFile: "/nonexistent/url"})
	got, err := l.TestNotify(ctx, api.NotifyTest{})
	if err != nil || len(got) != 2 || !got[0].OK || got[1].OK || !strings.Contains(got[1].Message, "no such file") || got[1].Hint == "" || len(b.got) != 1 {
		t.Errorf("%+v, error %v", got, err)
	}
	_, err = l.TestNotify(ctx, api.NotifyTest{Name: "hok"})
	wantExit(t, "a wrong name", err, api.ExitUnknown)
	viewer := As(context.Background(), Actor{Name: "eve", From: "192.0.2.1", Role: api.RoleViewer})
	_, err = l.TestNotify(viewer, api.NotifyTest{})
	wantExit(t, "a viewer", err, api.ExitRefused)
	l.opts.Config.Notify = nil
	_, err = l.TestNotify(ctx, api.NotifyTest{})
	wantExit(t, "no target", err, api.ExitUsage)
}
