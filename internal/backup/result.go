package backup

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// result puts the attempts of a backup that began at this time together.
func (j job) result(a attempts, began time.Time) api.BackupResult {
	v := a.report
	if v.look.snapshot.ID != "" {
		return j.unchanged(v.look, a.count, began)
	}
	for i, f := range v.files {
		if done, ok := a.kept.find(f); ok {
			v.files[i] = done
		}
	}
	res := api.BackupResult{
		Device: j.device.Name, Attempts: a.count, Plan: v.plan,
		Started: began.UTC().Truncate(time.Second), Seconds: math.Round(time.Since(began).Seconds()*10) / 10,
		BytesCopied: bytesCopied(v.files), Retransmits: a.repeated, Facts: v.sight.record(), Files: append([]api.File{}, v.files...),
		Warnings: slices.Concat(v.sight.warnings, a.cures(), unitDifferences(v.files, v.sight), a.warnings),
	}
	res.Notes = slices.Concat(res.Warnings, v.sight.notes)
	res.Status, res.Cause, res.Message, res.Hint = verdict(v, len(a.kept) > 0)
	return res
}

// continued gives a result that was cancelled the next step: the command that copies
// the rest, in place of the usual one. o is as the user gave it.
func continued(res api.BackupResult, o Options) api.BackupResult {
	usual := cause.Hint(cause.New(cause.Cancelled, "", nil))
	step := o.again(res.Device).String()
	if res.Cause == cause.Cancelled && res.Hint == usual {
		res.Hint = step
	}
	for i, f := range res.Files {
		if f.Cause == cause.Cancelled && f.Hint == usual {
			res.Files[i].Hint = step
		}
	}
	return res
}

// again is the operation that does the same for one device.
func (o Options) again(device string) api.Fix {
	fix := api.Do("backup", device)
	if o.Policy != "" {
		fix = fix.With("files", string(o.Policy))
	}
	switch {
	case o.DryRun:
		return fix.With("dry_run", "")
	case o.Recopy:
		return fix.With("recopy", "").Say(" copies every file again")
	}
	return fix.Say(" copies the rest; files in the vault are not copied again")
}

// record is what the device showed of itself, in the form of a snapshot.
func (s sight) record() api.Facts {
	f := s.facts.API()
	if s.runs {
		f.Image = s.image.String()
	}
	return f
}

// bytesCopied adds up the files that crossed the network in this backup.
func bytesCopied(files []api.File) int64 {
	var n int64
	for _, f := range files {
		if f.Copied {
			n += f.Size
		}
	}
	return n
}

// verdict decides the status and the cause: that of the most important missing
// file, else of the failure that ended the attempt. A dangerous question comes
// before both.
func verdict(v visit, anyKept bool) (status string, c api.Cause, message, hint string) {
	missing := slices.IndexFunc(v.files, func(f api.File) bool { return f.Cause != "" })
	switch {
	case v.err == nil && missing < 0:
		return api.StatusOK, "", "", ""
	case anyKept:
		status = api.StatusIncomplete
	default:
		status = api.StatusFailed
	}
	alone := missing >= 0 && !endsVisit(v.files[missing].Cause) // before the failure that ended the attempt
	if v.err == nil || alone && cause.Of(v.err) != cause.UnsafePrompt {
		f := v.files[missing]
		return status, f.Cause, f.Message, f.Hint
	}
	return status, cause.Of(v.err), cause.Text(v.err), cause.Hint(v.err)
}

// putSnapshot writes the snapshot of the proved files, and returns the result
// with its name. A backup that cannot write it has failed, whatever it copied.
func (j job) putSnapshot(ctx context.Context, res api.BackupResult, seen sight) api.BackupResult {
	s := api.Snapshot{
		Format: vault.Format, ID: vault.NewID(j.device.Name, res.Started), Device: j.device.Name, Address: j.device.Address,
		Status: res.Status, Started: res.Started, Seconds: res.Seconds, BytesCopied: res.BytesCopied,
		Facts: res.Facts, Files: res.Files, Listings: listingsOf(seen.listings),
		Notes: res.Notes, Warnings: res.Warnings,
	}
	if !seen.unsure {
		s.Compared = comparedLines(seen.facts, j.opts.Policy)
	}
	// A cancelled context must not lose the kept files, nor keep them out of the
	// index.
	ctx = context.WithoutCancel(ctx)
	_, err := catalog.Keep(ctx, j.Catalog, j.Vault, s)
	if err != nil && !errors.Is(err, catalog.ErrNotIndexed) {
		return failed(res, vaultError(err, "write snapshot"))
	}
	res.Snapshot = s.ID
	if err != nil {
		res.Notes = append(res.Notes, notIndexed(err))
	}
	return res
}

// notIndexed is the note of a result whose snapshot is safe, and not in the
// index.
func notIndexed(err error) string {
	return fmt.Sprintf("the snapshot is in the vault, but %v; the next command will index it", err)
}

func failed(res api.BackupResult, err error) api.BackupResult {
	res.Status, res.Cause, res.Message, res.Hint = api.StatusFailed, cause.Of(err), cause.Text(err), cause.Hint(err)
	return res
}

// listingsOf is listings in the form of a snapshot.
func listingsOf(in []ios.Listing) []api.Listing {
	out := make([]api.Listing, 0, len(in))
	for _, l := range in {
		v := api.Listing{Path: l.Path, Total: l.Total, Free: l.Free, Entries: make([]api.Entry, 0, len(l.Entries))}
		for _, e := range l.Entries {
			v.Entries = append(v.Entries, api.Entry{Name: e.Name, Size: e.Size,
				Directory: e.Type == ios.TypeDirectory, Modified: e.Modified, Deleted: e.Deleted})
		}
		out = append(out, v)
	}
	return out
}
