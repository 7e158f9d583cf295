package restore_test

import (
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// saveLines writes a startup-config with these boot lines and no other, like somebody who
// copies it there.
func (b *bench) saveLines(lines ...string) {
	b.t.Helper()
	var text strings.Builder
	for _, l := range lines {
		text.WriteString("boot system " + l + "\n")
	}
	startup := withoutBoot(b.text("nvram:startup-config"))
	b.write("nvram:startup-config", strings.Replace(startup, "\nhostname ", "\n"+text.String()+"hostname ", 1))
}

// imageOf is the image that the snapshot's device ran, with the name that its files have.
func (b *bench) imageOf() string {
	b.t.Helper()
	i := slices.IndexFunc(b.snapshot.Files, func(f api.File) bool { return base(f.Path) == base(b.snapshot.Facts.Image) })
	if i < 0 {
		b.t.Fatalf("no %s in the snapshot", b.snapshot.Facts.Image)
	}
	return b.snapshot.Files[i].Path
}

// TestBootsWhatIsSaved asks for boot lines where show boot already names the image first, and
// the startup-config does not: after a power failure it decides. Whatever the plan types, the
// device has the image first in both, and a second restore has nothing to do.
func TestBootsWhatIsSaved(t *testing.T) {
	testlevel.NeedFull(t, "TestSavedBoots")
	t.Parallel()
	run := func(profile, note string, change func(b *bench)) func(*testing.T) {
		return func(t *testing.T) {
			b := newBench(t, profile, api.PolicyRebuild)
			change(b)
			p := b.plan(api.Restore{SetBoot: true}, b.imageOf())
			if !slices.Contains(p.Commands, "write memory") || note != "" && !strings.Contains(strings.Join(p.Notes, "\n"), note) {
				t.Fatalf("the plan types %q, notes %q, refusals %+v", p.Commands, p.Notes, p.Refusals)
			}
			wantResult(t, b.apply(p), api.StatusOK, "")
			for range 2 {
				if next := b.sw.BootNext(); len(next) == 0 || base(next[0]) != base(b.imageOf()) || !b.sw.Bootable() {
					t.Errorf("it boots %q next; it saved %q", next, bootLines(b))
				}
				b.sw.PowerCycle()
			}
			if again := b.plan(api.Restore{SetBoot: true}, b.imageOf()); len(again.Commands) > 0 || len(again.Refusals) > 0 {
				t.Errorf("once more it would type %q; %+v", again.Commands, again.Refusals)
			}
		}
	}
	const gone = "it has `boot system flash:/gone.bin`"
	cases(t, map[string]func(*testing.T){
		"a router":                         run("isr4300", "`boot system bootflash:gone.bin`", func(b *bench) { b.saveLines("bootflash:gone.bin") }),
		"a chassis":                        run("c4500-redundant", "", func(b *bench) { b.saveLines("flash bootflash:gone.bin") }),
		"one setting":                      run("c3750", gone, func(b *bench) { b.saveLines("flash:/gone.bin") }),
		"a Catalyst XE":                    run("c9300-stack", "", func(b *bench) { b.saveLines("switch all flash:gone.conf") }),
		"a router without a line":          run("isr4300", "it has no boot line", func(b *bench) { b.saveLines() }),
		"a router without a configuration": run("isr4300", "", func(b *bench) { b.lose("nvram:startup-config") }),
		"another image that is there": run("isr4300", "", func(b *bench) {
			b.write("bootflash:/old.bin", "\x7fELF and an older image")
			b.saveLines("bootflash:old.bin")
		}),
		"a line that is right and not saved": run("isr4300", "", func(b *bench) {
			b.start("isr4300", iossim.Options{Boots: []string{"bootflash:gone.bin"}})
			if err := b.sw.EditRunningConfig("boot system bootflash:gone.bin", "boot system "+b.snapshot.Facts.Image); err != nil {
				b.t.Fatal(err)
			}
		}),
	})
}

// TestSavedIsInUse deletes and replaces no file that the startup-config boots, also if show
// boot names another one.
func TestSavedIsInUse(t *testing.T) {
	testlevel.NeedFull(t, "TestSavedBoots")
	t.Parallel()
	b := newBench(t, "isr4300", api.PolicyRebuild)
	b.write("bootflash:/old.bin", "\x7fELF and an older image")
	b.saveLines("bootflash:old.bin")
	if r := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll}); r.Snapshot == "" {
		t.Fatal(r.Message)
	}
	r := b.restore(api.Restore{Delete: []string{"bootflash:/old.bin"}})
	wantResult(t, r, api.StatusFailed, cause.Cancelled)
	if !r.Refused || !strings.Contains(r.Message, "the device boots it by the startup-config") {
		t.Errorf("refused %t: %s", r.Refused, r.Message)
	}
}

// TestPrivateKeys restores the private keys of a stack together with boot lines: write memory
// writes such a file on every member before its copy. Other keys than those of the snapshot are
// in the vault.
func TestPrivateKeys(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "c3750-stack", api.PolicyRebuild)
	run := func(prepare func(b *bench), words string) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c3750-stack", iossim.Faults{})
			prepare(b)
			for i, f := range b.snapshot.Files {
				if f.Kind == api.KindImage {
					b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
				}
			}
			r := b.restore(api.Restore{SetBoot: true, Replace: true}, "new.bin", "private-config.text")
			if words != "" {
				if !r.Refused || !strings.Contains(r.Message, words) {
					t.Errorf("refused %t: %s", r.Refused, r.Message)
				}
				return
			}
			wantResult(t, r, api.StatusOK, "")
			b.wantFiles(func(f api.File) bool { return base(f.Path) == "private-config.text" })
		}
	}
	others := func(b *bench) {
		b.write("flash:/private-config.text", "other keys")
		b.write("flash2:/private-config.text", "other keys")
	}
	cases(t, map[string]func(*testing.T){
		"none are there": run(func(b *bench) { b.lose("flash:/private-config.text"); b.lose("flash2:/private-config.text") }, ""),
		"others are there": run(func(b *bench) {
			others(b)
			b.node.Runner().Backup(b.t.Context(), b.device, backup.Options{Policy: api.PolicyAll})
		}, ""),
		"others, which the vault does not hold": run(others, "the vault does not hold the content of flash:/private-config.text"),
	})
}

// TestSavedIsProved has somebody copy another startup-config to the device right after the boot
// lines were saved. show boot of a Catalyst with one setting does not show that, so that the
// startup-config is read again.
func TestSavedIsProved(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	for i, f := range b.snapshot.Files {
		if f.Kind == api.KindImage {
			b.snapshot.Files[i].Path = "flash:/new.bin"
		}
	}
	var saved, copied bool
	b.sw.Arm(iossim.Faults{Ask: func(command string) string {
		saved = saved || command == "write memory"
		if saved && !copied && strings.HasPrefix(command, "show boot") {
			copied = true
			b.saveLines("flash:/gone.bin")
		}
		return ""
	}})
	next := b.sw.BootNext()
	r := b.restore(api.Restore{SetBoot: true}, "new.bin")
	wantResult(t, r, api.StatusIncomplete, cause.CommandRejected)
	if !strings.Contains(r.Message, "the startup-config boots `boot system flash:/gone.bin`") || !slices.Equal(b.sw.BootNext(), next) || strings.Contains(bootLines(b), "gone") {
		t.Errorf("%s; it boots %q next, and saved %q", r.Message, b.sw.BootNext(), bootLines(b))
	}
}

// TestOtherStartupConfig restores a file that only has the name of a startup-config, such as
// "copy startup-config flash:" leaves: the device does not read it when it starts.
func TestOtherStartupConfig(t *testing.T) {
	testlevel.NeedFull(t, "TestReadAtStart")
	t.Parallel()
	first := newBench(t, "isr4300", api.PolicyRebuild)
	for i, f := range first.snapshot.Files {
		if base(f.Path) == "startup-config" {
			first.snapshot.Files[i].Path = "bootflash:/startup-config"
		}
	}
	cases(t, map[string]func(*testing.T){
		"the startup-config boots another file": func(t *testing.T) {
			b := first.another(t, "isr4300", iossim.Faults{})
			b.saveLines("bootflash:gone.bin")
			p := b.plan(api.Restore{SetBoot: true}, b.imageOf(), "startup-config")
			if !slices.Contains(p.Commands, "write memory") {
				t.Errorf("types %q, refusals %+v", p.Commands, p.Refusals)
			}
		},
		"there is none": func(t *testing.T) {
			b := first.another(t, "isr4300", iossim.Faults{})
			b.lose("nvram:startup-config")
			r := b.restore(api.Restore{Reload: true}, "startup-config")
			wantResult(t, r, api.StatusFailed, cause.UnsafeBoot)
			if !r.Refused || !strings.Contains(r.Message, "no startup-config") {
				t.Errorf("refused %t: %s", r.Refused, r.Message)
			}
		},
	})
}

// TestDamagedKeys damages private keys on their way, after write memory has written those in
// use: the device is not left without keys.
func TestDamagedKeys(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	for i, f := range b.snapshot.Files {
		if f.Kind == api.KindImage {
			b.snapshot.Files[i].Path = "flash:/new.bin"
		}
	}
	b.write("flash:/private-config.text", "other keys")
	b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll})
	b.onEvent = func(e api.Event) {
		if e.Step == api.StepChange && e.File == "write memory" {
			b.sw.Arm(iossim.Faults{FlipBit: 1})
		}
	}
	r := b.restore(api.Restore{SetBoot: true, Replace: true}, "new.bin", "private-config.text")
	if _, there := b.sw.File("flash:/private-config.text"); !there {
		t.Errorf("no keys are left: %s", r.Message)
	}
	wantResult(t, r, api.StatusOK, "")
	b.wantFiles(func(f api.File) bool { return base(f.Path) == "private-config.text" })
}

// TestConfigInFlash restores config.text of a Catalyst under that name, with boot lines: write
// memory writes it before its copy.
func TestConfigInFlash(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	o := iossim.Options{Boots: []string{}}
	b := newBenchOf(t, "c3750", o, api.PolicyRebuild)
	for i, f := range b.snapshot.Files {
		if f.Kind == api.KindImage {
			b.snapshot.Files[i].Path = "flash:/new.bin"
		}
	}
	startup := b.text("nvram:startup-config")
	b.lose("flash:/config.text")
	wantResult(t, b.restore(api.Restore{SetBoot: true, To: "flash:"}, "new.bin", "config.text"), api.StatusOK, "")
	if now := b.text("nvram:startup-config"); now != startup {
		t.Errorf("the startup-config is\n%s", now)
	}
}

// TestEqualIsSaved restores a startup-config that is on the device already, together with boot
// lines: write memory replaces it with the running-config, so that it is restored after that.
func TestEqualIsSaved(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	run := func(profile, words string) func(*testing.T) {
		return func(t *testing.T) {
			b := newBenchOf(t, profile, iossim.Options{Boots: []string{}}, api.PolicyRebuild)
			for i, f := range b.snapshot.Files {
				if f.Kind == api.KindImage {
					b.snapshot.Files[i].Path = flashOf(f.Path) + "/new.bin"
				}
			}
			if err := b.sw.EditRunningConfig("\nhostname ", "\n! not saved\nhostname "); err != nil {
				t.Fatal(err)
			}
			startup := b.text("nvram:startup-config")
			config := "startup-config"
			if !slices.ContainsFunc(b.snapshot.Files, func(f api.File) bool { return base(f.Path) == config }) {
				config = "config.text"
			}
			r := b.restore(api.Restore{SetBoot: true}, "new.bin", config)
			if now := b.text("nvram:startup-config"); now != startup {
				t.Errorf("%s %s: the startup-config has changed:\n%s", r.Status, r.Message, now)
			}
			if words != "" && (!r.Refused || !strings.Contains(r.Message, words)) {
				t.Errorf("refused %t: %s", r.Refused, r.Message)
			} else if words == "" {
				wantResult(t, r, api.StatusOK, "")
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"BOOT of a Catalyst stays": run("c3750", ""),
		"a router boots by it":     run("isr2900", "startup-config of the snapshot has no boot line"),
	})
}
