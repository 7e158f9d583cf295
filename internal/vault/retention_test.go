package vault

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

var pruneNow = time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)

// at is a complete snapshot of sw1 with its image, this long before pruneNow.
func at(name string, before time.Duration) outline {
	return outline{document: name, device: "sw1", started: pruneNow.Add(-before), whole: true, runs: []string{"x.bin"}, images: []string{"x.bin"}}
}

func keptOf(r api.Retention, all []outline) string {
	kept := keep(r, all, pruneNow, func(device string) bool { return device == "gone" })
	var names []string
	for _, o := range all {
		if kept[o.document] {
			names = append(names, o.document)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

func TestKeep(t *testing.T) {
	const day = 24 * time.Hour
	with := func(o outline, change func(*outline)) outline { change(&o); return o }
	incomplete := func(o *outline) { o.whole, o.images = false, nil }
	days := []outline{at("d0", 0), at("d0b", time.Hour), at("d1", day), at("d2", 2*day), at("d9", 9*day), at("d40", 40*day), at("d400", 400*day)}
	for _, c := range []struct {
		name string
		r    api.Retention
		all  []outline
		want string
	}{
		{"nothing is asked for: the newest stays", api.Retention{}, days, "d0"},
		{"last", api.Retention{Last: 3}, days, "d0 d0b d1"},
		{"within", api.Retention{Within: 49 * time.Hour}, days, "d0 d0b d1 d2"},
		{"daily counts days that have any", api.Retention{Daily: 4}, days, "d0 d1 d2 d9"},
		{"weekly", api.Retention{Weekly: 3}, days, "d0 d40 d9"},
		{"monthly", api.Retention{Monthly: 2}, days, "d0 d40"},
		{"yearly", api.Retention{Yearly: 5}, days, "d0 d400"},
		{"the newest complete one stays", api.Retention{},
			[]outline{with(at("bad", 0), incomplete), at("good", 300*day), at("older", 301*day)}, "bad good"},
		{"a date in the future counts for nothing", api.Retention{Last: 1}, append([]outline{at("future", -400*day)}, days...), "d0 future"},
		{"a received file is not a backup", api.Retention{Last: 1},
			[]outline{with(at("sent", 0), func(o *outline) { o.received = true }), with(at("sent2", day), func(o *outline) { o.received = true }), at("d1", day), at("d2", 2*day)}, "d1 sent"},
		{"devices do not count for each other", api.Retention{},
			[]outline{at("a", day), with(at("b", 5*day), func(o *outline) { o.device = "sw2" })}, "a b"},
		{"a forgotten device", api.Retention{Last: 9}, []outline{with(at("a", day), func(o *outline) { o.device = "gone" }), at("b", day)}, "b"},
		{"the last copy of a running image", api.Retention{Last: 1}, []outline{
			with(at("now", 0), func(o *outline) { o.whole, o.images, o.runs = false, nil, []string{"new.bin"} }),
			at("good", day),
			with(at("other1", 9*day), func(o *outline) { o.device, o.images = "sw2", []string{"new.bin"} }),
			with(at("other2", 8*day), func(o *outline) { o.device, o.images = "sw2", []string{"new.bin"} }),
			with(at("other3", 7*day), func(o *outline) { o.device = "sw2" }),
		}, "good now other2 other3"},
	} {
		if got := keptOf(c.r, c.all); got != c.want {
			t.Errorf("%s: kept %q; want %q", c.name, got, c.want)
		}
	}
}

// TestKeepInTheZoneOfTheClock has two snapshots of one day in UTC, and of two
// days where the host is.
func TestKeepInTheZoneOfTheClock(t *testing.T) {
	all := []outline{at("late", 3*time.Hour), at("early", 11*time.Hour)} // 09:00 and 01:00 UTC
	local := pruneNow.In(time.FixedZone("west", -3*3600))
	kept := keep(api.Retention{Daily: 2}, all, local, func(string) bool { return false })
	if len(kept) != 2 {
		t.Errorf("kept %v; want both", kept)
	}
	if got := keptOf(api.Retention{Daily: 2}, all); got != "late" {
		t.Errorf("kept %q in UTC; want late", got)
	}
}

// TestKeepIsSafe tries random histories: whatever is asked for, each device
// keeps its newest snapshot and its newest complete one, and every running image
// that the vault had is still there.
func TestKeepIsSafe(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 2_000 {
		var all []outline
		for i := range random.IntN(30) {
			o := at(fmt.Sprint("s", i), time.Duration(random.IntN(10_000))*time.Hour)
			o.device = fmt.Sprint("sw", random.IntN(4))
			o.whole = random.IntN(3) > 0
			o.runs = []string{fmt.Sprint("image", random.IntN(5))}
			if o.whole {
				o.images = o.runs
			}
			all = append(all, o)
		}
		r := api.Retention{Last: random.IntN(3), Daily: random.IntN(3), Monthly: random.IntN(3)}
		kept := keep(r, all, pruneNow, func(string) bool { return false })
		wantSafe(t, all, kept)
	}
}

func wantSafe(t *testing.T, all []outline, kept map[string]bool) {
	t.Helper()
	newest, good := map[string]outline{}, map[string]outline{}
	had, has := map[string]bool{}, map[string]bool{}
	for _, o := range all {
		if n, ok := newest[o.device]; !ok || o.started.After(n.started) {
			newest[o.device] = o
		}
		if g, ok := good[o.device]; o.whole && (!ok || o.started.After(g.started)) {
			good[o.device] = o
		}
		for _, image := range o.images {
			had[image] = true
			has[image] = has[image] || kept[o.document]
		}
	}
	for device, o := range newest {
		_, anyGood := good[device]
		if same := slices.IndexFunc(all, func(s outline) bool {
			return s.device == device && s.started.Equal(o.started) && kept[s.document]
		}); same < 0 {
			t.Fatalf("the newest of %s went", device)
		}
		if same := slices.IndexFunc(all, func(s outline) bool {
			return s.device == device && s.whole && s.started.Equal(good[device].started) && kept[s.document]
		}); anyGood && same < 0 {
			t.Fatalf("the newest complete one of %s went", device)
		}
		if image := o.runs[0]; had[image] && !has[image] {
			t.Fatalf("%s runs %s, and its last copy went", device, image)
		}
	}
}
