package backup

import (
	"context"
	"fmt"
	"os"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/imagefile"
)

// inspectFile reads what came, if it is an image: what it says of itself, and
// whether it is whole. Where the device computes no digest, an image that is
// damaged by its own checks is refused; a copy that is true to the device is
// kept as it is.
func (r *run) inspectFile(ctx context.Context, f *api.File, path string) error {
	if !isImage(f) {
		return nil
	}
	file, err := os.Open(path)
	if err != nil {
		return cause.Wrap(cause.Internal, err, "inspect "+f.Path, nil)
	}
	defer file.Close()
	if err := r.inspect(ctx, f, file); err != nil {
		return err
	}
	if f.Evidence == api.EvidenceSize && f.Image.Verdict == api.ImageBad {
		return cause.New(cause.DigestMismatch,
			fmt.Sprintf("%s: the device computes no digest, and the image that came is %s", f.Path, f.Image),
			api.Say("the copy was thrown away; back the device up again, and if it stays so the file on the device is damaged: put a good image there before it restarts"))
	}
	r.judge(f)
	return nil
}

// inspectKnown enters what was found in content that the vault holds. What was
// kept before images were inspected is read now, once.
func (r *run) inspectKnown(ctx context.Context, f *api.File) error {
	if !isImage(f) {
		return nil
	}
	found, err := r.Catalog.Inspected(ctx, f.SHA256)
	if err != nil {
		return cause.Wrap(cause.VaultError, err, "look up "+f.Path, api.Say("run `flashwarden check`"))
	}
	if found != nil {
		f.Image = found
		r.judge(f)
		return nil
	}
	blob, err := r.Vault.OpenBlob(f.SHA256)
	if err != nil {
		return vaultError(err, "inspect "+f.Path)
	}
	defer blob.Close()
	if err := r.inspect(ctx, f, blob); err != nil {
		return err
	}
	r.judge(f)
	return r.remember(ctx, f)
}

func isImage(f *api.File) bool { return f.Kind == api.KindImage || f.Kind == api.KindPackage }

// inspect reads an image once.
func (r *run) inspect(ctx context.Context, f *api.File, file *os.File) error {
	info, err := file.Stat()
	if err != nil {
		return cause.Wrap(cause.Internal, err, "inspect "+f.Path, nil)
	}
	report, err := imagefile.Inspect(ctx, file, info.Size())
	switch {
	case ctx.Err() != nil:
		return cause.Ended(ctx)
	case err != nil:
		return cause.Wrap(cause.VaultError, err, "inspect "+f.Path, api.Say("look at the disk of the data directory: `dmesg`"))
	}
	f.Image = imageOf(report)
	return nil
}

// imageOf is a report in the form of a snapshot.
func imageOf(r imagefile.Report) *api.Inspection {
	i := &api.Inspection{Format: r.Format, Name: r.Name, Family: r.Family, FeatureSet: r.FeatureSet, Version: r.Version,
		Verdict: string(r.Verdict), Checks: r.Checks, Reason: r.Reason}
	if r.Failed != nil {
		i.Failed = &api.InspectionFailure{Check: r.Failed.Check, At: r.Failed.At, Expected: r.Failed.Expected, Seen: r.Failed.Seen}
	}
	return i
}

// judge writes what the image proves into the proof of f, and warns of what a
// person should know of it.
func (r *run) judge(f *api.File) {
	f.Proof = append(f.Proof, "the file itself: "+f.Image.String())
	if f.Image.Verdict == api.ImageBad {
		r.warn(fmt.Sprintf("%s is kept as the device has it, but the image is %s. The device may not start from it: put a good image there", f.Path, f.Image))
	}
	if r.runs(f) && f.Image.Contradicts(r.result.Facts.Version) {
		r.warn(fmt.Sprintf("%s says that it is %s, and the device says that it runs %s: the file was replaced since the device started, and runs from the next start on",
			f.Path, f.Image.Version, r.result.Facts.Version))
	}
}

// runs reports whether the device runs f.
func (r *run) runs(f *api.File) bool { return f.Path == r.result.Facts.Image }
