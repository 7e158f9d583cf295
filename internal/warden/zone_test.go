package warden

import (
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
)

// TestOneTimeZone: services on hosts in two time zones plan the same night. A time zone in the
// configuration of one of them applies to both.
func TestOneTimeZone(t *testing.T) {
	_, n, ctx := opened(t, "sw1")
	services := map[string]*Local{"Europe/Amsterdam": New(Options{Config: config.Default()}), "Asia/Tokyo": New(Options{Config: config.Default()})}
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	want := func(zone string, hour int) {
		t.Helper()
		for round := range 2 {
			for host, l := range services {
				t.Setenv("TZ", host)
				if err := l.followZone(ctx, n.Catalog); err != nil {
					t.Fatal(err)
				}
				p, ok := cadence(l.config(), catalog.Turn{Kind: api.JobPrune}).Next(catalog.Turn{Kind: api.JobPrune, Slot: now}, now, now)
				if round > 0 && (!ok || p.Slot.UTC().Hour() != hour) {
					t.Errorf("%s: the next prune is at %v; want it at 04:00 in %s", host, p.Slot.UTC(), zone)
				}
			}
		}
	}
	t.Setenv("TZ", "Europe/Amsterdam")
	if err := services["Europe/Amsterdam"].followZone(ctx, n.Catalog); err != nil {
		t.Fatal(err)
	}
	want("Europe/Amsterdam", 3)
	services["Asia/Tokyo"].opts.Config.Schedule.Zone = time.UTC
	want("UTC", 4)
}

// TestHostZoneWithoutAName: a host whose zone has no name follows that of the catalog, or its own.
func TestHostZoneWithoutAName(t *testing.T) {
	_, n, ctx := opened(t, "sw1")
	l := New(Options{Config: config.Default()})
	t.Setenv("TZ", "XYZ-3")
	if err := l.followZone(ctx, n.Catalog); err != nil || l.config().Schedule.Zone != time.Local {
		t.Errorf("zone %v, error %v", l.config().Schedule.Zone, err)
	}
	if err := n.Catalog.SetScheduleZone(ctx, "Asia/Tokyo"); err != nil {
		t.Fatal(err)
	}
	if err := l.followZone(ctx, n.Catalog); err != nil || l.config().Schedule.Zone.String() != "Asia/Tokyo" {
		t.Errorf("zone %v, error %v", l.config().Schedule.Zone, err)
	}
}
