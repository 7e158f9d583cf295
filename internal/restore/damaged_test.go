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

// TestDamagedImageIsNotBooted has a snapshot of an image that is damaged by its own
// checksums. The vault has it as the device had it, but no device starts from it.
func TestDamagedImageIsNotBooted(t *testing.T) {
	testlevel.NeedFull(t, "TestDamagedImages")
	t.Parallel()
	first := newBenchOf(t, "c3750", iossim.Options{Faults: iossim.Faults{DamagedImages: true}}, api.PolicyRebuild)
	image := base(first.snapshot.Facts.Image)
	run := func(o api.Restore, prepare func(b *bench), files ...string) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c3750", iossim.Faults{DamagedImages: true})
			prepare(b)
			before := b.digests()
			r := b.restore(o, files...)
			wantResult(t, r, api.StatusFailed, cause.UnsafeBoot)
			if !r.Refused || !strings.Contains(r.Message, image+", which") || !strings.Contains(r.Message, "damaged") {
				t.Errorf("refused %t: %s", r.Refused, r.Message)
			}
			b.wantUnchanged(before)
		}
	}
	lost := func(b *bench) { b.remove(b.snapshot.Facts.Image) }
	cases(t, map[string]func(*testing.T){
		"boot lines":                 run(api.Restore{SetBoot: true}, lost, image),
		"a restart from it":          run(api.Restore{Reload: true}, lost, image),
		"a restart, and it is there": run(api.Restore{Reload: true}, func(b *bench) { b.remove("flash:vlan.dat") }, "vlan.dat"),
		"without either": func(t *testing.T) {
			b := first.another(t, "c3750", iossim.Faults{})
			lost(b)
			wantResult(t, b.restore(api.Restore{}, image), api.StatusOK, "")
		},
	})
}

// TestShortImageIsNotBooted has an image in flash of which a part is missing, as after a copy
// by hand that broke off, on the switch that answers or on another member: no loader
// starts it.
func TestShortImageIsNotBooted(t *testing.T) {
	testlevel.NeedFull(t, "TestShortStart")
	t.Parallel()
	first := newBench(t, "c3750-stack", api.PolicyRebuild)
	image := first.snapshot.Facts.Image
	short := func(fs string) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c3750-stack", iossim.Faults{})
			file := fs + image[strings.IndexByte(image, ':')+1:]
			b.write(file, string(fileOn(b, file))[:1000])
			b.lose("flash:/vlan.dat")
			before := b.digests()
			r := b.restore(api.Restore{Reload: true}, "flash:/vlan.dat")
			wantResult(t, r, api.StatusFailed, cause.UnsafeBoot)
			if !r.Refused || !strings.Contains(r.Message, "which has 1000 bytes") || b.sw.Bootable() {
				t.Errorf("refused %t, bootable %t: %s", r.Refused, b.sw.Bootable(), r.Message)
			}
			b.wantUnchanged(before)
		}
	}
	cases(t, map[string]func(*testing.T){"its own": short("flash:"), "of a member": short("flash2:")})
}

// TestStartupWithoutBootLines restores a startup-config without boot lines onto a
// device whose image is not in its default flash. Its loader would search there.
func TestStartupWithoutBootLines(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	run := func(profile string, o api.Restore, c cause.Cause, words string, files ...string) func(*testing.T) {
		return func(t *testing.T) {
			first := newBenchOf(t, profile, iossim.Options{Boots: []string{}}, api.PolicyRebuild)
			b := first.another(t, profile, iossim.Faults{})
			b.node.Runner().Backup(t.Context(), b.device, backup.Options{})
			if len(files) > 1 {
				b.snapshot.Files = slices.Clone(b.snapshot.Files)
				for i, f := range b.snapshot.Files {
					if base(f.Path) == files[1] {
						b.snapshot.Files[i].Path = flashOf(f.Path) + "/new"
					}
				}
				files[1] = "new"
			}
			o.Replace = true
			before := b.digests()
			r := b.restore(o, files...)
			if c == "" {
				wantResult(t, r, api.StatusOK, c)
			} else if wantResult(t, r, api.StatusFailed, c); !r.Refused || !strings.Contains(r.Message, words) {
				t.Errorf("refused %t: %s; want %q", r.Refused, r.Message, words)
			} else {
				b.wantUnchanged(before)
			}
			for range 2 {
				b.sw.PowerCycle()
			}
			if !b.sw.Bootable() || b.sw.InLoader() {
				t.Errorf("it stays in its loader; result %s", r.Message)
			}
		}
	}
	const image = "s72033-ipservicesk9_wan-mz.122-33.SXJ10"
	cases(t, map[string]func(*testing.T){
		"the image is on another disk": run("c6500-vss", api.Restore{}, cause.UnsafeBoot, "has no boot line, and the default flash of active has no image: it boots sup-bootdisk:"+image, "startup-config"),
		"and on a hard disk":           run("asr1000", api.Restore{}, cause.UnsafeBoot, "has no boot line", "startup-config"),
		"it would undo the boot lines": run("c6500-vss", api.Restore{SetBoot: true}, cause.Cancelled, "startup-config of the snapshot has no boot line, and not sup-bootdisk:new", "startup-config", image),
		"the loader finds the image":   run("isr2900", api.Restore{}, "", "", "startup-config"),
		"BOOT of a Catalyst stays":     run("c3750", api.Restore{}, "", "", "startup-config"),
		"and with IOS-XE, on a card":   run("ie3400", api.Restore{}, "", "", "startup-config"),
	})
}

// TestStartupOfADoubtfulImage restores a startup-config that boots an image which is cut
// short, or damaged by its own checksums. It is refused if the device starts a good one now.
func TestStartupOfADoubtfulImage(t *testing.T) {
	testlevel.NeedFull(t, "TestDoubts")
	t.Parallel()
	const old = "flash:/old.bin"
	run := func(o iossim.Options, boots []string, words string, prepare func(b *bench, image string)) func(*testing.T) {
		return func(t *testing.T) {
			b := newBenchOf(t, "c3750", o, api.PolicyRebuild)
			image := b.snapshot.Facts.Image
			o.Boots = boots
			b.start("c3750", o)
			b.write(old, string(fileOn(b, image)))
			prepare(b, image)
			b.lose("nvram:startup-config")
			before := b.digests()
			r := b.restore(api.Restore{}, "startup-config")
			if words == "" {
				wantResult(t, r, api.StatusOK, "")
				return
			}
			wantResult(t, r, api.StatusFailed, cause.UnsafeBoot)
			if !r.Refused || !strings.Contains(r.Message, words) {
				t.Errorf("refused %t: %s", r.Refused, r.Message)
			}
			b.wantUnchanged(before)
		}
	}
	short := func(b *bench, image string) { b.write(image, string(fileOn(b, image))[:1000]) }
	cases(t, map[string]func(*testing.T){
		"cut short":                 run(iossim.Options{}, []string{old}, "which has 1000 bytes", short),
		"cut short, and it is so":   run(iossim.Options{}, []string{"flash:/gone.bin"}, "", short),
		"damaged":                   run(iossim.Options{Faults: iossim.Faults{DamagedImages: true}}, []string{old}, "damaged", func(*bench, string) {}),
		"another one is named, too": run(iossim.Options{}, []string{old}, "", func(*bench, string) {}),
	})
}
