package vault

import (
	"cmp"
	"crypto/sha256"
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
	return outline{document: name, device: "sw1", started: pruneNow.Add(-before), whole: true,
		software: &software{runs: []string{"x.bin"}, images: []image{imageOf("x.bin", "x")}}}
}

// imageOf is an image with this name, and bytes that are named for it.
func imageOf(name, bytes string) image { return image{name, sha256.Sum256([]byte(bytes))} }

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
			with(at("other1", 9*day), func(o *outline) { o.device, o.images = "sw2", []image{imageOf("new.bin", "new")} }),
			with(at("other2", 8*day), func(o *outline) { o.device, o.images = "sw2", []image{imageOf("new.bin", "new")} }),
			with(at("other3", 7*day), func(o *outline) { o.device = "sw2" }),
		}, "good now other2 other3"},
		{"the file of that name of another device is another image", api.Retention{Last: 1}, []outline{
			with(at("now", 0), incomplete), with(at("had", day), func(o *outline) { o.whole = false }), with(at("older", 2*day), func(o *outline) { o.whole = false }),
			with(at("other", 0), func(o *outline) { o.device, o.images = "sw2", []image{imageOf("x.bin", "another x")} }),
		}, "had now other"},
		{"of a period the newest complete one stays", api.Retention{Daily: 2}, []outline{
			with(at("late0", 0), incomplete), at("d0", time.Hour), with(at("late1", day), incomplete), at("d1", day+time.Hour), at("d1b", day+2*time.Hour), at("d2", 2*day)}, "d0 d1 late0"},
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
			name := fmt.Sprint("image", random.IntN(5))
			o.runs, o.images = []string{name}, nil
			if o.whole || random.IntN(2) == 0 { // another file may be missing
				o.images = []image{imageOf(name, fmt.Sprint(name, random.IntN(2)))}
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
	newest := slices.Clone(all)
	slices.SortFunc(newest, func(a, b outline) int {
		return cmp.Or(b.started.Compare(a.started), cmp.Compare(b.document, a.document))
	})
	has := map[digest]bool{}
	for _, o := range all {
		for _, i := range o.images {
			has[i.sum] = has[i.sum] || kept[o.document]
		}
	}
	first := func(device string, ok func(outline) bool) (outline, bool) {
		i := slices.IndexFunc(newest, func(o outline) bool { return o.device == device && ok(o) })
		if i < 0 {
			return outline{}, false
		}
		return newest[i], true
	}
	for _, device := range []string{"sw0", "sw1", "sw2", "sw3"} {
		now, any := first(device, func(outline) bool { return true })
		if any && !kept[now.document] {
			t.Fatalf("the newest of %s went", device)
		}
		if good, ok := first(device, func(o outline) bool { return o.whole }); ok && !kept[good.document] {
			t.Fatalf("the newest complete one of %s went", device)
		}
		if !any {
			continue
		}
		with, ok := first(device, func(o outline) bool { return len(o.images) > 0 && o.images[0].name == now.runs[0] })
		if ok && !has[with.images[0].sum] {
			t.Fatalf("%s runs %s, and its last copy went", device, now.runs[0])
		}
	}
}

// TestKeepAfterAWrongClock keeps the last backup, and the last complete one, although an
// earlier one has a later date.
func TestKeepAfterAWrongClock(t *testing.T) {
	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	at := func(document, previous string, hours int, whole bool) outline {
		return outline{document: document, previous: previous, device: "sw1", started: noon.Add(time.Duration(hours) * time.Hour), whole: whole, software: &software{}}
	}
	all := []outline{at("a", "", 0, true), at("b", "a", 9, true), at("c", "b", 1, true), at("d", "c", 2, false)}
	kept := keep(api.Retention{Last: 1}, all, noon.Add(24*time.Hour), func(string) bool { return false })
	if !kept["d"] || !kept["c"] || !kept["b"] || kept["a"] {
		t.Errorf("kept %v; want the end d, the last complete c, and the newest b", kept)
	}
}
