package restore_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestEveryKindOfPlanIsWhatIsTyped applies plans that replace, delete, read
// back, and write nvram:.
func TestEveryKindOfPlanIsWhatIsTyped(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	prepared := func(profile string, o api.Restore, prepare func(t *testing.T, b *bench), files ...string) func(*testing.T) {
		return func(t *testing.T) {
			b := newBench(t, profile, api.PolicyAll)
			prepare(t, b)
			wantTyped(t, b, b.plan(o, files...))
		}
	}
	again := func(t *testing.T, b *bench) {
		t.Helper()
		if r := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll}); r.Snapshot == "" {
			t.Fatal(r.Message)
		}
	}
	replaced := func(t *testing.T, b *bench) {
		b.write("flash:/vlan.dat", "another vlan.dat")
		b.write("flash:/spare.bin", "spare")
		again(t, b)
	}
	cases(t, map[string]func(*testing.T){
		"replace and delete":          prepared("c3750", api.Restore{Replace: true, Delete: []string{"flash:/spare.bin"}}, replaced, "vlan.dat"),
		"replace, delete, read back":  prepared("c3500xl", api.Restore{Replace: true, Delete: []string{"flash:/spare.bin"}}, replaced, "vlan.dat"),
		"read back before boot lines": prepared("c3500xl", api.Restore{SetBoot: true}, otherBoot, "c3500xl-c3h2s-mz.120-5.WC10.bin"),
		"nvram":                       prepared("isr4300", api.Restore{}, func(_ *testing.T, b *bench) { b.remove("nvram:startup-config") }, "startup-config"),
	})
}

// otherBoot has the switch boot a file that is not the image of the snapshot.
func otherBoot(t *testing.T, b *bench) {
	t.Helper()
	b.write("flash:/spare.bin", "an image")
	b.configure("boot system flash:/spare.bin")
}

// configure has somebody else configure the switch.
func (b *bench) configure(lines ...string) {
	b.t.Helper()
	dev, err := b.node.DialToTransfer(b.t.Context(), b.device)
	if err != nil {
		b.t.Fatal(err)
	}
	defer dev.Close()
	if err := dev.Configure(b.t.Context(), lines); err != nil {
		b.t.Fatal(err)
	}
	if err := dev.Do(b.t.Context(), ios.SaveConfig()); err != nil {
		b.t.Fatal(err)
	}
}

// wantRefused applies a plan, and wants it refused with these words, and
// nothing typed that changes the switch.
func (b *bench) wantRefused(p api.Plan, words string) {
	b.t.Helper()
	before := len(b.changes())
	r := b.apply(p)
	wantResult(b.t, r, api.StatusFailed, cause.Cancelled)
	if !r.Refused || !strings.Contains(r.Message, words) || r.Hint == "" {
		b.t.Errorf("refused: %v, message %q, hint %q; want the words %q", r.Refused, r.Message, r.Hint, words)
	}
	if typed := b.changes()[before:]; len(typed) > 0 {
		b.t.Errorf("typed %q", typed)
	}
}

// TestChangedDevice changes the switch between the plan and its application.
func TestChangedDevice(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	first := newBench(t, "c2950", api.PolicyRebuild)
	changed := func(words string, change func(t *testing.T, b *bench)) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c2950", iossim.Faults{})
			b.remove("flash:/vlan.dat")
			p := b.plan(api.Restore{}, "vlan.dat")
			change(t, b)
			b.wantRefused(p, words)
		}
	}
	cases(t, map[string]func(*testing.T){
		"a file is new":     changed("flash:/new.txt is new", func(_ *testing.T, b *bench) { b.write("flash:/new.txt", "new") }),
		"a file is gone":    changed("flash:/config.text is gone", func(_ *testing.T, b *bench) { b.remove("flash:/config.text") }),
		"the file is there": changed("flash:/vlan.dat is new", func(_ *testing.T, b *bench) { b.write("flash:/vlan.dat", "came back") }),
		"another boot line": changed("it boots", func(_ *testing.T, b *bench) { b.configure("boot system flash:/config.text") }),
		"another image runs": changed("its running image is", func(t *testing.T, b *bench) {
			b.snapshot.Files[0].Path = "flash:/second.bin"
			wantResult(t, b.restore(api.Restore{SetBoot: true, Reload: true}, "second.bin"), api.StatusOK, "")
		}),
		"an image has changed": func(t *testing.T) {
			b := first.another(t, "c2950", iossim.Faults{})
			b.remove("flash:/vlan.dat")
			b.write("flash:/spare.bin", "spare")
			p := b.plan(api.Restore{}, "vlan.dat")
			b.write("flash:/spare.bin", "another one")
			b.wantRefused(p, "flash:/spare.bin has changed")
		},
		"another switch": changed("serial number", func(_ *testing.T, b *bench) { b.start("c3750", iossim.Options{}) }),
	})
}

// TestGrowingLog changes a file that the plan does not depend on.
func TestGrowingLog(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyRebuild)
	b.remove("flash:/vlan.dat")
	b.write("flash:/messages.txt", "one line")
	p := b.plan(api.Restore{}, "vlan.dat")
	b.write("flash:/messages.txt", "one line and another")
	wantResult(t, b.apply(p), api.StatusOK, "")
}

// TestDeletedFileChanged has a file other content, of the same size, when it is
// about to be deleted: its time or its digest gives it away.
func TestDeletedFileChanged(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	b.write("flash:/spare.txt", "spare")
	if r := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll}); r.Snapshot == "" {
		t.Fatal(r.Message)
	}
	b.remove("flash:/vlan.dat")
	p := b.plan(api.Restore{Delete: []string{"flash:/spare.txt"}}, "vlan.dat")
	b.write("flash:/spare.txt", "other")
	b.wantRefused(p, "flash:/spare.txt has changed")
}

// TestPlanAsJSON applies a plan that was JSON in between.
func TestPlanAsJSON(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyRebuild)
	b.wipe()
	text, err := json.Marshal(b.plan(api.Restore{SetBoot: true, Reload: true}))
	if err != nil {
		t.Fatal(err)
	}
	var p api.Plan
	if err := json.Unmarshal(text, &p); err != nil {
		t.Fatal(err)
	}
	wantTyped(t, b, p)
}

// TestForgedPlan alters plans, with and without a new digest.
func TestForgedPlan(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	running := b.snapshot.Facts.Image
	b.remove("flash:/vlan.dat")
	p := b.plan(api.Restore{}, "vlan.dat")
	forged := func(alter func(p *api.Plan)) api.Plan {
		f := p
		f.Steps, f.Commands = slices.Clone(p.Steps), slices.Clone(p.Commands)
		alter(&f)
		return f
	}
	signed := func(alter func(p *api.Plan)) api.Plan {
		f := forged(alter)
		sum, err := f.Sum()
		if err != nil {
			t.Fatal(err)
		}
		f.Digest = sum
		return f
	}
	add := func(p *api.Plan, s api.PlanStep) {
		p.Steps, p.Commands = append(p.Steps, s), append(p.Commands, s.Commands...)
	}
	b.wantRefused(forged(func(p *api.Plan) { p.Notes = append(p.Notes, "harmless") }), "digest")
	b.wantRefused(forged(func(p *api.Plan) { p.Steps[0].Path = "flash:/config.text" }), "digest")
	b.wantRefused(signed(func(p *api.Plan) { p.Steps[0].Path = "flash:/config.text" }), "commands that are not those of its step")
	b.wantRefused(signed(func(p *api.Plan) { p.Commands[0] = "erase flash:" }), "commands that are not those of its step")
	b.wantRefused(signed(func(p *api.Plan) { p.Server = "192.0.2.9; reload" }), "commands that are not those of its step")
	b.wantRefused(signed(func(p *api.Plan) { p.Request.Device = "sw2" }), "not for sw1")
	b.wantRefused(signed(func(p *api.Plan) { add(p, api.PlanStep{Kind: "erase", Commands: []string{"erase flash:"}}) }), "commands that are not those of its step")
	b.wantRefused(signed(func(p *api.Plan) {
		lines := []string{"no ip routing"}
		add(p, api.PlanStep{Kind: api.PlanBoot, Lines: lines, Commands: []string{"configure terminal", lines[0], "end", "write memory", "show boot"}})
	}), "commands that are not those of its step")
	b.wantRefused(signed(func(p *api.Plan) {
		p.Steps, p.Commands = nil, nil
		add(p, api.PlanStep{Kind: api.PlanDelete, Path: "flash:/config.text", MD5: "another", Commands: []string{"verify /md5 flash:/config.text", "delete flash:/config.text"}})
	}), `"copy tftp://127.0.0.1/TICKET flash:/vlan.dat" is needed`)
	b.wantRefused(signed(func(p *api.Plan) {
		p.Steps, p.Commands = nil, nil
		add(p, api.PlanStep{Kind: api.PlanDelete, Path: running, Commands: []string{"verify /md5 " + running, "delete " + running}})
	}), `"copy tftp://127.0.0.1/TICKET flash:/vlan.dat" is needed`)
}

// TestForgedBootLines wants no boot line that names a file that was not proved.
func TestForgedBootLines(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyRebuild)
	b.write("flash:/bad.bin", "no image")
	p := b.plan(api.Restore{}, "vlan.dat")
	lines := []string{"boot system flash:/bad.bin"}
	p.Steps = []api.PlanStep{{Kind: api.PlanBoot, Lines: lines, Boot: []string{"flash:/bad.bin"},
		Commands: []string{"configure terminal", lines[0], "end", "write memory", "show boot"}}}
	p.Commands = p.Steps[0].Commands
	var err error
	if p.Digest, err = p.Sum(); err != nil {
		t.Fatal(err)
	}
	b.wantRefused(p, "is needed")
}

// TestPlanWithRefusals applies a plan that has some.
func TestPlanWithRefusals(t *testing.T) {
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyRebuild)
	b.write("flash:/vlan.dat", "other")
	p := b.plan(api.Restore{Delete: []string{"flash:/nowhere"}}, "vlan.dat")
	if len(p.Refusals) != 2 || len(p.Steps) != 0 || len(p.Commands) != 0 || p.Digest == "" {
		t.Errorf("refusals %+v, steps %+v", p.Refusals, p.Steps)
	}
	b.wantRefused(p, "with other content")
}

// TestRestartIsInThePlan wants the plan to say what a restart loses: there is
// no second question.
func TestRestartIsInThePlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyImage)
	b.wipe()
	p := b.plan(api.Restore{SetBoot: true, Reload: true})
	said := func(note string) bool {
		return strings.HasPrefix(note, "reload: ") && strings.Contains(note, "unsaved changes")
	}
	if !slices.ContainsFunc(p.Notes, said) || p.Steps[len(p.Steps)-1].Kind != api.PlanReload || p.Commands[len(p.Commands)-1] != "reload" {
		t.Errorf("notes %q, commands %q", p.Notes, p.Commands)
	}
}

// TestCancelledPlan breaks off while the plan is made.
func TestCancelledPlan(t *testing.T) {
	t.Parallel()
	b := newBench(t, "c2950", api.PolicyImage)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := b.runner().Plan(ctx, b.device, b.snapshot, api.Restore{}, func(e api.Event) {
		if e.Step == api.StepLook {
			cancel()
		}
	})
	if cause.Of(err) != cause.Cancelled {
		t.Error(err)
	}
}

// TestChangedWhileApplied has a file change after the plan is confirmed: it is
// not deleted.
func TestChangedWhileApplied(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	b.write("flash:/spare.txt", "spare")
	if r := b.node.Runner().Backup(t.Context(), b.device, backup.Options{Policy: api.PolicyAll}); r.Status != api.StatusOK {
		t.Fatal(r.Message)
	}
	b.remove("flash:/vlan.dat")
	p := b.plan(api.Restore{Delete: []string{"flash:/spare.txt"}}, "vlan.dat")
	asked := 0
	b.onEvent = func(e api.Event) {
		if e.Step != api.StepVerify || e.File != "flash:/spare.txt" {
			return
		}
		if asked++; asked == 2 { // the first question is of the plan
			b.write("flash:/spare.txt", "other")
		}
	}
	b.wantRefused(p, "flash:/spare.txt has changed since the plan was made")
	if _, there := b.sw.File("flash:/spare.txt"); !there || asked != 2 {
		t.Errorf("there: %t, asked %d times", there, asked)
	}
}
