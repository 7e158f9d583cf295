package catalogtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// chronicleTests is the part of the suite about numbers over time.
var chronicleTests = []suiteTest{
	{"Days", testDays},
	{"FlashUse", testFlashUse},
}

// testDays keeps the last numbers of each day, and no day that is too old.
func testDays(t *testing.T, create New) {
	c := empty(t, create)
	put := func(d api.Day) api.Day {
		if err := c.PutDay(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		return d
	}
	want := func(from time.Time, want ...api.Day) {
		t.Helper()
		got, err := c.Days(t.Context(), from)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
		}
	}
	first := put(api.Day{Date: "2026-11-28", Devices: 40, Protected: 38, Snapshots: 100, Contents: 70, Bytes: 5e9})
	put(api.Day{Date: "2026-11-29", Devices: 41})
	second := put(api.Day{Date: "2026-11-29", Devices: 42, Protected: 1, Snapshots: 101, Contents: 71, Bytes: 6e12})
	want(time.Time{}, first, second)
	want(time.Date(2026, 11, 29, 23, 0, 0, 0, time.UTC), second)
	late := put(api.Day{Date: time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC).AddDate(0, 0, catalog.KeepDays).Format(time.DateOnly)})
	want(time.Time{}, second, late)
	if err := c.PutDay(t.Context(), api.Day{Date: "yesterday"}); err == nil {
		t.Error("a day without a date was entered")
	}
}

// testFlashUse has Index enter how full the file systems were, once for each snapshot.
func testFlashUse(t *testing.T, create New) {
	c := empty(t, create)
	at := func(id string, days int, listings ...api.Listing) []api.FlashUse {
		s := api.Snapshot{Format: 2, ID: id, Document: id, Device: "sw1", Status: api.StatusOK, Started: epoch.AddDate(0, 0, days), Listings: listings}
		for range 2 { // a rebuild enters a snapshot again
			if err := c.Index(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		return api.FlashUses(s)
	}
	want := func(from time.Time, want ...api.FlashUse) {
		t.Helper()
		got, err := c.FlashUse(t.Context(), "sw1", from)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
		}
	}
	old := at("1-sw1", 0, api.Listing{Path: "flash:/", Total: 100, Free: 60}, api.Listing{Path: "flash:/dir", Total: 100, Free: 60},
		api.Listing{Path: "flash-2:/", Total: 100, Free: 70}, api.Listing{Path: "crashinfo:/", Total: -1, Free: -1})
	at("2-sw1", 1) // without its listings
	now := at("3-sw1", 2, api.Listing{Path: "flash:/", Total: 100, Free: 0})
	want(time.Time{}, old[1], old[0], now[0])
	if old[0].Used() != 40 || now[0].Used() != 100 {
		t.Errorf("used %d and %d bytes; want 40 and 100", old[0].Used(), now[0].Used())
	}
	want(epoch.AddDate(0, 0, 1), now[0])
	late := at("4-sw1", catalog.KeepDays+1, api.Listing{Path: "flash:/", Total: 100, Free: 50})
	want(time.Time{}, old[1], now[0], late[0])
}
