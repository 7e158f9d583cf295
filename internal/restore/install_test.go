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

// TestInstallAdd restores a .bin onto a device in install mode: it is
// expanded, not booted itself, and only with --reload.
func TestInstallAdd(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	const bin = "flash:/cat9k_iosxe.17.09.04a.SPA.bin"
	b := newBench(t, "c9300", api.PolicyImage)
	b.write(bin, strings.Repeat("packages in one file ", 1000))
	all := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll})
	if all.Snapshot == "" {
		t.Fatal(all.Message)
	}
	b.read(all.Snapshot)
	b.remove(bin)
	before := b.digests()
	r := b.restore(api.Restore{SetBoot: true}, bin)
	wantResult(t, r, api.StatusFailed, cause.Cancelled)
	if !r.Refused || !strings.Contains(r.Message, "install add file") {
		t.Errorf("refused %v: %s", r.Refused, r.Message)
	}
	b.wantUnchanged(before)
	r = b.restore(api.Restore{SetBoot: true, Reload: true}, bin)
	wantResult(t, r, api.StatusOK, "")
	typed := b.changes()
	if last := typed[len(typed)-1]; last != "install add file flash:cat9k_iosxe.17.09.04a.SPA.bin activate commit" || slices.Contains(typed, "reload") {
		t.Errorf("typed %q", typed)
	}
	if base(r.Facts.Image) != "packages.conf" {
		t.Errorf("it runs %s", r.Facts.Image)
	}
}

// TestRunningPackagesStay wants neither the provisioning file nor a package of
// what runs replaced or deleted, whatever the name of that file.
func TestRunningPackagesStay(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	patches := map[string][]string{"c9300-smu": {"flash:/cat9k_iosxe.17.09.04a.CSCsim00001.SPA.smu.bin", "flash:/cat9k_iosxe.17.09.04a.CSCsim00002.SPA.smu.bin"}}
	for profile, names := range map[string][2]string{
		"c9300":     {"flash:/packages.conf", "flash:/cat9k-wlc.17.09.04a.SPA.pkg"},
		"c9300-smu": {"flash:/cat9k_iosxe.17.09.04a.SPA.conf", "flash:/cat9k-rpbase.17.09.04a.SPA.pkg"},
	} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			pointer, pkg := names[0], names[1]
			b := newBench(t, profile, api.PolicyImage)
			for _, o := range []api.Restore{{Delete: []string{pkg}}, {Delete: []string{pointer}}} {
				r := b.restore(o, pkg)
				wantResult(t, r, api.StatusFailed, cause.Cancelled)
				if !strings.Contains(r.Message, "the device runs it") {
					t.Errorf("message %q", r.Message)
				}
			}
			b.write(pkg, "damaged")
			r := b.restore(api.Restore{Replace: true}, pkg)
			wantResult(t, r, api.StatusFailed, cause.Cancelled)
			if !strings.Contains(r.Message, "as a package of "+pointer) {
				t.Errorf("message %q", r.Message)
			}
			for _, patch := range patches[profile] {
				r = b.restore(api.Restore{Delete: []string{patch}})
				wantResult(t, r, api.StatusFailed, cause.Cancelled)
				if !strings.Contains(r.Message, "as a patch") {
					t.Errorf("%s: message %q", patch, r.Message)
				}
			}
			if typed := b.changes(); len(typed) > 0 {
				t.Errorf("typed %q", typed)
			}
		})
	}
}

// TestEveryMember restores one image, and has it on every member of a stack;
// --to takes it to one alone.
func TestEveryMember(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750-stack", api.PolicyImage)
	for i, f := range b.snapshot.Files {
		if f.Path == c3750Image {
			b.snapshot.Files[i].Path = "flash:/new.bin"
		}
	}
	one := b.another(t, "c3750-stack", iossim.Faults{})
	two := b.another(t, "c3750-stack", iossim.Faults{})
	three := b.another(t, "c3750-stack", iossim.Faults{})
	for _, fs := range []string{"flash:", "flash2:"} { // no room for two images
		one.remove(strings.Replace(c3750Image, "flash:", fs, 1))
		two.remove(strings.Replace(c3750Image, "flash:", fs, 1))
	}
	r := one.restore(api.Restore{SetBoot: true}, "new.bin")
	wantResult(t, r, api.StatusOK, "")
	for _, p := range []string{"flash:/new.bin", "flash2:/new.bin"} {
		if _, there := one.sw.File(p); !there {
			t.Errorf("%s is not there", p)
		}
	}
	if !slices.Contains(one.sw.Commands(), "boot system switch all flash:/new.bin") {
		t.Errorf("typed %q", one.changes())
	}
	wantResult(t, two.restore(api.Restore{To: "flash2:"}, "new.bin"), api.StatusOK, "")
	if _, there := two.sw.File("flash:/new.bin"); there {
		t.Error("--to flash2: wrote into flash:")
	}
	r = three.restore(api.Restore{To: "flash2:", SetBoot: true}, "new.bin")
	if r.Status == api.StatusOK || len(three.changes()) > 0 {
		t.Errorf("--to flash2: with --set-boot: %s, typed %q", r.Message, three.changes())
	}
}
