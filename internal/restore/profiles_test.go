package restore_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/iossim"
	"flashwarden/internal/restore"
	"flashwarden/internal/testlevel"
)

// cannotBoot says why the image of a profile cannot be made the next to boot
// from its own snapshot. What the snapshot holds is restored all the same.
var cannotBoot = map[string]string{
	"c1000-tftpboot": "it started over the network and keeps no image",
	"c2500":          "it runs from its flash, which cannot be written meanwhile, and shows no boot settings",
	"c2600":          "its running image is in no flash, so that the snapshot does not hold it",
}

// TestEveryProfile restores each simulated switch's own snapshot onto its
// wiped flash: the files are there again, what boots next is what ran, and
// after a reload it runs. At the level quick one does, which starts from the network.
func TestEveryProfile(t *testing.T) {
	t.Parallel()
	all := iossim.Profiles()
	profiles := testlevel.Of([]string{"c1000-tftpboot"}, all, all)
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, profile := range profiles { // they wait more than they work
		wg.Go(func() {
			t.Run(profile, func(t *testing.T) {
				o := iossim.Options{InsecureMode: true} // else c9300-secure would send no file
				if profile == "c3750" {                 // one image has the size of a real one
					o.LargestImage = testlevel.Of[int64](imageSize, 20_000_000, 20_000_000)
				}
				if profile == "c2960x-stack" { // else it is not started again
					o.Texts = map[string]string{"show_switch": readyStack}
				}
				b := newBenchOf(t, profile, o, api.PolicyRebuild)
				b.wipe()
				before := len(b.sw.Commands())
				defer func() {
					typed := strings.Join(b.sw.Commands()[before:], "\n")
					t.Logf("the dialogue:\n%s", typed)
					if strings.Contains(typed, "show boot\nshow boot\n") || strings.Contains(typed, "show bootvar\nshow boot\n") {
						t.Error("it reads the boot settings twice")
					}
				}()
				if why, cannot := cannotBoot[profile]; cannot {
					t.Logf("not made to boot: %s", why)
					files := slices.DeleteFunc(slices.Clone(b.snapshot.Files), func(f api.File) bool { return f.SHA256 == "" || f.Path == api.RunningConfigPath })
					var names []string
					for _, f := range files {
						names = append(names, f.Path)
					}
					wantResult(t, b.restore(api.Restore{}, names...), api.StatusOK, "")
					b.wantFiles(func(api.File) bool { return true })
					return
				}
				r := b.restore(api.Restore{SetBoot: true, Reload: true})
				wantResult(t, r, api.StatusOK, "")
				b.wantFiles(func(f api.File) bool { return !strings.HasPrefix(f.Path, "nvram:") && base(f.Path) != "env_vars" })
				for _, file := range b.sw.Files() {
					if base(file) == "env_vars" {
						t.Errorf("%s was restored, and nobody named it", file)
					}
				}
				sel, err := restore.Select(b.snapshot, nil)
				if err != nil {
					t.Fatal(err)
				}
				image, err := sel.Bootable()
				if err != nil {
					t.Fatal(err)
				}
				next := b.sw.BootNext()
				if len(next) == 0 || base(next[0]) != base(image.Path) {
					t.Errorf("it boots %q next, want %s", next, image.Path)
				}
				version := b.snapshot.Facts.Version
				if profile == "c3850-tftpboot" { // it ran another one than it has
					version = "16.06.09"
				}
				if base(r.Facts.Image) != base(image.Path) || r.Facts.Version != version {
					t.Errorf("after the reload it runs %s from %s", r.Facts.Version, r.Facts.Image)
				}
				again := b.restore(api.Restore{SetBoot: true}, image.Path)
				wantResult(t, again, api.StatusOK, "")
				if len(again.Plan.Commands) != 0 {
					t.Errorf("once more it would type %q", again.Plan.Commands)
				}
			})
		})
	}
}

// TestNamedFilesComeBack restores files by their names: those that the
// configuration names (a certificate in nvram:, a file on a stick that a backup does
// not list otherwise), and files of one name in two partitions.
func TestNamedFilesComeBack(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	back := func(profile string, files ...string) func(t *testing.T) {
		return func(t *testing.T) {
			b := newBench(t, profile, api.PolicyAll)
			for _, f := range files {
				b.remove(f)
			}
			wantResult(t, b.restore(api.Restore{}, files...), api.StatusOK, "")
			b.wantFiles(func(f api.File) bool { return slices.Contains(files, f.Path) })
		}
	}
	cases(t, map[string]func(*testing.T){
		"isr2800": back("isr2800", "nvram:IOS-Self-Sig#1.cer", "usbflash0:/fw/phone2.sbn", "flash:/watch.tcl"),
		"c2950":   back("c2950", "flash:/env_vars"),
		"c3640":   back("c3640-partitions", "flash:1:site-notes", "flash:2:site-notes"),
		"asr1000": back("asr1000", "nvram:IOS-Self-Sig#2.cer"),
	})
}

// base is the name of a file, without directories and file system.
func base(p string) string { return p[strings.LastIndexAny(p, "/:")+1:] }
