package restore_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/vault"
)

const (
	c3750Dir   = "flash:/c3750-ipservicesk9-mz.150-2.SE8"
	c3750Image = c3750Dir + "/c3750-ipservicesk9-mz.150-2.SE8.bin"
)

// cases run their bodies side by side, because they wait more than they work. The test
// is parallel itself.
func cases(t *testing.T, all map[string]func(t *testing.T)) {
	var wg sync.WaitGroup
	defer wg.Wait()
	for name, body := range all {
		wg.Go(func() { t.Run(name, body) })
	}
}

// TestRefusals wants each of these refused before anything is changed.
func TestRefusals(t *testing.T) {
	t.Parallel()
	old := "flash:/old.bin"
	first := newBench(t, "c3750", api.PolicyRebuild)
	refuses := func(words string, files []string, o api.Restore, prepare func(b *bench)) func(t *testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c3750", iossim.Faults{})
			if prepare != nil {
				prepare(b)
			}
			before := b.digests()
			r := b.restore(o, files...)
			wantResult(t, r, api.StatusFailed, cause.Cancelled)
			if !r.Refused || !strings.Contains(r.Message, words) || r.Hint == "" {
				t.Errorf("refused: %v, message %q, hint %q; want the words %q", r.Refused, r.Message, r.Hint, words)
			}
			b.wantUnchanged(before)
		}
	}
	lost := func(b *bench) { b.remove("flash:/vlan.dat") }
	cases(t, map[string]func(*testing.T){
		"it differs": refuses("with other content", []string{"vlan.dat"}, api.Restore{}, func(b *bench) { b.write("flash:/vlan.dat", "other") }),
		"it differs in the same size": refuses("with other content", []string{"flash:/vlan.dat"}, api.Restore{}, func(b *bench) {
			data, _ := b.sw.File("flash:/vlan.dat")
			b.write("flash:/vlan.dat", strings.Repeat("x", len(data)))
		}),
		"replace what the vault lacks": refuses("the vault does not hold", []string{"vlan.dat"}, api.Restore{Replace: true},
			func(b *bench) { b.write("flash:/vlan.dat", "nowhere else") }),
		"replace what runs": refuses("the device runs it", []string{c3750Image}, api.Restore{Replace: true},
			func(b *bench) { b.write(c3750Image, "another image under its name") }),
		"delete what runs":        refuses("the device runs it", []string{"vlan.dat"}, api.Restore{Delete: []string{c3750Image}}, lost),
		"delete what runs, spelt": refuses("the device runs it", []string{"vlan.dat"}, api.Restore{Delete: []string{strings.Replace(c3750Image, ":/", "://", 1)}}, lost),
		"delete a missing file":   refuses("no such file", []string{"vlan.dat"}, api.Restore{Delete: []string{old}}, lost),
		"delete a directory":      refuses("no such file", []string{"vlan.dat"}, api.Restore{Delete: []string{c3750Dir}}, lost),
		"delete what the vault lacks": refuses("the vault does not hold", []string{"vlan.dat"}, api.Restore{Delete: []string{old}},
			func(b *bench) { lost(b); b.write(old, "nowhere else") }),
		"delete the last image": refuses("the last file that sw1-", []string{"vlan.dat"}, api.Restore{Delete: []string{"flash:/spare.bin"}},
			func(b *bench) {
				image, _ := b.sw.File(c3750Image)
				b.wipe()
				b.write("flash:/spare.bin", string(image))
			}),
		"delete and replace one file": refuses("cannot be both deleted and restored", []string{"vlan.dat"}, api.Restore{Replace: true, Delete: []string{"flash:/vlan.dat"}},
			func(b *bench) { b.write("flash:/vlan.dat", string(fileOn(b, "flash:/config.text"))) }),
		"replace the last image": refuses("the last file that sw1-", []string{"spare.bin"}, api.Restore{Replace: true}, func(b *bench) {
			spareOnly(b, "flash:/spare.bin")
		}),
		"delete one image and replace the other": refuses("the last file that sw1-", []string{"spare.bin"},
			api.Restore{Replace: true, Delete: []string{"flash:/other.bin"}}, func(b *bench) { spareOnly(b, "flash:/spare.bin", "flash:/other.bin") }),
		"a directory is in the way": refuses("is a directory", []string{c3750Dir}, api.Restore{}, func(b *bench) { b.snapshot.Files[1].Path = c3750Dir }),
	})
}

func fileOn(b *bench, path string) []byte {
	b.t.Helper()
	data, there := b.sw.File(path)
	if !there {
		b.t.Fatalf("no file %s", path)
	}
	return data
}

// spareOnly leaves a switch these images alone, with content that the vault
// holds. The snapshot has another image under the name of the first.
func spareOnly(b *bench, images ...string) {
	b.t.Helper()
	held := fileOn(b, "flash:/vlan.dat")
	b.wipe()
	for _, image := range images {
		b.write(image, string(held))
	}
	i := slices.IndexFunc(b.snapshot.Files, func(f api.File) bool { return f.Path == c3750Image })
	b.snapshot.Files[i].Path = images[0]
}

// TestPlanIsWhatIsTyped compares the commands of a dry run with the typed ones.
func TestPlanIsWhatIsTyped(t *testing.T) {
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	b.wipe()
	before := b.digests()
	plan := b.plan(api.Restore{SetBoot: true, Reload: true})
	b.wantUnchanged(before)
	if plan.Bytes < imageSize || len(plan.Space) != 2 || plan.Space[0].After > plan.Space[0].Before-imageSize {
		t.Errorf("plan %+v", plan)
	}
	wantOrder(t, plan.Commands, "mkdir "+c3750Dir, c3750Image, "boot system", "write memory", "show boot", "/TICKET flash:/private-config.text",
		"/TICKET nvram:startup-config", "/TICKET flash:/vlan.dat", "reload")
	wantTyped(t, b, plan)
}

// wantTyped applies a plan, and wants every command of it typed, and no other
// that changes the switch or has it read a file, except the digests that are
// asked again before the first step.
func wantTyped(t *testing.T, b *bench, p api.Plan) {
	t.Helper()
	counts := regexp.MustCompile(changing.String() + `|^(verify|copy) `)
	ticket := regexp.MustCompile(`(tftp://127\.0\.0\.1/)[a-z0-9-]+`)
	before := len(b.sw.Commands())
	wantResult(t, b.apply(p), api.StatusOK, "")
	planned := slices.DeleteFunc(slices.Clone(p.Commands), func(c string) bool { return !counts.MatchString(c) })
	typed := slices.DeleteFunc(b.sw.Commands()[before:], func(c string) bool { return !counts.MatchString(c) })
	for i, c := range typed {
		typed[i] = ticket.ReplaceAllString(c, "${1}TICKET")
	}
	again := max(len(typed)-len(planned), 0)
	asked := slices.DeleteFunc(slices.Clone(typed[:again]), func(c string) bool { return strings.HasPrefix(c, "verify ") })
	if typed = typed[again:]; !slices.Equal(planned, typed) || len(asked) > 0 {
		t.Errorf("planned\n%s\ntyped\n%s", strings.Join(planned, "\n"), strings.Join(typed, "\n"))
	}
}

// wantOrder wants commands that hold these words, one after another.
func wantOrder(t *testing.T, commands []string, words ...string) {
	t.Helper()
	at := 0
	for _, w := range words {
		i := slices.IndexFunc(commands[at:], func(c string) bool { return strings.Contains(c, w) })
		if i < 0 {
			t.Fatalf("no %q after %q in\n%s", w, commands[:at], strings.Join(commands, "\n"))
		}
		at += i
	}
}

// TestBootIsProved has a switch that forgets its boot lines: it is not started
// again.
func TestBootIsProved(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyImage)
	b.snapshot.Files[0].Path = "flash:/new.bin"
	b.start("c2950", iossim.Options{Faults: iossim.Faults{IgnoreBoot: iossim.Always}})
	r := b.restore(api.Restore{SetBoot: true, Reload: true}, "new.bin")
	wantResult(t, r, api.StatusIncomplete, cause.CommandRejected)
	if !strings.Contains(r.Message, "show boot says") || slices.Contains(b.sw.Commands(), "reload") || len(r.Boot) > 0 {
		t.Errorf("message %q, boot %q, typed %q", r.Message, r.Boot, b.changes())
	}
}

// TestBackWithAnother has a switch that comes back with what ran before.
func TestBackWithAnother(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyImage)
	b.snapshot.Files[0].Path = "flash:/new.bin"
	b.start("c2950", iossim.Options{Faults: iossim.Faults{BootOld: 1}})
	r := b.restore(api.Restore{SetBoot: true, Reload: true}, "new.bin")
	wantResult(t, r, api.StatusIncomplete, cause.ImageNotFound)
	if !strings.Contains(r.Message, "but should run") || !strings.Contains(r.Message, "flash:/new.bin is restored") {
		t.Errorf("message %q", r.Message)
	}
}

// TestDeletesOnlyWhatWasNamed makes room by two files, one by one.
func TestDeletesOnlyWhatWasNamed(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyAll)
	b.write("flash:/a.bin", "spare a")
	b.write("flash:/b.bin", "spare b")
	b.write("flash:/c.bin", "spare c")
	all := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll})
	if all.Status != api.StatusOK {
		t.Fatal(all.Message)
	}
	b.remove("flash:/vlan.dat")
	before := b.digests()
	r := b.restore(api.Restore{Delete: []string{"flash:a.bin", "flash:/c.bin", "flash:/a.bin"}}, "vlan.dat")
	wantResult(t, r, api.StatusOK, "")
	after := b.digests()
	for p, sum := range before {
		if gone := p == "flash:/a.bin" || p == "flash:/c.bin"; gone == (after[p] == sum) {
			t.Errorf("%s: there before %s, after %q", p, sum, after[p])
		}
	}
	b.wantFiles(func(api.File) bool { return true })
}

// TestDeleteAlone deletes a file, and restores nothing of the snapshot, although
// other files are missing.
func TestDeleteAlone(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyAll)
	b.write("flash:/old.bin", "spare")
	all := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll})
	if all.Status != api.StatusOK {
		t.Fatal(all.Message)
	}
	b.remove("flash:/vlan.dat")
	r := b.restore(api.Restore{Delete: []string{"flash:/old.bin"}})
	wantResult(t, r, api.StatusOK, "")
	if _, there := b.sw.File("flash:/old.bin"); there {
		t.Error("the file is still there")
	}
	if typed := b.changes(); !slices.Equal(typed, []string{"delete flash:/old.bin"}) {
		t.Errorf("typed %q", typed)
	}
	if !strings.Contains(strings.Join(r.Notes, "\n"), "no file is restored") {
		t.Errorf("notes %q", r.Notes)
	}
}

// TestDamagedBlob wants nothing deleted for, and nothing served from, a blob
// that is not what its name says.
func TestDamagedBlob(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyRebuild)
	b.write("flash:/spare.bin", "spare")
	newer := "! newer\n" + b.text("nvram:startup-config")
	b.write("nvram:startup-config", newer)
	all := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll})
	if all.Status != api.StatusOK {
		t.Fatal(all.Message)
	}
	damage := func(path string) {
		i := slices.IndexFunc(all.Files, func(f api.File) bool { return f.Path == path })
		sum := all.Files[i].SHA256
		blob := filepath.Join(b.data, "vault", vault.BlobKey(sum))
		if err := errors.Join(os.Chmod(blob, 0o600), os.WriteFile(blob, []byte(strings.Repeat("x", int(all.Files[i].Size))), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	b.remove("flash:/vlan.dat")
	damage("flash:/spare.bin")
	wantResult(t, b.restore(api.Restore{Delete: []string{"flash:/spare.bin"}}, "vlan.dat"), api.StatusFailed, cause.VaultError)
	if _, there := b.sw.File("flash:/spare.bin"); !there {
		t.Error("deleted what the vault does not hold whole")
	}
	damage("flash:/vlan.dat")
	wantResult(t, b.restore(api.Restore{}, "vlan.dat"), api.StatusFailed, cause.VaultError)
	if _, there := b.sw.File("flash:/vlan.dat"); there || len(b.changes()) > 0 {
		t.Errorf("served a damaged blob; typed %q", b.changes())
	}
	damage("flash:/config.text")
	wantResult(t, b.restore(api.Restore{Replace: true}, "config.text"), api.StatusFailed, cause.VaultError)
	if b.text("nvram:startup-config") != newer || len(b.changes()) > 0 {
		t.Errorf("overwrote what the vault does not hold whole; typed %q", b.changes())
	}
}

// TestShortOfSpace lists what could go, and nothing that is in use.
func TestShortOfSpace(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBenchOf(t, "c3750", iossim.Options{FlashSize: 2 * imageSize}, api.PolicyRebuild)
	b.remove("flash:/vlan.dat")
	b.write("flash:/big.bin", strings.Repeat("x", imageSize/2))
	if r := b.restore(api.Restore{To: "flash:"}, "vlan.dat"); r.Status != api.StatusOK {
		// There is room for a small file; for another image there is not.
		t.Fatal(r.Message)
	}
	before := b.digests()
	b.snapshot.Files[0].Path = "flash:/second.bin"
	r := b.restore(api.Restore{}, "second.bin")
	wantResult(t, r, api.StatusFailed, cause.DeviceNoSpace)
	if !strings.Contains(r.Hint, fmt.Sprintf("--delete flash:/big.bin (%d bytes)", imageSize/2)) || strings.Contains(r.Hint, c3750Image) {
		t.Errorf("hint %q", r.Hint)
	}
	// Without a name it restores everything, and a deletion is another command.
	r = b.restore(api.Restore{})
	wantResult(t, r, api.StatusFailed, cause.DeviceNoSpace)
	if !strings.Contains(r.Hint, fmt.Sprintf("then restore again: `flashwarden restore sw1 --delete flash:/big.bin` (%d bytes)", imageSize/2)) {
		t.Errorf("hint %q", r.Hint)
	}
	after := b.digests()
	for p, sum := range before {
		if after[p] != sum {
			t.Errorf("%s has changed", p)
		}
	}
}

// TestOldImageIsSecond keeps what ran as the second to boot.
func TestOldImageIsSecond(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	second := func(profile, image string, want []string) func(*testing.T) {
		return func(t *testing.T) {
			b := newBench(t, profile, api.PolicyImage)
			for i, f := range b.snapshot.Files {
				if f.Path == image {
					b.snapshot.Files[i].Path = "flash:/new.bin"
				}
			}
			if profile == "isr4300" {
				b.snapshot.Files[0].Path = "bootflash:/new.bin"
			}
			r := b.restore(api.Restore{SetBoot: true}, "new.bin")
			wantResult(t, r, api.StatusOK, "")
			if next := b.sw.BootNext(); !slices.Equal(next, want) || !slices.Equal(r.Boot, want) {
				t.Errorf("it boots %q next, the result says %q, want %q", next, r.Boot, want)
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"one line":  second("c2950", "flash:/c2950-i6q4l2-mz.121-22.EA4a.bin", []string{"flash:/new.bin", "flash:/c2950-i6q4l2-mz.121-22.EA4a.bin"}),
		"two lines": second("isr4300", "", []string{"bootflash:/new.bin", "bootflash:/isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin"}),
	})
}

// TestNothingUnnamedIsLost restores again and again onto a switch that asks at
// random for what must never be agreed to. Whatever comes of it, every file
// that was there and not named is there, and no question about erasing,
// formatting or overwriting had a yes.
func TestNothingUnnamedIsLost(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	questions := []string{
		"Erase flash: before copying?", "Erasing the flash filesystem will remove all files! Continue?", "Format operation may take a while. Continue?",
		"Do you want to over write?", "Flash contains files. Are you sure you want to erase?", "Proceed?", "Squeeze operation may take a while. Continue?",
		"Delete flash:/config.text?", "Overwrite the previous NVRAM configuration?",
	}
	first := newBench(t, "c2950", api.PolicyRebuild)
	run := func(seed uint64) func(*testing.T) {
		return func(t *testing.T) {
			var mu sync.Mutex
			random := rand.New(rand.NewPCG(seed, 7))
			b := first.another(t, "c2950", iossim.Faults{AskErase: iossim.Times(seed % 3), FlipBit: iossim.Times(seed % 2), Ask: func(command string) string {
				mu.Lock()
				defer mu.Unlock()
				if strings.HasPrefix(command, "terminal") || command == "enable" || random.IntN(12) > 0 {
					return ""
				}
				return questions[random.IntN(len(questions))]
			}})
			b.remove("flash:/vlan.dat")
			b.remove("flash:/config.text")
			before := b.digests()
			for range 3 {
				b.restore(api.Restore{SetBoot: true})
			}
			after := b.digests()
			for p, sum := range before {
				if !strings.HasPrefix(p, "nvram:") && !strings.HasPrefix(p, "system:") && after[p] != sum {
					t.Errorf("%s was lost or changed", p)
				}
			}
			copied := ""
			for _, c := range b.sw.Commands() {
				if strings.HasPrefix(c, "copy ") {
					copied = c
				}
				// A startup-config that arrived damaged is sent once more.
				again := strings.HasSuffix(copied, " nvram:startup-config") && strings.HasPrefix(c, "Do you want to over write?")
				if consents.MatchString(c) && !again {
					t.Errorf("answered %q", c)
				}
			}
			if !b.sw.Bootable() {
				t.Error("it would find nothing to boot")
			}
		}
	}
	all := make(map[string]func(*testing.T))
	for seed := range uint64(8) {
		all[string('a'+rune(seed))] = run(seed)
	}
	cases(t, all)
}
