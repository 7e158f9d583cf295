package restore_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestBadCopies breaks the copy in several ways: the rest on the device is
// told, nothing that is not proved is booted.
func TestBadCopies(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "c3750", api.PolicyImage)
	image := func(faults iossim.Faults, check func(t *testing.T, b *bench, r api.RestoreResult)) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c3750", faults)
			if faults.Stall.Times > 0 {
				b.stall = 3 * time.Second
			}
			b.wipe()
			b.write("flash:/spare.bin", "an image to boot from")
			r := b.restore(api.Restore{SetBoot: true, Reload: true}, c3750Image)
			if r.Status == api.StatusOK {
				t.Error("it says that all is well")
			}
			if next := b.sw.BootNext(); len(next) > 0 {
				t.Errorf("a boot line names %q", next)
			}
			if !b.sw.Bootable() {
				t.Error("it would find nothing to boot")
			}
			for _, c := range b.sw.Commands() {
				if strings.HasPrefix(c, "configure") || strings.HasPrefix(c, "reload") || strings.HasPrefix(c, "write") {
					t.Errorf("typed %q after a copy that failed", c)
				}
			}
			if _, there := b.sw.File(c3750Image); there {
				t.Errorf("a file that was not proved is left; message %q", r.Message)
			}
			check(t, b, r)
		}
	}
	wants := func(c cause.Cause, words string) func(t *testing.T, b *bench, r api.RestoreResult) {
		return func(t *testing.T, b *bench, r api.RestoreResult) {
			if r.Cause != c || !strings.Contains(r.Message, words) {
				t.Errorf("cause %q, message %q; want %q, %q", r.Cause, r.Message, c, words)
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"one bit is wrong":          image(iossim.Faults{FlipBit: 1}, wants(cause.DigestMismatch, "was deleted")),
		"the transfer stops":        image(iossim.Faults{Stall: iossim.After{Bytes: imageSize / 3, Times: 1}, LeavePartial: 1}, wants(cause.Stalled, "was deleted")),
		"it hangs up":               image(iossim.Faults{Hangup: iossim.After{Bytes: imageSize / 3, Times: 1}}, wants(cause.SessionLost, "is left on the device")),
		"it asks something unknown": image(iossim.Faults{AskUnknown: 1}, wants(cause.PromptUnrecognised, "")),
	})
}

// TestEraseQuestionIsDeclined has flash that asks before every copy whether to
// erase: the answer is no, and the copy goes on.
func TestEraseQuestionIsDeclined(t *testing.T) {
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	b.start("c3750", iossim.Options{Faults: iossim.Faults{AskErase: iossim.Always}})
	b.remove("flash:/vlan.dat")
	wantResult(t, b.restore(api.Restore{}, "vlan.dat"), api.StatusOK, "")
	b.wantFiles(func(api.File) bool { return true })
	if !slices.Contains(b.sw.Commands(), "Erase flash: before copying? [confirm]n") {
		t.Errorf("typed %q", b.sw.Commands())
	}
}

// TestTerminalDies loses the line in the middle of a copy that completes: the
// file is proved over a new line, and the restore goes on.
func TestTerminalDies(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyImage)
	b.start("c3750", iossim.Options{Faults: iossim.Faults{HangTerminal: 1}})
	b.wipe()
	r := b.restore(api.Restore{SetBoot: true}, c3750Image)
	wantResult(t, r, api.StatusOK, "")
	b.wantFiles(func(api.File) bool { return true })
	if next := b.sw.BootNext(); len(next) != 1 || next[0] != c3750Image {
		t.Errorf("it boots %q next", next)
	}
}

// TestCancelledCopy is Ctrl-C in the middle of a copy: the part of the file that arrived
// is deleted, and the restore says so.
func TestCancelledCopy(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyImage)
	b.start("c3750", iossim.Options{Pace: imageSize / 4, Faults: iossim.Faults{LeavePartial: 1}})
	b.wipe()
	ctx, cancel := context.WithCancel(t.Context())
	b.onEvent = func(e api.Event) {
		if e.Step == api.StepCopy && e.Bytes > imageSize/8 {
			cancel()
		}
	}
	r := b.runner().Apply(ctx, b.device, b.snapshot, b.plan(api.Restore{SetBoot: true, Reload: true}), b.onEvent)
	wantResult(t, r, api.StatusFailed, cause.Cancelled)
	if _, there := b.sw.File(c3750Image); there {
		t.Errorf("the partial file is left; message %q", r.Message)
	}
	if !strings.Contains(r.Message, c3750Image) {
		t.Errorf("message %q", r.Message)
	}
	if next := b.sw.BootNext(); len(next) != 0 {
		t.Errorf("it boots %q next", next)
	}
}
