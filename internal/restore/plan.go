package restore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/transfer"
)

// planning is everything that a plan is made of, except the answers to
// questions about single files.
type planning struct {
	device    api.Device
	request   api.Restore // the files to delete are whole paths
	selection Selection
	view      view
	via       transfer.TFTP
}

// Plan looks at a device and returns the steps that restore files of a
// snapshot. It changes nothing. A request that contradicts itself or names
// nothing is an *api.Problem, and contacts no device. Where the device must
// not be changed as requested, the plan has refusals and no steps.
func (r *Runner) Plan(ctx context.Context, d api.Device, s api.Snapshot, req api.Restore, events func(api.Event)) (api.Plan, error) {
	sel, err := Select(s, req.Files)
	if err == nil {
		err = check(req, sel)
	}
	if err != nil {
		return api.Plan{}, err
	}
	l, err := r.connect(ctx, d, reporterFor(d.Name, events))
	if err != nil {
		return api.Plan{}, cancelledOr(ctx, err)
	}
	defer l.hangUp()
	l.report(api.StepLook, "", 0, -1)
	v, err := look(ctx, l, req.To)
	if err != nil {
		return api.Plan{}, cancelledOr(ctx, err)
	}
	p := planning{device: d, request: cleaned(req, d.Name), selection: sel, view: v, via: r.via(d, l)}
	plan, err := r.plan(ctx, l, p)
	if err != nil {
		return api.Plan{}, cancelledOr(ctx, err)
	}
	plan.Digest, err = plan.Sum()
	return plan, err
}

// via is the way that files take to and from a device.
func (r *Runner) via(d api.Device, l *line) transfer.TFTP {
	return transfer.TFTP{Server: transfer.Server(d, r.Advertise, l.LocalAddr()), VRF: d.VRF, Ports: r.Ports}
}

// plan asks the device and the vault about single files, then decides.
func (r *Runner) plan(ctx context.Context, l *line, p planning) (api.Plan, error) {
	files, refused := p.aim()
	files, digests, notes, err := compare(ctx, l, files)
	if err != nil {
		return api.Plan{}, err
	}
	removals, more := p.removals(files)
	refused = append(refused, more...)
	removals, more, err = r.held(ctx, l, p.device.Name, removals, digests)
	if err != nil {
		return api.Plan{}, err
	}
	startup, err := r.startupBoots(files)
	if err != nil {
		return api.Plan{}, err
	}
	return p.decide(files, removals, startup, l.noDigest, append(refused, more...), notes), nil
}

// check refuses a request that contradicts itself.
func check(req api.Restore, sel Selection) error {
	var err error
	var fix api.Fix
	if fs := strings.TrimSuffix(req.To, ":"); req.To != "" && (fs == "" || fs+":" != req.To || strings.Contains(fs, ":")) {
		err = fmt.Errorf("%q is no file system to restore to: want its name with a colon, as usbflash0:", req.To)
	}
	for _, p := range req.Delete {
		if !strings.Contains(p, ":") {
			err = fmt.Errorf("%q cannot be deleted: want the whole path, as flash:/dir/x.bin", p)
		}
	}
	if req.SetBoot && err == nil {
		_, err = sel.Bootable()
		fix = api.Say("name the image with ").Option("file", "")
	}
	if err == nil {
		return nil
	}
	return &api.Problem{Detail: err.Error(), Fix: fix, Exit: api.ExitUsage, Err: err}
}

// cleaned returns a request whose names are written in one way.
func cleaned(req api.Restore, device string) api.Restore {
	req.Device, req.Delete = device, slices.Clone(req.Delete)
	for i, p := range req.Delete {
		req.Delete[i] = flash.ParsePath(p).String()
	}
	return req
}

// compare finds out which of the files that are there are equal, and returns
// the digests that the device computed. It also learns whether the device
// computes digests at all, because the plan says how files will be proved.
func compare(ctx context.Context, l *line, files []api.PlannedFile) (compared []api.PlannedFile, digests map[string]ios.Digest, notes []string, err error) {
	compared, digests = slices.Clone(files), make(map[string]ios.Digest)
	for i, f := range compared {
		if f.State != api.Differs || f.There >= 0 && f.There != f.Size {
			continue
		}
		d, err := l.digest(ctx, f.Path, f.There)
		if err != nil {
			return nil, nil, nil, err
		}
		digests[f.Path] = d
		compared[i] = judged(f, d)
		if compared[i].Evidence == api.EvidenceSize && notes == nil {
			notes = []string{"the device computes no digest of files that count as equal with the evidence size-only: only the size was compared"}
		}
	}
	i := slices.IndexFunc(compared, func(f api.PlannedFile) bool { return f.State == api.Absent })
	if i < 0 {
		return compared, digests, notes, nil
	}
	if _, err = l.digest(ctx, compared[i].Path, 0); cause.Of(err) == cause.SourceMissing {
		err = nil
	}
	return compared, digests, notes, err
}

// judged decides by its digest whether a file that is there is equal. Without a
// digest the size decides.
func judged(f api.PlannedFile, d ios.Digest) api.PlannedFile {
	switch compareDigests(d, f.File()) {
	case same:
		f.State, f.Evidence = api.Equal, evidenceOf(d)
	case unknown:
		if f.There == f.Size {
			f.State, f.Evidence = api.Equal, api.EvidenceSize
		}
	}
	return f
}

// The outcomes of a comparison.
const (
	same = iota
	other
	unknown // there is no digest to compare
)

// compareDigests compares a digest of the device with a file of the snapshot.
func compareDigests(d ios.Digest, f api.File) int {
	equal := d.MD5 == f.MD5
	switch {
	case d.MD5 != "" && f.MD5 != "":
	case d.SHA512 != "" && f.SHA512 != "":
		equal = d.SHA512 == f.SHA512
	default:
		return unknown
	}
	if equal {
		return same
	}
	return other
}

func evidenceOf(d ios.Digest) string {
	if d.MD5 != "" {
		return api.EvidenceMD5
	}
	return api.EvidenceSHA512
}

// held names the vault's blob for each file that will be deleted, and refuses
// those that the vault does not hold. Where the device computes no MD5, that is
// decided by reading the file back, immediately before it is deleted.
func (r *Runner) held(ctx context.Context, l *line, device string, removals []api.PlanStep, digests map[string]ios.Digest) (held []api.PlanStep, refused []api.Problem, err error) {
	for _, s := range removals {
		d, asked := digests[s.Path]
		if !asked {
			if d, err = l.digest(ctx, s.Path, s.Size); err != nil {
				return nil, nil, err
			}
		}
		if s.MD5 = d.MD5; s.MD5 == "" {
			s.ReadBack = true
			held = append(held, s)
			continue
		}
		s.SHA256, err = r.kept(ctx, device, s)
		switch {
		case errors.Is(err, errNotKept):
			refused = append(refused, refusal(err.Error(), cause.FixOf(err)))
		case err != nil:
			return nil, nil, err
		}
		held = append(held, s)
	}
	return held, refused, nil
}

// errNotKept says that the vault does not hold the content of a file.
var errNotKept = errors.New("nothing is deleted that cannot be restored")

// kept returns the SHA-256 under which the vault holds the content of a
// device's file, found by its MD5 and size; errNotKept where it does not.
func (r *Runner) kept(ctx context.Context, device string, s api.PlanStep) (string, error) {
	sha, ok, err := r.Catalog.Known(ctx, s.MD5, s.Size)
	if err != nil {
		return "", cause.Wrap(cause.VaultError, err, "look up "+s.Path, api.Say("run ").Do("check"))
	}
	if !ok || !r.Vault.HasBlob(sha, s.Size) {
		return "", notKept(device, s.Path)
	}
	return sha, nil
}

func notKept(device, p string) error {
	return cause.Wrap(cause.Cancelled, errNotKept, "the vault does not hold the content of "+p,
		api.Say("back it up first: ").Do("backup", device).With("files", "all"))
}
