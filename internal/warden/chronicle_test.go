package warden

import (
	"context"
	"testing"
	"time"

	"flashwarden/api"
)

// TestChronicle records the numbers of today at once, and the last ones of each day stay. A limited
// actor gets none.
func TestChronicle(t *testing.T) {
	l, n, ctx := opened(t, "sw1", "sw2")
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	keep(t, n, "sw1", began, map[string]string{"flash:/x.bin": "image"})
	running, end := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- l.RunChronicle(running, func() {}) }()
	days := func() []api.Day {
		t.Helper()
		all, err := l.Days(ctx, api.DaySelect{Days: 2})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	for limit := time.Now().Add(time.Minute); len(days()) == 0 && time.Now().Before(limit); {
		time.Sleep(time.Millisecond)
	}
	end()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	got := days()
	if len(got) != 1 || got[0].Devices != 2 || got[0].Protected != 1 || got[0].Snapshots != 1 || got[0].Contents == 0 || got[0].Bytes == 0 {
		t.Fatalf("days %+v", got)
	}
	if _, err := l.RemoveDevices(ctx, api.Select{Names: []string{"sw2"}}); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for _, at := range []time.Time{now, now.AddDate(0, 0, -1), now.AddDate(0, 0, -2)} {
		if err := l.recordDay(ctx, n, at); err != nil {
			t.Fatal(err)
		}
	}
	if got := days(); len(got) != 2 || got[1].Devices != 1 || got[0].Date != now.UTC().AddDate(0, 0, -1).Format(time.DateOnly) {
		t.Errorf("days %+v", got)
	}
	if _, err := l.Days(As(t.Context(), Actor{Name: "x", Role: api.RoleViewer, Site: "hq"}), api.DaySelect{}); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitRefused {
		t.Errorf("a limited actor: error %v", err)
	}
}

// TestDeviceHistory has the flash and the runs of one device.
func TestDeviceHistory(t *testing.T) {
	l, n, ctx := opened(t, "sw1")
	at := time.Now().UTC().Truncate(time.Second)
	s := api.Snapshot{Format: 2, ID: "1-sw1", Document: "1-sw1", Device: "sw1", Status: api.StatusOK, Started: at, Listings: []api.Listing{{Path: "flash:/", Total: 100, Free: 25}}}
	if err := n.Catalog.Index(ctx, s); err != nil {
		t.Fatal(err)
	}
	run := api.Run{ID: "r", Device: "sw1", Kind: api.RunBackup, Status: api.StatusOK, Started: at, Ended: at.Add(time.Second), BytesCopied: 9, Retransmits: 4}
	if err := n.Catalog.EndRun(ctx, run); err != nil {
		t.Fatal(err)
	}
	h, err := l.DeviceHistory(ctx, api.Named{Name: "sw1"})
	if err != nil || len(h.FlashUse) != 1 || h.FlashUse[0] != api.FlashUses(s)[0] || len(h.Runs) != 1 || h.Runs[0] != run {
		t.Errorf("error %v, %+v", err, h)
	}
	if _, err := l.DeviceHistory(ctx, api.Named{Name: "nobody"}); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitUnknown {
		t.Errorf("of no device: error %v", err)
	}
}
