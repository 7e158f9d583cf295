package restore_test

import (
	"strings"
	"sync/atomic"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestDeniedCommands has an AAA server that refuses one command of a restore. The
// result names the command and the right that is missing, every unit still starts an
// image, and the boot settings are the old ones or the new ones.
func TestDeniedCommands(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	run := func(first *bench, profile, denied string) func(t *testing.T) {
		return func(t *testing.T) {
			b := first.anotherOf(t, profile, iossim.Options{Denied: []string{denied}})
			image := b.snapshot.Facts.Image
			fs := flashOf(image)
			b.write(fs+"/spare.bin", string(fileOn(b, image)))
			for i, f := range b.snapshot.Files {
				if f.Kind == api.KindImage {
					b.snapshot.Files[i].Path = flashOf(f.Path) + "/d/new.bin"
				}
			}
			before, startup, running := strings.Join(b.sw.BootNext(), ";"), b.text("nvram:startup-config"), b.text("system:running-config")
			r := b.restore(api.Restore{SetBoot: true, Reload: true, Delete: []string{fs + "/spare.bin"}}, "d/new.bin")
			if r.Status == api.StatusOK || r.Cause != cause.NotPermittedOnDevice || !strings.Contains(r.Message, denied) {
				t.Errorf("%s %s: %s; %s", r.Status, r.Cause, r.Message, r.Hint)
			}
			next := strings.Join(b.sw.BootNext(), ";")
			same := next == before && b.text("nvram:startup-config") == startup && b.text("system:running-config") == running
			set := strings.Contains(r.Message, "the boot lines are set")
			told := strings.Contains(r.Message, "could not be put back (now the running-config has `boot system ")
			if same == (set || told) || same && strings.Contains(r.Message, "could not") {
				t.Errorf("as before: %t, it boots %s next: %s", same, next, r.Message)
			}
			if !b.sw.Bootable() || b.sw.InLoader() {
				t.Error("a unit starts no image")
			}
		}
	}
	all := make(map[string]func(*testing.T))
	for _, profile := range []string{"c2950", "isr4300", "c4500-redundant"} {
		first := newBench(t, profile, api.PolicyRebuild)
		reload := "reload"
		if profile == "c4500-redundant" {
			reload = "redundancy reload"
		}
		for _, denied := range []string{"delete", "mkdir", "copy", "configure", "boot system", "no boot system", "end", "write memory", reload} {
			if profile == "c2950" && denied == "no boot system" || profile == "c4500-redundant" && denied == "mkdir" {
				continue // it has one setting; its flash has no directories
			}
			all[profile+" "+denied] = run(first, profile, denied)
		}
	}
	cases(t, all)
}

// TestNoReloadOfTheShelf has a pair of controllers whose software does not know the
// command that starts both again, or asks about something else than both: it is not
// started again, no other command is typed in its place, and the hint says what to type.
func TestNoReloadOfTheShelf(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "c9800-ha", api.PolicyRebuild)
	refuses := func(faults iossim.Faults, c cause.Cause, words ...string) func(t *testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c9800-ha", faults)
			b.lose("nvram:startup-config")
			r := b.restore(api.Restore{Reload: true}, "startup-config")
			wantResult(t, r, api.StatusIncomplete, c)
			for _, word := range words {
				if !strings.Contains(r.Hint, word) {
					t.Errorf("message %q, hint %q; want %s", r.Message, r.Hint, word)
				}
			}
			for _, typed := range b.sw.Commands() {
				if typed == "reload" || strings.HasSuffix(typed, "[confirm]y") || strings.HasSuffix(typed, "[confirm]") {
					t.Errorf("typed %q", typed)
				}
			}
		}
	}
	asks := func(question string) iossim.Faults { return iossim.Faults{ReloadAsks: question} }
	cases(t, map[string]func(*testing.T){
		"an unknown command": refuses(iossim.Faults{RejectShelf: 1}, cause.CommandRejected, "`redundancy reload shelf`", "`reload`", "`show redundancy`"),
		"one of them":        refuses(asks("Reload this shelf"), cause.PromptUnrecognised, "`redundancy reload shelf`"),
		"the peer is absent": refuses(asks("System is running in SIMPLEX mode, reload anyway?"), cause.PromptUnrecognised, "`redundancy reload shelf`"),
	})
}

// TestDamagedImageIsRemoved has an image arrive damaged under a name that BOOT has,
// and the session be lost that removes it: another one removes it.
func TestDamagedImageIsRemoved(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "isr2900", api.PolicyImage)
	image := first.snapshot.Facts.Image
	lostAt := func(start string, after int) func(t *testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "isr2900", iossim.Faults{})
			b.lose(image)
			p := b.plan(api.Restore{}, image)
			var copied, lost atomic.Bool
			b.sw.Arm(iossim.Faults{FlipBit: 1, CutOutput: func(command string) int {
				if strings.HasPrefix(command, "copy tftp") {
					copied.Store(true)
				}
				if copied.Load() && strings.HasPrefix(command, start) && lost.CompareAndSwap(false, true) {
					return after
				}
				return 0
			}})
			r := b.apply(p)
			wantResult(t, r, api.StatusFailed, cause.DigestMismatch)
			if _, there := b.sw.File(image); there || !lost.Load() {
				t.Errorf("it is there: %t; lost: %t; %s", there, lost.Load(), r.Message)
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"while it lists":             lostAt("dir ", 1),
		"behind the enable password": lostAt("enable", len("Password: \r\n")),
		"in the prompt":              lostAt("enable", len("Password: \r\nsw")),
	})
}
