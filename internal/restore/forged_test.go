package restore_test

import (
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/restore"
	"flashwarden/internal/testlevel"
)

// forged returns a plan with other content, whose commands and digest are as if
// Plan had made it.
func forged(t *testing.T, p api.Plan, forge func(p *api.Plan)) api.Plan {
	t.Helper()
	p.Steps, p.Files, p.Notes = slices.Clone(p.Steps), slices.Clone(p.Files), slices.Clone(p.Notes)
	forge(&p)
	p.Commands = []string{}
	for i, s := range p.Steps {
		p.Steps[i].Commands = restore.Commands(p, s)
		p.Commands = append(p.Commands, p.Steps[i].Commands...)
	}
	return signed(t, p)
}

// signed returns a plan with the digest of its content.
func signed(t *testing.T, p api.Plan) api.Plan {
	t.Helper()
	var err error
	if p.Digest, err = p.Sum(); err != nil {
		t.Fatal(err)
	}
	return p
}

func stepOf(t *testing.T, p *api.Plan, kind, path string) int {
	t.Helper()
	i := slices.IndexFunc(p.Steps, func(s api.PlanStep) bool { return s.Kind == kind && strings.HasSuffix(s.Path, path) })
	if i < 0 {
		t.Fatalf("no step %s %s in %q", kind, path, p.Commands)
	}
	return i
}

func fileNamed(t *testing.T, s api.Snapshot, path string) api.File {
	t.Helper()
	i := slices.IndexFunc(s.Files, func(f api.File) bool { return f.Path == path })
	if i < 0 {
		t.Fatalf("no file %s in the snapshot", path)
	}
	return s.Files[i]
}

// TestForgedPlans has plans that Plan never made, with a digest that fits: a
// plan is no authority, and nothing of it is typed.
func TestForgedPlans(t *testing.T) {
	t.Parallel()
	first := newBench(t, "c3750", api.PolicyRebuild)
	image, vlans := fileNamed(t, first.snapshot, c3750Image), fileNamed(t, first.snapshot, "flash:/vlan.dat")
	remove := func(f api.File) api.PlanStep {
		return api.PlanStep{Kind: api.PlanDelete, Path: f.Path, Size: f.Size, MD5: f.MD5, SHA256: f.SHA256}
	}
	refused := func(o api.Restore, files []string, prepare func(b *bench), forge func(t *testing.T, p *api.Plan)) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c3750", iossim.Faults{})
			prepare(b)
			plan := forged(t, b.plan(o, files...), func(p *api.Plan) { forge(t, p) })
			before := b.digests()
			r := b.apply(plan)
			wantResult(t, r, api.StatusFailed, cause.Cancelled)
			if !r.Refused || r.Hint == "" {
				t.Errorf("refused: %t, message %q, hint %q", r.Refused, r.Message, r.Hint)
			}
			b.wantUnchanged(before)
		}
	}
	lost := func(b *bench) { b.remove("flash:/vlan.dat") }
	empty := func(b *bench) { b.wipe() }
	all, named := api.Restore{SetBoot: true, Reload: true}, []string{"vlan.dat"}
	cases(t, map[string]func(*testing.T){
		"it deletes what runs": refused(api.Restore{}, named, lost, func(_ *testing.T, p *api.Plan) {
			p.Steps = append([]api.PlanStep{remove(image)}, p.Steps...)
		}),
		"it deletes what nobody named": refused(api.Restore{}, named, lost, func(_ *testing.T, p *api.Plan) {
			p.Steps = append(p.Steps, remove(fileNamed(t, first.snapshot, "flash:/config.text")))
		}),
		"it deletes the last image": refused(api.Restore{}, named, func(b *bench) {
			data, _ := b.sw.File(c3750Image)
			b.wipe()
			b.write("flash:/spare.bin", string(data))
		}, func(_ *testing.T, p *api.Plan) {
			spare := image
			spare.Path = "flash:/spare.bin"
			p.Steps = append([]api.PlanStep{remove(spare)}, p.Steps...)
		}),
		"it ignores a refusal": refused(api.Restore{}, named, func(b *bench) { b.write("flash:/vlan.dat", "other") }, func(_ *testing.T, p *api.Plan) {
			p.Refusals = []api.Problem{}
			p.Steps = []api.PlanStep{{Kind: api.PlanStartup, Path: vlans.Path, Size: vlans.Size, FileKind: vlans.Kind, MD5: vlans.MD5, SHA256: vlans.SHA256}}
		}),
		"it boots what no step proves": refused(api.Restore{}, named, func(b *bench) { lost(b); b.write("flash:/bad.bin", "no image") }, func(_ *testing.T, p *api.Plan) {
			p.Files = append(p.Files, api.PlannedFile{Path: "flash:/bad.bin", State: api.Equal, Kind: api.KindImage, Size: 8, There: 8, Evidence: api.EvidenceMD5})
			p.Steps = append(p.Steps, api.PlanStep{Kind: api.PlanBoot, Lines: []string{"boot system flash:/bad.bin"}, Boot: []string{"flash:/bad.bin"}})
		}),
		"its image is another content": refused(all, nil, empty, func(t *testing.T, p *api.Plan) {
			s := &p.Steps[stepOf(t, p, api.PlanCopy, ".bin")]
			s.Size, s.MD5, s.SHA256, s.SHA512 = vlans.Size, vlans.MD5, vlans.SHA256, vlans.SHA512
		}),
		"it boots before it copies": refused(all, nil, empty, func(t *testing.T, p *api.Plan) {
			i, boot := stepOf(t, p, api.PlanCopy, ".bin"), stepOf(t, p, api.PlanBoot, "")
			p.Steps[i], p.Steps[boot] = p.Steps[boot], p.Steps[i]
		}),
		"it saves over the restored configuration": refused(all, nil, empty, func(t *testing.T, p *api.Plan) {
			i, boot := stepOf(t, p, api.PlanStartup, "config.text"), stepOf(t, p, api.PlanBoot, "")
			p.Steps[i], p.Steps[boot] = p.Steps[boot], p.Steps[i]
		}),
		"it starts again without boot lines": refused(all, nil, empty, func(t *testing.T, p *api.Plan) {
			p.Steps = slices.Delete(p.Steps, stepOf(t, p, api.PlanBoot, ""), stepOf(t, p, api.PlanBoot, "")+1)
		}),
		"it types a second command": refused(api.Restore{}, named, lost, func(_ *testing.T, p *api.Plan) {
			p.Steps = append(p.Steps, api.PlanStep{Kind: api.PlanMkdir, Path: "flash:/x\nreload"})
		}),
		"it hides a note":          refused(all, nil, empty, func(_ *testing.T, p *api.Plan) { p.Notes = p.Notes[1:] }),
		"its snapshot is another":  refused(api.Restore{}, named, lost, func(_ *testing.T, p *api.Plan) { p.Snapshot = "20200101T000000Z-sw1-aaaa" }),
		"it is for another device": refused(api.Restore{}, named, lost, func(_ *testing.T, p *api.Plan) { p.Request.Device = "sw2" }),
	})
}

// TestAppliedTwice has one plan applied once.
func TestAppliedTwice(t *testing.T) {
	testlevel.NeedFull(t, "waits for a terminal")
	t.Parallel()
	b := newBench(t, "c3750", api.PolicyRebuild)
	b.remove("flash:/vlan.dat")
	plan := b.plan(api.Restore{}, "vlan.dat")
	wantResult(t, b.apply(plan), api.StatusOK, "")
	typed := len(b.changes())
	r := b.apply(plan)
	wantResult(t, r, api.StatusFailed, cause.Cancelled)
	if !r.Refused || len(b.changes()) != typed {
		t.Errorf("refused: %t, typed %q", r.Refused, b.changes())
	}
}
