package restore_test

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestAlwaysBoots restores onto devices in random states, which answer, refuse
// and break off at random, also by an AAA server. Whatever becomes of a restore:
//   - no unit was started again that then stayed in its boot loader;
//   - a unit that would have started by itself before still does, into an image
//     that was there or that was asked for, now and after the start after that;
//   - the startup-config is the old one, the wanted one, or, where boot lines were
//     asked for, the running one with other boot lines. If a question also stops the
//     repair of a damaged one, the result says so.
//
// What boots is decided by the simulated loaders, which know nothing of package
// flash.
func TestAlwaysBoots(t *testing.T) {
	testlevel.NeedFull(t, "TestNothingUnnamedIsLost")
	t.Parallel()
	profiles := []string{"c2950", "c3750-stack", "c2960x-stack", "c9300-stack", "c9300-smu", "isr4300", "isr2900", "c4500-redundant", "c6500-vss", "c9400-redundant", "c9500-svl", "c9800-ha", "c3500xl"}
	benches := make(map[string]*bench)
	var begun sync.WaitGroup
	var mu sync.Mutex
	for _, profile := range profiles {
		begun.Go(func() {
			b := newBenchOf(t, profile, iossim.Options{LargestImage: 40_000}, api.PolicyRebuild)
			mu.Lock()
			defer mu.Unlock()
			benches[profile] = b
		})
	}
	begun.Wait()
	limit := make(chan bool, 24) // they wait more than they work
	var wg sync.WaitGroup
	defer wg.Wait()
	for seed := range testlevel.Of(0, 30, 5_000) {
		wg.Go(func() {
			limit <- true
			defer func() { <-limit }()
			profile := profiles[seed%len(profiles)]
			t.Run(fmt.Sprintf("%s-%d", profile, seed), func(t *testing.T) {
				w := newWorld(rand.New(rand.NewPCG(uint64(seed), 11)), benches[profile], profile)
				w.b = benches[profile].anotherOf(t, profile, w.options)
				w.prepare()
				if !w.chance(5) {
					w.b.node.Runner().Backup(t.Context(), w.b.device, backup.Options{Policy: api.PolicyAll})
				}
				if w.lost == "" || w.chance(3) {
					w.b.sw.Arm(w.faults())
				}
				w.run(t)
			})
		})
	}
}

// world is one device in a random state and one request.
type world struct {
	random  *rand.Rand
	options iossim.Options
	b       *bench
	request api.Restore
	files   []string
	lost    string // a file that is not there, and nothing else is asked for than this file and a reload

	reloadAsks string // the question of reload, if it has another form

	cut   bool // the power is cut while it works
	twice bool // a file arrives damaged, and a question stops what repairs it

	mu     sync.Mutex
	typed  int
	broken bool
}

// chance is true once in so many times.
func (w *world) chance(n int) bool { return w.random.IntN(n) == 0 }

func newWorld(random *rand.Rand, first *bench, profile string) *world {
	w := &world{random: random}
	o := &w.options
	o.LargestImage = 40_000
	if w.chance(4) {
		o.Register = []uint16{0x2142, 0x2100, 0x2101, 0x2102, 0x142, 0x9922}[random.IntN(6)]
		o.RegisterUnit = random.IntN(3)
	}
	if w.chance(9) {
		o.RegisterNext = []uint16{0x2142, 0x2100, 0x2102}[random.IntN(3)]
	}
	if strings.HasPrefix(profile, "c9") { // without a config-register
		o.IgnoreStartup = o.Register&0x8040 != 0
		o.Register, o.RegisterNext = 0, 0
	}
	if w.chance(12) {
		o.ManualBoot = 1 + random.IntN(2)
	}
	if w.chance(25) {
		o.FilePrompt = "quiet"
	}
	if profile == "c2960x-stack" && !w.chance(4) {
		o.Texts = map[string]string{"show_switch": readyStack}
	}
	image := first.snapshot.Facts.Image
	old := flashOf(image) + "/old.bin"
	o.Boots = [][]string{nil, nil, {image, old}, {old, image}, {flashOf(image) + "/gone.bin"}, {flashOf(image) + "/gone.bin", image}, {}, {flashOf(image) + "/config.text"}}[random.IntN(8)]
	if w.chance(6) {
		o.FlashSize = 200_000 + random.Int64N(300_000)
	}
	w.ask(first, image, old)
	if w.chance(6) {
		denied := []string{"delete", "copy tftp", "copy", "verify", "configure", "boot system", "no boot system", "end", "write memory", "reload", "redundancy", "show startup-config", "more"}
		o.Denied = denied[w.random.IntN(len(denied)):][:1]
	}
	return w
}

// flashOf is the file system of a path.
func flashOf(p string) string { return p[:strings.IndexByte(p, ':')+1] }

// faults are those of the device and of the line to it.
func (w *world) faults() iossim.Faults {
	breakAt, after := w.random.IntN(60), w.chance(2)
	askAt, refuseAt := w.random.IntN(60), w.random.IntN(6)
	questions := []string{"Erase flash: before copying?", "Do you want to over write?", "Proceed?", "Proceed with reload?", "Delete flash:/config.text?",
		"Overwrite the previous NVRAM configuration?", "Squeeze operation may take a while. Continue?"}
	question := questions[w.random.IntN(len(questions))]
	f := iossim.Faults{}
	count := func() int {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.typed++
		return w.typed
	}
	once := func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		first := !w.broken
		w.broken = true
		return first
	}
	switch w.random.IntN(7) {
	case 6:
		f.CutPower, w.cut = true, true
		fallthrough
	case 0, 1:
		f.Break = func(string) (bool, bool) { return count() > breakAt && once(), after }
	case 2:
		f.Ask = func(string) string {
			if count() > askAt && once() {
				return question
			}
			return ""
		}
	case 3:
		f.RefuseLine = func(string) bool { return count() > refuseAt && once() }
	case 4:
		f.BusyNVRAM = iossim.Times(w.random.IntN(3))
		f.IgnoreBoot = iossim.Times(w.random.IntN(2))
	}
	if w.chance(4) {
		f.BusyNVRAM = 1
	}
	if w.chance(5) {
		cutAt, bytes := w.random.IntN(60), 1+w.random.IntN(60)
		cut := new(atomic.Int32)
		f.CutOutput = func(string) int {
			if int(cut.Add(1)) == cutAt {
				return bytes
			}
			return 0
		}
	}
	if w.chance(8) {
		w.reloadAsks = []string{"Reload this shelf", "Do you wish to proceed anyway?", "This will reload all switches of the stack. Proceed?"}[w.random.IntN(3)]
		f.ReloadAsks = w.reloadAsks
	}
	for _, t := range []*iossim.Times{&f.SyslogNoise, &f.SecurityWarnings, &f.KeepPaging, &f.KeepWidth} {
		if w.chance(8) {
			*t = iossim.Always
		}
	}
	if w.chance(6) {
		f.FlipBit, w.twice = 1, f.Ask != nil
	}
	if w.chance(6) {
		f.Hangup, f.LeavePartial = iossim.After{Bytes: 8_000, Times: 1}, 1
	}
	return f
}

// ask makes the request.
func (w *world) ask(first *bench, image, old string) {
	var small string // that no image needs
	for _, f := range first.snapshot.Files {
		if f.Kind == api.KindVLAN || f.Kind == api.KindOther && small == "" {
			small = f.Path
		}
	}
	if small != "" && w.chance(4) {
		w.lost = small
		w.request, w.files = api.Restore{Reload: true}, []string{w.lost}
		return
	}
	w.request = api.Restore{SetBoot: !w.chance(4), Reload: w.chance(2), Replace: !w.chance(4)}
	switch w.random.IntN(4) {
	case 0:
		w.files = []string{base(image)}
	case 1:
		w.files = []string{"startup-config"}
		w.request.SetBoot = false
	case 2:
		w.files = []string{base(image), "startup-config"}
	}
	switch w.random.IntN(12) {
	case 0:
		w.request.Delete = []string{image}
	case 1, 2:
		w.request.Delete = []string{old}
	}
}

// prepare changes the files of the device.
func (w *world) prepare() {
	b := w.b
	image := b.snapshot.Facts.Image
	if w.lost != "" {
		b.lose(w.lost)
	}
	if data, there := b.sw.File(image); there && w.chance(2) || slices.Contains(w.options.Boots, flashOf(image)+"/old.bin") || len(w.request.Delete) > 0 {
		err := b.sw.Write(flashOf(image)+"/old.bin", append([]byte("\x7fELF"), data[:min(len(data), 2000)]...))
		if err != nil && w.options.FlashSize == 0 { // else the flash is full
			b.t.Fatal(err)
		}
	}
	if w.chance(3) {
		b.lose(image)
	}
	if w.chance(3) {
		b.lose("nvram:startup-config")
	} else if w.chance(2) {
		text, _ := b.sw.File("nvram:startup-config")
		b.write("nvram:startup-config", strings.Replace(string(text), "hostname ", "! changed\nhostname ", 1))
	}
	if w.chance(6) && b.text("nvram:startup-config") != "" { // somebody copied another one there
		b.saveLines(w.otherLines(image)...)
	}
	if old := "boot system " + bootedFirst(b); w.chance(8) && old != "boot system " { // somebody typed another line and did not save it
		new := strings.Join(append([]string{""}, w.otherLines(image)...), "\nboot system ")
		if err := b.sw.EditRunningConfig("\n"+old, new); err != nil {
			b.t.Fatal(err)
		}
	}
	if data, there := b.sw.File(image); there && len(w.request.Delete) == 0 && !strings.HasSuffix(image, ".conf") && w.chance(8) { // somebody's copy broke off
		b.write(image, string(data[:len(data)/2]))
		return
	}
	if w.chance(4) { // the image of the snapshot goes to a place where nothing is
		for i, f := range b.snapshot.Files {
			if f.Path == image || base(f.Path) == base(image) && f.Kind == api.KindImage {
				b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
				if len(w.files) > 0 && w.files[0] == base(image) {
					w.files[0] = "new.bin"
				}
			}
		}
	}
}

// otherLines is what random boot lines name: the image, another one, one that is not there.
func (w *world) otherLines(image string) []string {
	gone, old := flashOf(image)+"gone.bin", flashOf(image)+"/old.bin"
	return [][]string{{gone}, {gone}, {image}, {old}, {old, image}, {gone, image}, {}}[w.random.IntN(7)]
}

// bootedFirst is the first boot line of the running-config, without "boot system".
func bootedFirst(b *bench) string {
	_, line, _ := strings.Cut(b.text("system:running-config"), "\nboot system ")
	line, _, _ = strings.Cut(line, "\n")
	return line
}

// lose removes a file, if it is there.
func (b *bench) lose(path string) {
	if _, there := b.sw.File(path); there {
		b.remove(path)
	}
}

// sum is the digest of a file's content.
func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// run restores, breaks off at a random moment perhaps, and checks the device.
func (w *world) run(t *testing.T) {
	b := w.b
	before := b.digests()
	booted, again := make([]string, b.sw.Units()), make([]string, b.sw.Units())
	for unit := range booted {
		booted[unit], _ = b.sw.Boots(unit + 1)
		again[unit], _ = b.sw.BootsAgain(unit + 1) // the startup-config may say something else than the device does now
	}
	startup, running := b.text("nvram:startup-config"), b.text("system:running-config")
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	stop, events := w.random.IntN(200), 0
	atStop := cancel
	if w.chance(4) {
		atStop, w.cut = b.sw.PowerCycle, true
	}
	b.onEvent = func(api.Event) {
		if events++; events == stop {
			atStop()
		}
	}
	req := w.request
	req.Files = w.files
	status := "refused"
	p, err := b.runner().Plan(ctx, b.device, b.snapshot, req, b.onEvent)
	switch {
	case err != nil:
		status = err.Error()
	case len(p.Refusals) > 0:
		status = "refused: " + p.Refusals[0].Detail
	default:
		runner := b.runner()
		runner.Return = 30 * time.Second
		r := runner.Apply(ctx, b.device, b.snapshot, p, b.onEvent)
		status = r.Status + ": " + r.Message
	}
	t.Log(status)
	wrong := func(format string, args ...any) {
		t.Errorf(format+"\nrequest %+v, options %+v\nresult %s\nnext %q\ntyped\n%s", append(args, req, w.options.Boots, status, b.sw.BootNext(), strings.Join(b.sw.Commands(), "\n"))...)
	}
	if alone := !slices.Contains(booted, ""); b.sw.InLoader() && (alone || !w.cut) {
		wrong("a unit stayed in its boot loader")
	}
	for unit := range booted {
		if w.cut && again[unit] == "" {
			booted[unit] = ""
		}
	}
	w.wantBoots(wrong, before, booted)
	reported := w.twice && strings.Contains(status, "nvram:startup-config may be incomplete")
	if got := b.text("nvram:startup-config"); !w.mayBe(got, startup, running) && !reported {
		wrong("the startup-config is neither the old nor the wanted one:\n%s", got)
	}
	for _, c := range b.sw.Commands() {
		if w.reloadAsks != "" && strings.HasPrefix(c, w.reloadAsks) && !strings.HasSuffix(c, "n") && !strings.HasSuffix(c, "^C") {
			wrong("answered %q", c)
		}
		if consents.MatchString(c) && !strings.HasPrefix(c, "Do you want to over write?") {
			wrong("answered %q", c)
		}
	}
	for start := range 2 { // each reads the startup-config
		b.sw.PowerCycle()
		for unit, image := range again {
			if _, err := b.sw.Boots(unit + 1); err != nil && image != "" {
				wrong("after %d power cuts, unit %d: %v", start+1, unit+1, err)
			}
		}
	}
}

func (b *bench) text(path string) string {
	data, _ := b.sw.File(path)
	return string(data)
}

// wantBoots wants each unit to start by itself, if it did before, into an image
// that was there or was asked for.
func (w *world) wantBoots(wrong func(string, ...any), before map[string]string, booted []string) {
	known := make(map[string]bool)
	for _, digest := range before {
		known[digest] = true
	}
	for _, f := range w.b.snapshot.Files {
		known[f.SHA256] = true
	}
	for unit, image := range booted {
		now, err := w.b.sw.Boots(unit + 1)
		data, _ := w.b.sw.File(now)
		installed := strings.HasSuffix(now, ".conf")
		switch {
		case image != "" && err != nil:
			wrong("unit %d booted %s before, and now: %v", unit+1, image, err)
		case err == nil && !known[sum(data)] && !installed:
			wrong("unit %d boots %s, whose content nobody asked for", unit+1, now)
		}
	}
}

// mayBe reports whether a startup-config is the old one, that of the snapshot, or
// the running one, where it was in force.
func (w *world) mayBe(text, old, running string) bool {
	if text == old || w.cut && old == "" && strings.Contains(text, "\nhostname Switch\n") { // it started without one, and a real one would have no address then
		return true
	}
	for _, f := range w.b.snapshot.Files {
		if (f.Path == "nvram:startup-config" || base(f.Path) == "config.text") && f.SHA256 == sum([]byte(text)) {
			return true
		}
	}
	ignored := w.options.IgnoreStartup || cmp.Or(w.options.Register, w.options.RegisterNext)&0x8040 != 0 || w.options.RegisterNext&0x8040 != 0
	saved := withoutBoot(text)
	return w.request.SetBoot && !ignored && (saved == withoutBoot(running) || w.cut && saved == withoutBoot(old))
}

// withoutBoot is a configuration without its boot lines.
func withoutBoot(config string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(config, "\n"), func(line string) bool { return strings.HasPrefix(line, "boot system ") }), "\n")
}
