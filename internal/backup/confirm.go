package backup

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/vault"
)

// LookRules say when a device is asked for digests although nothing changed.
type LookRules struct {
	Reverify time.Duration // ask at least so often; 0: never
	Turns    Turns         // how many devices at once
}

// confirmation is the outcome of a look: the snapshot that the device confirms, or why a full
// backup has to follow.
type confirmation struct {
	snapshot api.Snapshot // zero without a look, and if a full backup follows
	why      []string     // of the full backup
	notes    []string
	release  func() // ends the turn of a digest; nil: there is none

	passedOver func(path string) bool // files of the snapshot that were not compared
}

func (c confirmation) end() {
	if c.release != nil {
		c.release()
	}
}

// confirm compares a device with its newest snapshot, in few commands and without copying
// anything. The commands change nothing. If something differs, or the snapshot cannot be
// confirmed, the session goes on as a full backup, which reports what went wrong. An error
// ends the attempt.
func (j job) confirm(ctx context.Context, d Device) (c confirmation, err error) {
	s, err := j.newestBackup(ctx)
	if err != nil {
		return c, err
	}
	if c.why, err = j.whyNotConfirmed(ctx, s); err != nil || len(c.why) > 0 {
		return c, err
	}
	if ReverifyDue(j.device.Name, s.Started, time.Now(), j.Looks.Reverify) {
		release, free := j.Looks.Turns.Take()
		if free {
			return confirmation{why: []string{"it is time to ask the device for its digests again"}, release: release}, nil
		}
		c.notes = []string{"the digests of the device are due; other devices compute theirs now, so they wait for a later look"}
	}
	before, why, err := j.configOf(ctx, s)
	switch {
	case err != nil:
		return c, err
	case why != "":
		c.why = []string{why}
		return c, nil
	}
	j.tell(api.Event{Device: j.device.Name, Step: api.StepLook})
	c.why, err = j.changesSince(ctx, d, s, before)
	if ends := endsLook(ctx, err); err != nil && !ends {
		c.why, err = []string{"the look failed: " + cause.Text(err)}, nil
	}
	if err == nil && len(c.why) == 0 {
		c.snapshot, c.passedOver = s, j.passedOver(s, before)
	}
	return c, err
}

// endsLook reports whether nothing more may be typed after err.
func endsLook(ctx context.Context, err error) bool {
	switch cause.Of(err) {
	case cause.SessionLost, cause.Cancelled, cause.UnsafePrompt, cause.PromptUnrecognised:
		return true
	}
	return ctx.Err() != nil
}

// newestBackup returns the newest backup of the device, without an ID if there is none that
// can be read. Files that the device sent by itself are no backups.
func (j job) newestBackup(ctx context.Context) (api.Snapshot, error) {
	name, err := j.Catalog.Latest(ctx, j.device.Name)
	if err != nil {
		return api.Snapshot{}, indexError(err, "look up the newest snapshot")
	}
	for name != "" {
		s, err := j.Vault.Snapshot(ctx, name)
		if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDamaged) {
			return api.Snapshot{}, nil
		}
		if err != nil {
			return api.Snapshot{}, vaultError(err, "read the newest snapshot")
		}
		if !s.Received() {
			return s, nil
		}
		name = s.Previous
	}
	return api.Snapshot{}, nil
}

// whyNotConfirmed returns why no look can confirm a snapshot, whatever the device shows.
func (j job) whyNotConfirmed(ctx context.Context, s api.Snapshot) ([]string, error) {
	policy := "files " + string(j.opts.Policy)
	switch {
	case s.ID == "":
		return []string{"there is no earlier backup"}, nil
	case s.Status != api.StatusOK:
		return []string{"the last backup is not complete"}, nil
	case len(s.Compared) == 0:
		return []string{"the last backup did not see everything"}, nil
	case !slices.Contains(s.Compared, selectionRules), !slices.Contains(s.Compared, policy):
		return []string{"the last backup selected its files by other rules"}, nil
	case slices.ContainsFunc(s.Facts.Install, uncommitted):
		return []string{"the device had software that is not committed"}, nil
	}
	listed := filesIn(s.Listings)
	for _, f := range s.Files {
		why, err := j.whyNotCarried(ctx, f, listed[f.Path])
		if err != nil {
			return nil, err
		}
		if why != "" {
			return []string{why}, nil
		}
	}
	return nil, nil
}

func uncommitted(i api.Installed) bool {
	return i.State == api.StateActivated || i.State == api.StateDeactivated
}

// whyNotCarried returns why a look cannot stand for one file of a snapshot, which has these
// entries in its listings.
func (j job) whyNotCarried(ctx context.Context, f api.File, entries []api.Entry) (why string, err error) {
	_, err = j.proveHeld(ctx, f.SHA256, f.Size)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return f.Path + " is missing from the vault", nil
	case errors.Is(err, vault.ErrDamaged):
		return "the vault's copy of " + f.Path + " is damaged", j.recordProof(ctx, f.SHA256, f.Size, false)
	case err != nil:
		return "", vaultError(err, "look up "+f.Path)
	case f.Path == api.RunningConfigPath:
		return "", nil
	}
	switch {
	case len(entries) == 0:
		return f.Path + " is in no listing of the last backup", nil
	case isSystem(f.Kind) && undated(entries):
		return f.Path + " has no date in the listings, so only a digest shows that it is the same", nil
	}
	return "", nil
}

// undated reports whether the listings do not say when a file was written.
func undated(entries []api.Entry) bool {
	return !slices.ContainsFunc(entries, func(e api.Entry) bool { return e.Modified != "" })
}

// digestChanges asks the device for the digests of the files of a snapshot that have no date in
// its listings: certificates in nvram:, the VLANs of a Catalyst 6500. They are small: a look does
// not stand for an image without a date. It returns in words what changed.
func (j job) digestChanges(ctx context.Context, d Device, s api.Snapshot) ([]string, error) {
	listed := filesIn(s.Listings)
	for _, f := range s.Files {
		if f.Path == api.RunningConfigPath || isStartup(f.Path) || !undated(listed[f.Path]) {
			continue
		}
		v, err := j.verify(ctx, d, f)
		if err != nil {
			return nil, err
		}
		if same := v.MD5 != "" && v.MD5 == f.MD5 || v.SHA512 != "" && v.SHA512 == f.SHA512; !same {
			return []string{f.Path + " has no date in the listings, and the digest of the device is another one, or it computed none"}, nil
		}
	}
	return nil, nil
}

// isStartup reports whether a file is the startup-config in nvram:, which has no date: the
// running-config says when it was written.
func isStartup(path string) bool {
	p := flash.ParsePath(path)
	return p.FS == "nvram:" && p.Rel == "startup-config"
}

// configOf returns the running-config in a snapshot; empty if it has none, as one of images alone.
// why says that the vault's copy is damaged.
func (j job) configOf(ctx context.Context, s api.Snapshot) (config, why string, err error) {
	i := slices.IndexFunc(s.Files, func(f api.File) bool { return f.Path == api.RunningConfigPath })
	if i < 0 {
		return "", "", nil
	}
	f := s.Files[i]
	blob, err := j.Vault.OpenBlob(ctx, f.SHA256)
	if err != nil {
		return "", "", vaultError(err, "read "+f.Path)
	}
	data, err := io.ReadAll(blob)
	if err = errors.Join(err, blob.Close()); err != nil {
		return "", "", vaultError(err, "read "+f.Path)
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != f.SHA256 {
		return "", "the vault's copy of the running-config is damaged", j.recordProof(ctx, f.SHA256, f.Size, false)
	}
	return string(data), "", nil
}

// changesSince asks the device, and returns in words what differs from a snapshot. It asks
// nothing more after the first difference.
func (j job) changesSince(ctx context.Context, d Device, s api.Snapshot, before string) ([]string, error) {
	f, err := d.Brief(ctx)
	if err != nil {
		return nil, err
	}
	systems, skip := systemsOf(s, f), j.passedOver(s, before)
	old := appearance{facts: s.Compared, files: without(filesIn(listingsOn(s.Listings, systems)), skip),
		config: ios.WithoutVolatile(before), saved: ios.StartupWritten(before)}
	now := appearance{facts: comparedLines(f, j.opts.Policy)}
	if changes := old.factChanges(now); len(changes) > 0 {
		return changes, nil
	}
	if changes, err := patchChanges(ctx, d, s.Facts); err != nil || len(changes) > 0 {
		return changes, err
	}
	listings, err := listAll(ctx, d, systems)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(listings, func(l ios.Listing) bool { return len(l.Unread) > 0 })
	if i >= 0 && j.opts.Policy != api.PolicyImage { // a backup of images alone does not need the line either
		return []string{listings[i].Path + " has a line that cannot be read: " + listings[i].Unread[0]}, nil
	}
	now.files = without(filesIn(listingsOf(listings)), skip)
	if changes := old.fileChanges(now); len(changes) > 0 {
		return changes, nil
	}
	if changes, err := j.digestChanges(ctx, d, s); err != nil || len(changes) > 0 || before == "" {
		return changes, err
	}
	config, err := d.RunningConfig(ctx)
	if err != nil {
		return nil, err
	}
	now.config = ios.WithoutVolatile(string(config))
	if slices.Contains(systems, "nvram:") { // no date shows when its startup-config was written
		now.saved = ios.StartupWritten(string(config))
	}
	return old.configChanges(now), nil
}

// passedOver returns a function that reports whether a look passes over a file because the
// device writes it all the time. A file that the snapshot has is compared all the same, unless
// the snapshot was to have all files. config is the running-config.
func (j job) passedOver(s api.Snapshot, config string) func(path string) bool {
	own := ios.WrittenByItself(config)
	return func(path string) bool {
		saved := func(f api.File) bool { return f.Path == path }
		return own(path) && (j.opts.Policy == api.PolicyAll || !slices.ContainsFunc(s.Files, saved))
	}
}

// patchChanges compares show install summary, if the device had more than its image: a patch
// can be activated or removed, and no file changes.
func patchChanges(ctx context.Context, d Device, was api.Facts) ([]string, error) {
	if !slices.ContainsFunc(was.Install, func(i api.Installed) bool { return i.Type != "IMG" }) {
		return nil, nil
	}
	installed, err := d.Installed(ctx)
	if err != nil {
		return nil, err
	}
	if now := (ios.Facts{Install: installed}).API().Install; !slices.Equal(now, was.Install) {
		return []string{"show install summary shows other packages or states"}, nil
	}
	return nil, nil
}

// listAll lists these file systems with all their directories.
func listAll(ctx context.Context, d Device, systems []string) ([]ios.Listing, error) {
	var all []ios.Listing
	for _, fs := range systems {
		listings, err := d.List(ctx, fs)
		if err != nil {
			return nil, err
		}
		all = append(all, listings...)
	}
	return all, nil
}

// unchanged is the result of a look that confirmed a snapshot.
func (j job) unchanged(c confirmation, attempts int, began time.Time) api.BackupResult {
	res := api.BackupResult{
		Device: j.device.Name, Status: api.StatusUnchanged, Snapshot: c.snapshot.ID, Attempts: attempts,
		Started: began.UTC().Truncate(time.Second), Seconds: math.Round(time.Since(began).Seconds()*10) / 10,
		Facts: c.snapshot.Facts, Files: c.carried(), Warnings: c.snapshot.Warnings,
	}
	res.Notes = slices.Concat(res.Warnings, c.notes)
	if left := len(c.snapshot.Files) - len(res.Files); left > 0 {
		res.Notes = append(res.Notes, fmt.Sprintf("%d files that the device writes all the time were not compared; the snapshot has them as they were then", left))
	}
	return res
}

// carried are the files for which a look stands.
func (c confirmation) carried() []api.File {
	files := []api.File{}
	for _, f := range c.snapshot.Files {
		if c.passedOver(f.Path) {
			continue
		}
		f.Copied, f.ProvedBy, f.Evidence, f.ProvedAt, f.Proof = false, f.Evidence, api.EvidenceCarried, c.snapshot.Started, nil
		files = append(files, f)
	}
	return files
}

// fullBackupNote says why a scheduled backup made a snapshot.
func fullBackupNote(why []string) string {
	const most = 3
	text := strings.Join(why[:min(len(why), most)], "; ")
	if len(why) > most {
		text += fmt.Sprintf("; and %d more", len(why)-most)
	}
	return "a new snapshot was made because: " + text
}
