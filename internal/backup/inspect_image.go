package backup

import (
	"context"
	"fmt"
	"io"
	"os"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/imagefile"
	"flashwarden/internal/ios"
)

// inspectReceivedCopy reads the received file at path if it is an image: what
// it says of itself, and whether it is whole. Where the device computes no
// digest, an image that is damaged by its own checks is refused; a copy that is
// true to the device is kept as it is.
func inspectReceivedCopy(ctx context.Context, f api.File, path string) (api.File, error) {
	if !isImage(f) {
		return f, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return f, cause.Wrap(cause.Internal, err, "inspect "+f.Path, nil)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return f, cause.Wrap(cause.Internal, err, "inspect "+f.Path, nil)
	}
	if f, err = inspect(ctx, f, file, info.Size()); err != nil {
		return f, err
	}
	if f.Evidence == api.EvidenceSize && f.Image.Verdict == api.ImageBad {
		return f, cause.New(cause.DigestMismatch,
			fmt.Sprintf("%s: this device cannot compute MD5, and the received image is %s", f.Path, f.Image),
			api.Say("the copy was deleted; back up the device again. If this fails again, the file on the device is damaged: put a good image there before it restarts"))
	}
	return f, nil
}

// inspectKnown enters the result of inspecting content that the vault holds.
// Content that was kept before images were inspected is read now, once.
func (j job) inspectKnown(ctx context.Context, f api.File) (api.File, error) {
	if !isImage(f) {
		return f, nil
	}
	found, err := j.Catalog.Inspected(ctx, f.SHA256)
	if err != nil {
		return f, indexError(err, "look up "+f.Path)
	}
	if found != nil {
		return withInspection(f, found), nil
	}
	blob, err := j.Vault.OpenBlob(ctx, f.SHA256)
	if err != nil {
		return f, vaultError(err, "inspect "+f.Path)
	}
	defer blob.Close()
	if f, err = inspect(ctx, f, blob, blob.Size()); err != nil {
		return f, err
	}
	return f, j.remember(ctx, f)
}

func isImage(f api.File) bool { return f.Kind == api.KindImage || f.Kind == api.KindPackage }

// inspect reads an image of size bytes once, and returns f with the result.
func inspect(ctx context.Context, f api.File, content io.ReaderAt, size int64) (api.File, error) {
	report, err := imagefile.Inspect(ctx, content, size)
	switch {
	case ctx.Err() != nil:
		return f, cause.Ended(ctx)
	case err != nil:
		return f, cause.Wrap(cause.VaultError, err, "inspect "+f.Path, fixDisk())
	}
	return withInspection(f, imageOf(report)), nil
}

func fixDisk() api.Fix {
	return api.Say("look at the disk of the data directory: ").Type(api.OnHost, "dmesg")
}

func withInspection(f api.File, i *api.Inspection) api.File {
	f.Image = i
	f.Proof = append(f.Proof, "the file itself: "+i.String())
	return f
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

// keptImageWarnings says what a person should know of an image that is kept.
func keptImageWarnings(f api.File, s sight) []string {
	if f.Image == nil {
		return nil
	}
	var out []string
	if f.Image.Verdict == api.ImageBad {
		out = append(out, fmt.Sprintf("%s was saved unchanged, but the image is %s. The device may not start from it: put a good image there", f.Path, f.Image))
	}
	if s.runs && f.Path == s.image.String() && f.Image.Contradicts(s.facts.Version) {
		out = append(out, fmt.Sprintf("%s is version %s, but the device runs %s: the file was replaced after the device started, and is used from its next start on",
			f.Path, f.Image.Version, s.facts.Version))
	}
	return out
}

// damageWarning says that the device's own verify found f damaged.
func damageWarning(f api.File, v ios.Verification) []string {
	if v.Damaged == "" {
		return nil
	}
	return []string{f.Path + ": the device itself finds this image damaged: " + v.Damaged}
}
