package restore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestUnsafeStates has devices that would not return from a reload, or whose
// configuration must not be saved, or that would not ask. Nothing is typed that
// changes them.
func TestUnsafeStates(t *testing.T) {
	testlevel.NeedFull(t, "TestUnsafeReload")
	t.Parallel()
	both, reload, boot := api.Restore{SetBoot: true, Reload: true}, api.Restore{Reload: true}, api.Restore{SetBoot: true}
	refused := func(profile string, o iossim.Options, req api.Restore, c cause.Cause, words ...string) func(t *testing.T) {
		return func(t *testing.T) {
			b := newBenchOf(t, profile, o, api.PolicyRebuild)
			var vlans string
			for i, f := range b.snapshot.Files {
				if f.Kind == api.KindImage {
					b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
				}
				if f.Kind == api.KindVLAN && vlans == "" {
					vlans = f.Path
				}
			}
			files := []string{"new.bin"}
			if !req.SetBoot {
				b.lose(vlans)
				files = []string{vlans}
			}
			before := b.digests()
			r := b.restore(req, files...)
			wantResult(t, r, api.StatusFailed, c)
			for _, w := range words {
				if !r.Refused || !strings.Contains(r.Message+r.Hint, w) {
					t.Errorf("refused: %t, message %q, hint %q; want %q", r.Refused, r.Message, r.Hint, w)
				}
			}
			b.wantUnchanged(before)
		}
	}
	cases(t, map[string]func(*testing.T){
		"its startup-config was ignored":    refused("isr4300", iossim.Options{Register: 0x2142}, boot, cause.UnsafeBoot, "0x2142", "config-register 0x2102", "copy startup-config running-config"),
		"a variable has it ignored, XE":     refused("c9300-stack", iossim.Options{IgnoreStartup: true}, reload, cause.UnsafeBoot, "system ignore startupconfig", "no system ignore startupconfig switch all"),
		"and boot lines are asked for":      refused("c9300-smu", iossim.Options{IgnoreStartup: true}, both, cause.UnsafeBoot, "write memory", "no system ignore startupconfig switch all"),
		"it would ignore it":                refused("isr2900", iossim.Options{RegisterNext: 0x2142}, reload, cause.UnsafeBoot, "ignores its startup-config", "config-register 0x2102"),
		"ROMMON":                            refused("c4500-redundant", iossim.Options{Register: 0x2100}, reload, cause.UnsafeBoot, "boot field is 0", "config-register 0x2102"),
		"ROMMON of the other supervisor":    refused("c4500-redundant", iossim.Options{Register: 0x2100, RegisterUnit: 2}, reload, cause.UnsafeBoot, "standby"),
		"the first image":                   refused("c6500-vss", iossim.Options{Register: 0x2101}, both, cause.UnsafeBoot, "boot field is 1"),
		"manual boot":                       refused("c2950", iossim.Options{ManualBoot: 1}, both, cause.UnsafeBoot, "Manual Boot", "no boot manual"),
		"manual boot of a member":           refused("c3750-stack", iossim.Options{ManualBoot: 2}, reload, cause.UnsafeBoot, "switch 2 has Manual Boot on"),
		"manual boot of the other one, XE":  refused("c9400-redundant", iossim.Options{ManualBoot: 2}, reload, cause.UnsafeBoot, "standby has Manual Boot on"),
		"BOOT names nothing that is there":  refused("c9300-stack", iossim.Options{Boots: []string{"flash:gone.conf"}}, reload, cause.UnsafeBoot, "flash:gone.conf", "--set-boot"),
		"BOOT names no image":               refused("c2950", iossim.Options{Boots: []string{"flash:/config.text"}}, reload, cause.UnsafeBoot, "flash:/config.text"),
		"BOOT of an XE switch is empty":     refused("c9300-stack", iossim.Options{Boots: []string{}}, reload, cause.UnsafeBoot, "BOOT is empty"),
		"a member has not joined the stack": refused("c2960x-stack", iossim.Options{}, reload, cause.UnsafeBoot, "switch 2 is not started again", "Version Mismatch", "show switch"),
		"it would not ask":                  refused("c2950", iossim.Options{FilePrompt: "quiet"}, boot, cause.UnsafePrompt, "file prompt quiet", "file prompt alert"),
		"only another disk holds the image": refused("c6500-vss", iossim.Options{Boots: []string{"disk0:/gone"}}, reload, cause.UnsafeBoot, "disk0:/gone"),
	})
}

// TestSavedBootLines has a startup-config whose boot lines name no image, unlike BOOT, as
// after a copy of it by hand, or none: the device is not started again.
func TestSavedBootLines(t *testing.T) {
	testlevel.NeedFull(t, "TestUnsafeReload")
	t.Parallel()
	run := func(profile, line, words string) func(*testing.T) {
		return func(t *testing.T) {
			b := newBench(t, profile, api.PolicyRebuild)
			text := withoutBoot(b.text("nvram:startup-config"))
			if b.lose("nvram:startup-config"); line != "none" {
				b.write("nvram:startup-config", strings.Replace(text, "\nhostname ", "\n"+line+"hostname ", 1))
			}
			i := slices.IndexFunc(b.snapshot.Files, func(f api.File) bool { return f.Kind == api.KindVLAN || f.Kind == api.KindOther })
			file := b.snapshot.Files[i].Path
			b.lose(file)
			before := b.digests()
			r := b.restore(api.Restore{Reload: true}, file)
			wantResult(t, r, api.StatusFailed, cause.UnsafeBoot)
			if !r.Refused || !strings.Contains(r.Message, words) || !strings.Contains(r.Hint, "`write memory`") || !b.sw.Bootable() {
				t.Errorf("refused %t: %s; %s", r.Refused, r.Message, r.Hint)
			}
			b.wantUnchanged(before)
		}
	}
	cases(t, map[string]func(*testing.T){
		"a list":                       run("c4500-redundant", "boot system bootflash:gone.bin\n", "its startup-config boots bootflash:gone.bin"),
		"one setting":                  run("c3750", "boot system flash:/gone.bin\n", "its startup-config boots flash:/gone.bin"),
		"no startup-config":            run("c3750", "none", "has no startup-config, and cannot be reached after a reload"),
		"no line, and on another disk": run("c6500-vss", "", "has no boot line"),
	})
}

// TestBootLinesWithoutGap looks at the boot lines before every command: the
// running and the saved configuration always have one, and each loader starts
// an image.
func TestBootLinesWithoutGap(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "isr4300", api.PolicyImage)
	const image, added = "bootflash:/isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin", "bootflash:/new.bin"
	run := func(faults iossim.Faults, check func(t *testing.T, b *bench, r api.RestoreResult)) func(*testing.T) {
		return func(t *testing.T) {
			var b *bench
			faults.Ask = func(command string) string {
				for _, file := range []string{"system:running-config", "nvram:startup-config"} {
					if b != nil && !strings.Contains(b.text(file), "\nboot system ") {
						t.Errorf("at %q %s has no boot line", command, file)
					}
				}
				if b != nil && !b.sw.Bootable() {
					t.Errorf("at %q it would not boot", command)
				}
				return ""
			}
			b = first.another(t, "isr4300", faults)
			b.snapshot.Files[0].Path = added
			check(t, b, b.restore(api.Restore{SetBoot: true}, "new.bin"))
		}
	}
	old := func(words string) func(t *testing.T, b *bench, r api.RestoreResult) {
		return func(t *testing.T, b *bench, r api.RestoreResult) {
			if r.Status == api.StatusOK || !strings.Contains(r.Message, words) || !slices.Equal(b.sw.BootNext(), []string{image}) {
				t.Errorf("%s: %s; it boots %q next", r.Status, r.Message, b.sw.BootNext())
			}
			if lines := strings.Count(b.text("system:running-config"), "boot system "); lines != 1 {
				t.Errorf("%d boot lines are left", lines)
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"it works": run(iossim.Faults{}, func(t *testing.T, b *bench, r api.RestoreResult) {
			wantResult(t, r, api.StatusOK, "")
			wantOrder(t, b.sw.Commands(), "boot system "+added, "write memory", "no boot system "+image, "boot system "+image, "write memory")
		}),
		"the first line is refused": run(iossim.Faults{RefuseLine: func(l string) bool { return l == "boot system "+added }}, old("the boot lines are as they were")),
		"a removal is refused":      run(iossim.Faults{RefuseLine: func(l string) bool { return l == "no boot system "+image }}, old("the boot lines are as they were")),
		"nvram: is busy":            run(iossim.Faults{BusyNVRAM: 1}, old("the boot lines are as they were")),
		"nvram: stays busy":         run(iossim.Faults{BusyNVRAM: iossim.Always}, old("the boot lines are as they were")),
	})
}

// TestStartupReplaced restores an older startup-config over a newer one: the one
// question about overwriting is about the file that was named, and the vault has
// the old content.
func TestStartupReplaced(t *testing.T) {
	testlevel.NeedFull(t, "TestPlanIsWhatIsTyped")
	t.Parallel()
	replaced := func(profile, name string) func(*testing.T) {
		return func(t *testing.T) {
			b := newBench(t, profile, api.PolicyRebuild)
			wanted := b.text("nvram:startup-config")
			b.write("nvram:startup-config", "! newer\n"+wanted)
			r := b.restore(api.Restore{Replace: true}, name)
			if r.Status == api.StatusOK || !strings.Contains(r.Message, "the vault does not hold the content of nvram:startup-config") || len(b.changes()) > 0 {
				t.Errorf("what the vault lacks was overwritten: %s", r.Message)
			}
			if k := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll}); k.Snapshot == "" {
				t.Fatal(k.Message)
			}
			if r = b.restore(api.Restore{}, name); !r.Refused || !strings.Contains(r.Message, "with other content") {
				t.Errorf("without consent: %s", r.Message)
			}
			wantResult(t, b.restore(api.Restore{Replace: true}, name), api.StatusOK, "")
			if b.text("nvram:startup-config") != wanted {
				t.Error("it is not restored")
			}
			asked := slices.DeleteFunc(b.sw.Commands(), func(c string) bool { return !strings.HasPrefix(c, "Do you want to over write?") })
			if fmt.Sprint(asked) != "[Do you want to over write? [confirm]y]" {
				t.Errorf("asked %q", asked)
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"c9300": replaced("c9300-stack", "startup-config"), "c3750": replaced("c3750", "startup-config"), "config.text": replaced("c3750-stack", "config.text"),
	})
}

// TestDamagedStartup has the startup-config arrive damaged: a copy has replaced the
// old one, so that it is sent once more, also when the user breaks off.
func TestDamagedStartup(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "isr2900", api.PolicyRebuild)
	damaged := func(times int, check func(t *testing.T, r api.RestoreResult, whole bool), broken bool) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "isr2900", iossim.Faults{})
			wanted := b.text("nvram:startup-config")
			b.lose("nvram:startup-config")
			p := b.plan(api.Restore{}, "startup-config")
			b.sw.Arm(iossim.Faults{FlipBit: iossim.Times(times)})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			typed := func(c string) bool { return strings.HasPrefix(c, "copy tftp") }
			r := b.runner().Apply(ctx, b.device, b.snapshot, p, func(e api.Event) {
				if broken && e.Step == api.StepVerify && slices.ContainsFunc(b.sw.Commands(), typed) {
					cancel()
				}
			})
			check(t, r, b.text("nvram:startup-config") == wanted)
		}
	}
	repaired := func(t *testing.T, r api.RestoreResult, whole bool) {
		wantResult(t, r, api.StatusOK, "")
		if !whole {
			t.Error("it is damaged")
		}
	}
	cases(t, map[string]func(*testing.T){
		"once":                damaged(1, repaired, false),
		"the user breaks off": damaged(1, repaired, true),
		"twice": damaged(2, func(t *testing.T, r api.RestoreResult, _ bool) {
			wantResult(t, r, api.StatusFailed, cause.DigestMismatch)
			if !strings.Contains(r.Message, "may be incomplete") {
				t.Error(r.Message)
			}
		}, false),
	})
}

// TestOtherDisk makes the image on another disk the next to boot, on both
// chassis.
func TestOtherDisk(t *testing.T) {
	testlevel.NeedFull(t, "TestWantedAfterRestart")
	t.Parallel()
	b := newBench(t, "c6500-vss", api.PolicyImage)
	r := b.restore(api.Restore{To: "disk0:", SetBoot: true, Reload: true}, "s72033-ipservicesk9_wan-mz.122-33.SXJ10")
	wantResult(t, r, api.StatusOK, "")
	if next := b.sw.BootNext(); len(next) != 2 || next[0] != "disk0:s72033-ipservicesk9_wan-mz.122-33.SXJ10" || !b.sw.Bootable() || b.sw.InLoader() {
		t.Errorf("it boots %q next", next)
	}
	if second, err := b.sw.Boots(2); err != nil || !strings.HasPrefix(second, "slavedisk0:") {
		t.Errorf("the other chassis boots %s, %v", second, err)
	}
}

// TestSqueeze has flash on which a deletion frees nothing: the plan says so, and
// nothing is squeezed.
func TestSqueeze(t *testing.T) {
	testlevel.NeedFull(t, "TestFits")
	t.Parallel()
	data := newBenchOf(t, "c4500-redundant", iossim.Options{FlashSize: 140_000}, api.PolicyAll)
	data.write("bootflash:/spare.bin", "\x7fELF"+strings.Repeat("x", 50_000))
	if r := data.node.Runner().Backup(t.Context(), data.device, backup.Options{Policy: api.PolicyAll}); r.Snapshot == "" {
		t.Fatal(r.Message)
	}
	data.snapshot.Files[0].Path = "bootflash:/new.bin"
	r := data.restore(api.Restore{Delete: []string{"bootflash:/spare.bin"}}, "bootflash:/new.bin")
	wantResult(t, r, api.StatusFailed, cause.DeviceNoSpace)
	if !strings.Contains(r.Hint, "`squeeze bootflash:`") || len(data.changes()) > 0 {
		t.Errorf("hint %q, typed %q", r.Hint, data.changes())
	}
	wantResult(t, data.restore(api.Restore{Delete: []string{"bootflash:/spare.bin"}}), api.StatusOK, "")
	wantResult(t, data.restore(api.Restore{}, "bootflash:/new.bin"), api.StatusFailed, cause.DeviceNoSpace)
	if slices.ContainsFunc(data.sw.Commands(), func(c string) bool { return strings.Contains(strings.ToLower(c), "squeeze") }) {
		t.Error("squeeze was typed")
	}
}

// tight is a switch with room for a second image only once spare.bin is deleted,
// and the plan that does so.
func tight(t *testing.T) (*bench, api.Plan) {
	b := newBenchOf(t, "c3750", iossim.Options{FlashSize: 700_000}, api.PolicyAll)
	b.write("flash:/spare.bin", strings.Repeat("spare", 50_000))
	if r := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll}); r.Snapshot == "" {
		t.Fatal(r.Message)
	}
	b.snapshot.Files[slices.IndexFunc(b.snapshot.Files, func(f api.File) bool { return f.Path == c3750Image })].Path = "flash:/new.bin"
	return b, b.plan(api.Restore{Delete: []string{"flash:/spare.bin"}}, "flash:/new.bin")
}

// TestRoomAfterDeletion copies an image into the space of a deleted file, as the
// device lists it after the deletion.
func TestRoomAfterDeletion(t *testing.T) {
	testlevel.NeedFull(t, "TestFits")
	t.Parallel()
	b, p := tight(t)
	wantResult(t, b.apply(p), api.StatusOK, "")
	wantOrder(t, b.sw.Commands(), "delete flash:/spare.bin", "dir /recursive flash:")
	if _, there := b.sw.File("flash:/new.bin"); !there {
		t.Error("it is not there")
	}
}

// TestNoRoomAfterDeletion has the device fill its flash while a file is deleted:
// the copy for which there is no room is not begun.
func TestNoRoomAfterDeletion(t *testing.T) {
	testlevel.NeedFull(t, "TestFits")
	t.Parallel()
	b, p := tight(t)
	var once sync.Once
	b.onEvent = func(e api.Event) {
		if e.Step == api.StepChange && strings.HasPrefix(e.File, "delete") {
			once.Do(func() { b.write("flash:/crashinfo", strings.Repeat("crash", 20_000)) })
		}
	}
	r := b.apply(p)
	wantResult(t, r, api.StatusFailed, cause.DeviceNoSpace)
	if !strings.Contains(r.Message, "after the deletion") || slices.ContainsFunc(b.sw.Commands(), func(c string) bool { return strings.HasPrefix(c, "copy tftp") }) {
		t.Errorf("message %q, typed %q", r.Message, b.changes())
	}
}

// TestNoRoomAfterACopy has the device fill its flash while a file is deleted, so that
// only the first of two files fits: the copy of the second one is not begun.
func TestNoRoomAfterACopy(t *testing.T) {
	testlevel.NeedFull(t, "TestFits")
	t.Parallel()
	b := newBenchOf(t, "c3750", iossim.Options{FlashSize: 750_000}, api.PolicyRebuild)
	const notes = 60_000
	b.write("flash:/spare.bin", strings.Repeat("spare", 50_000))
	b.write("flash:/notes", strings.Repeat("n", notes))
	results := b.node.Runner().All(t.Context(), []api.Device{b.device}, backup.Options{Policy: api.PolicyAll})
	b.read(results[0].Snapshot)
	b.remove("flash:/notes")
	b.snapshot.Files[slices.IndexFunc(b.snapshot.Files, func(f api.File) bool { return f.Path == c3750Image })].Path = "flash:/new.bin"
	p := b.plan(api.Restore{Delete: []string{"flash:/spare.bin"}}, "flash:/new.bin", "flash:/notes")
	var once sync.Once
	b.onEvent = func(e api.Event) {
		if e.Step == api.StepChange && strings.HasPrefix(e.File, "delete") {
			once.Do(func() { b.write("flash:/crashinfo", strings.Repeat("c", int(p.Space[0].After)+notes/2)) })
		}
	}
	r := b.apply(p)
	wantResult(t, r, api.StatusIncomplete, cause.DeviceNoSpace)
	copies := slices.DeleteFunc(b.changes(), func(c string) bool { return !strings.HasPrefix(c, "copy tftp") })
	if !strings.Contains(r.Message, "after the deletion, and flash:/notes needs 60000") || len(copies) != 1 {
		t.Errorf("message %q, typed %q", r.Message, copies)
	}
}

// TestReadOnly refuses to write to a file system that `show file systems` shows as
// read-only, before anything is typed.
func TestReadOnly(t *testing.T) {
	testlevel.NeedFull(t, "TestReadOnlySystems")
	t.Parallel()
	b := newBenchOf(t, "isr2900", iossim.Options{}, api.PolicyRebuild)
	b.start("isr2900", iossim.Options{ReadOnly: "flash0:"})
	for i, f := range b.snapshot.Files {
		if f.Kind == api.KindImage {
			b.snapshot.Files[i].Path = "flash0:/new.bin"
		}
	}
	before := b.digests()
	r := b.restore(api.Restore{SetBoot: true}, "new.bin")
	wantResult(t, r, api.StatusFailed, cause.Cancelled)
	if !r.Refused || !strings.Contains(r.Message, "flash0: of sw1 is read-only") {
		t.Errorf("refused: %t, message %q, hint %q", r.Refused, r.Message, r.Hint)
	}
	b.wantUnchanged(before)
}

// TestPairWithDifferentBootLines has a pair whose second chassis boots another image,
// as after a change that did not reach it. Where it alone has that image, saving the
// boot lines of the first one would strand it, and is refused. Otherwise both start
// an image, whatever becomes of new boot lines.
func TestPairWithDifferentBootLines(t *testing.T) {
	testlevel.NeedFull(t, "TestSavingStrands")
	const image = "sup-bootdisk:s72033-ipservicesk9_wan-mz.122-33.SXJ10"
	first := newBench(t, "c6500-vss", api.PolicyRebuild)
	run := func(faults iossim.Faults, status, words string, lost ...string) func(t *testing.T) {
		return func(t *testing.T) {
			b := first.anotherOf(t, "c6500-vss", iossim.Options{OtherBoots: []string{"sup-bootdisk:own.bin"}, Faults: faults})
			b.write("slavesup-bootdisk:/own.bin", string(fileOn(b, image)))
			for _, file := range lost {
				b.remove(file)
			}
			for i, f := range b.snapshot.Files {
				if f.Kind == api.KindImage {
					b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
				}
			}
			r := b.restore(api.Restore{SetBoot: true}, "new.bin")
			if r.Status != status || !strings.Contains(r.Message, words) || r.Refused && len(b.changes()) > 0 {
				t.Errorf("%s: %s; typed %q", r.Status, r.Message, b.changes())
			}
			if !r.Refused { // else the next start has the lines count for both
				b.sw.PowerCycle()
			}
			if b.sw.InLoader() || !b.sw.Bootable() {
				t.Errorf("one of them starts no image; typed %q", b.changes())
			}
		}
	}
	refuses := func(start string) iossim.Faults {
		return iossim.Faults{RefuseLine: func(l string) bool { return strings.HasPrefix(l, start) }}
	}
	cases(t, map[string]func(*testing.T){
		"it would be stranded":      run(iossim.Faults{}, api.StatusFailed, "standby boots sup-bootdisk:own.bin next", "slave"+image),
		"it works":                  run(iossim.Faults{}, api.StatusOK, ""),
		"a removal is refused":      run(refuses("no boot system"), api.StatusIncomplete, "could not be put back"),
		"the first line is refused": run(refuses("boot system"), api.StatusIncomplete, "could not be put back"),
		"nvram: is busy":            run(iossim.Faults{BusyNVRAM: 1}, api.StatusIncomplete, "could not be put back"),
	})
}

// TestLostWhileSaving loses the session, or the power, at write memory: before it
// works, or after. The result is that of the configurations that are read again.
func TestLostWhileSaving(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	all := make(map[string]func(*testing.T))
	for _, profile := range []string{"isr4300", "c3750-stack", "c4500-redundant"} {
		first := newBench(t, profile, api.PolicyImage)
		for name, c := range map[string]struct{ after, power bool }{"before": {false, false}, "after": {true, false}, "the power, before": {false, true}, "the power, after": {true, true}} {
			all[profile+" "+name] = func(t *testing.T) {
				var once sync.Once
				b := first.another(t, profile, iossim.Faults{CutPower: c.power, Break: func(command string) (broken, after bool) {
					if command == "write memory" {
						once.Do(func() { broken = true })
					}
					return broken, c.after
				}})
				for i, f := range b.snapshot.Files {
					if f.Kind == api.KindImage {
						b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
					}
				}
				next, lines := b.sw.BootNext(), bootLines(b)
				r := b.restore(api.Restore{SetBoot: true}, "new.bin")
				wantResult(t, r, api.StatusIncomplete, cause.SessionLost)
				if !strings.Contains(r.Message, "the boot lines are as they were") || !slices.Equal(b.sw.BootNext(), next) || bootLines(b) != lines || !b.sw.Bootable() {
					t.Errorf("%s; it boots %q next; %s", r.Message, b.sw.BootNext(), bootLines(b))
				}
			}
		}
	}
	cases(t, all)
}

// TestLostWhileSavingTwice also loses the session that would put the former boot lines
// back, before it saves them: the result says which lines are saved.
func TestLostWhileSavingTwice(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	lost := func(profile string) func(t *testing.T) {
		return func(t *testing.T) {
			var saves atomic.Int32
			b := newBench(t, profile, api.PolicyImage)
			b.sw.Arm(iossim.Faults{Break: func(command string) (broken, after bool) {
				return command == "write memory", command == "write memory" && saves.Add(1) == 1
			}})
			for i, f := range b.snapshot.Files {
				if f.Kind == api.KindImage {
					b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
				}
			}
			r := b.restore(api.Restore{SetBoot: true}, "new.bin")
			wantResult(t, r, api.StatusIncomplete, cause.SessionLost)
			_, told, _ := strings.Cut(r.Message, "could not be put back (now the running-config has ")
			if _, saved, _ := strings.Cut(told, "the startup-config has "); !strings.Contains(saved, "new.bin") || !b.sw.Bootable() {
				t.Errorf("%s; it boots %q next; %s", r.Message, b.sw.BootNext(), bootLines(b))
			}
		}
	}
	cases(t, map[string]func(*testing.T){"a list": lost("isr4300"), "one setting": lost("c3750")})
}

// bootLines is the boot lines of the startup-config.
func bootLines(b *bench) string {
	lines := strings.Split(b.text("nvram:startup-config"), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return !strings.HasPrefix(l, "boot system ") }), "\n")
}
