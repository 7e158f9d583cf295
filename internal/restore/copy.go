package restore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
	"flashwarden/internal/spool"
	"flashwarden/internal/transfer"
)

const (
	// requestWithin is how long a ticket waits for the device's request.
	requestWithin = 10 * time.Minute
	// cleanWithin is how long the clean-up after a failed copy may take, also
	// when the user has broken off.
	cleanWithin = time.Minute
)

// put brings one file onto the device and proves it there.
func (a application) put(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	if s.Unless {
		if d, err := a.line.digest(ctx, s.Path, s.Size); err == nil && compareDigests(d, fileOf(s)) == same {
			return a.finish(s, evidenceOf(d), false, done), nil
		}
	}
	if err := a.fits(s, done); err != nil {
		return done, err
	}
	done, begun, err := a.send(ctx, s, done)
	if err != nil && begun {
		done, err = a.afterFailure(ctx, s, done, err)
	}
	if err != nil {
		return done, err
	}
	if fs := a.view.Canonical(flash.ParsePath(s.Path).FS); done.free[fs] > 0 {
		done.free = maps.Clone(done.free)
		done.free[fs] -= s.Size
	}
	return done, nil
}

// send has the device copy a file once, and proves it. begun reports whether the
// device has asked for the file: otherwise it changed nothing.
func (a application) send(ctx context.Context, s api.PlanStep, done outcome) (_ outcome, begun bool, err error) {
	ticket, err := a.offer(ctx, s)
	if err != nil {
		return done, false, err
	}
	done.changed = true
	_, err = a.transfer(ctx, s, true, ticket)
	if err == nil || cause.Of(err) == cause.SessionLost {
		done, err = a.prove(ctx, s, done, err)
	}
	begun = ticket.Evidence().Requested
	closed := ticket.Close() // the device gets no more of it
	if err != nil {
		return done, begun, errors.Join(err, closed)
	}
	return done, begun, nil
}

// afterFailure looks after a copy that the device has begun and that failed, also
// when the user broke off. In nvram:, and in place of a file that write memory has written, the
// copy may have replaced what the device needs at its next start, so that it is brought to its
// end. Elsewhere the copy is deleted.
func (a application) afterFailure(ctx context.Context, s api.PlanStep, done outcome, failure error) (outcome, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanWithin)
	defer cancel()
	if inNVRAM(s.Path) || s.Overwrite {
		return a.finishReplacement(ctx, s, done, failure)
	}
	var what string
	err := a.overNewLine(ctx, func() (err error) {
		what, err = a.removePartial(ctx, s)
		return err
	})
	if err != nil {
		a.log().Info("look after a failed copy", "device", a.plan.Request.Device, "file", s.Path, "err", err)
		what = s.Path + " may be on the device with wrong content, which could not be checked: see `dir " + s.Path + "`, and delete it by hand"
	}
	return done, also(failure, what)
}

// finishReplacement proves a file whose copy failed, or else sends it once
// more. It types no further copy where the device asked something dangerous.
func (a application) finishReplacement(ctx context.Context, s api.PlanStep, done outcome, failure error) (outcome, error) {
	var proved outcome
	err := a.overNewLine(ctx, func() (err error) {
		proved, err = a.prove(ctx, s, done, nil)
		return err
	})
	if err == nil {
		return proved, nil
	}
	if asked := cause.Of(failure); asked == cause.UnsafePrompt || asked == cause.PromptUnrecognised {
		return done, also(failure, s.Path+" was not sent again")
	}
	switch cause.Of(err) {
	case cause.SourceMissing:
		return done, also(failure, "nothing of "+s.Path+" is left on the device")
	case cause.DigestMismatch, cause.SizeMismatch:
		s.Overwrite = true // the vault has what the plan replaces
		if done, _, err = a.send(ctx, s, done); err == nil {
			return done, nil
		}
	}
	a.log().Info("look after a failed copy", "device", a.plan.Request.Device, "file", s.Path, "err", err)
	return done, also(failure, s.Path+" may be incomplete: `write memory` on the device writes "+written(s.Path)+" there")
}

// written is what write memory writes to a file.
func written(p string) string {
	if strings.HasPrefix(flash.ParsePath(p).Base(), "private-config") {
		return "the private keys in use"
	}
	return "the running-config"
}

// also adds to an error the state of the device now.
func also(failure error, what string) error {
	return &cause.Error{Cause: cause.Of(failure), Seen: failure.Error() + "; " + what, Fix: cause.FixOf(failure)}
}

// fits refuses a copy for which there is no room, as the device said after the
// last deletion.
func (a application) fits(s api.PlanStep, done outcome) error {
	fs := a.view.Canonical(flash.ParsePath(s.Path).FS)
	free, listed := done.free[fs]
	if !listed || free < 0 || free >= s.Size || s.Overwrite {
		return nil
	}
	return cause.Wrap(cause.DeviceNoSpace, ErrNoSpace, fmt.Sprintf("%s has %d bytes free after the deletion, and %s needs %d", fs, free, s.Path, s.Size),
		squeeze(api.Say(""), fs))
}

// fileOf is the file of a step.
func fileOf(s api.PlanStep) api.File {
	return api.File{Path: s.Path, Kind: s.FileKind, Size: s.Size, MD5: s.MD5, SHA256: s.SHA256, SHA512: s.SHA512}
}

func (a application) finish(s api.PlanStep, evidence string, copied bool, done outcome) outcome {
	a.line.report(api.Event{Step: api.StepProved, File: s.Path, Bytes: s.Size, Size: s.Size})
	return done.proved(fileOf(s), evidence, copied)
}

// offer makes the ticket for one file. The blob is read and proved before.
func (a application) offer(ctx context.Context, s api.PlanStep) (*spool.Ticket, error) {
	blob, err := a.Vault.OpenBlob(context.WithoutCancel(ctx), s.SHA256)
	var ticket *spool.Ticket
	if err == nil {
		ticket, err = a.Spool.Offer(ctx, blob, spool.Offer{Device: a.line.RemoteAddr(), SHA256: s.SHA256, Deadline: time.Now().Add(requestWithin), Secret: a.plan.CopyBy != ""})
	}
	switch {
	case err == nil:
		return ticket, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, os.ErrPermission):
		return nil, cause.Wrap(cause.VaultError, err, "offer "+s.Path, api.Say("the data directory must belong to the user that runs flashwarden"))
	}
	return nil, cause.Wrap(cause.VaultError, err, "offer "+s.Path, checkData(a.plan.Request.Device))
}

// via is the transport of the plan.
func (a application) via() transfer.Transport { return wayOf(a.plan).transport(a.Runner) }

// transfer makes one copy, and takes a new line if the copy completed after the
// old one was lost.
func (a application) transfer(ctx context.Context, s api.PlanStep, toDevice bool, ticket *spool.Ticket) (*spool.File, error) {
	out, err := transfer.Transfer{
		Session: a.line, Via: a.via(), Path: s.Path, ToDevice: toDevice, Overwrite: s.Overwrite, Ticket: ticket,
		Name: a.plan.Request.Device, Stall: a.Stall,
		Moved: func(bytes int64) {
			a.line.report(api.Event{Step: api.StepCopy, File: s.Path, Bytes: bytes, Size: ticket.Size, Retransmits: ticket.Evidence().Retransmits})
		},
		Log: a.log(),
	}.Run(ctx)
	switch {
	case err == nil && out.SessionLost && toDevice: // prove takes a new line, and looks whether the device has the file
		err = cause.New(cause.SessionLost, s.Path+" was sent, but the session ended before the device said that it has it",
			api.Say("the next restore sends only missing files: ").Do("restore", a.plan.Request.Device))
	case err == nil && out.SessionLost:
		err = a.line.renew(ctx)
	case cause.Of(err) == cause.NotPermittedOnDevice: // its words name no command
		err = fmt.Errorf("copy %s: %w", s.Path, err)
	}
	return out.File, err
}

// prove compares the file on the device with the snapshot. With an error of the
// copy, whose line died, it looks over a new line.
func (a application) prove(ctx context.Context, s api.PlanStep, done outcome, copyErr error) (outcome, error) {
	if copyErr != nil {
		if err := a.line.renew(ctx); err != nil {
			return done, errors.Join(copyErr, err)
		}
	}
	if s.ReadBack {
		return a.proveByReading(ctx, s, done, copyErr)
	}
	d, err := a.line.digest(ctx, s.Path, s.Size)
	if err != nil {
		return done, cmp.Or(copyErr, err)
	}
	switch compareDigests(d, fileOf(s)) {
	case same:
		return a.finish(s, evidenceOf(d), true, done), nil
	case other:
		return done, cmp.Or(copyErr, mismatch("%s: digest mismatch: snapshot %s, device %s", s.Path, cmp.Or(s.MD5, s.SHA512), cmp.Or(d.MD5, d.SHA512)))
	}
	return a.proveByReading(ctx, s, done, copyErr)
}

func mismatch(format string, args ...any) error {
	return cause.New(cause.DigestMismatch, fmt.Sprintf(format, args...), api.Say("try again; if this fails again, the flash of the device is probably damaged"))
}

// proveByReading reads a file back from a device that computes no digest.
func (a application) proveByReading(ctx context.Context, s api.PlanStep, done outcome, copyErr error) (outcome, error) {
	sha, err := a.readBack(ctx, s)
	switch {
	case err == nil && sha == s.SHA256:
		done = done.note(s.Path + " was read back from the device and is equal, byte by byte, because this device cannot compute MD5")
		return a.finish(s, api.EvidenceSize, true, done), nil
	case copyErr != nil:
		return done, copyErr
	case err != nil:
		return done, err
	}
	return done, mismatch("%s: read back from the device it has SHA-256 %s, the snapshot says %s", s.Path, sha, s.SHA256)
}

// readBack has the device send a file, and returns its SHA-256.
func (a application) readBack(ctx context.Context, s api.PlanStep) (sha256 string, err error) {
	ticket := a.via().Expect(a.Spool, a.line.RemoteAddr(), s.Size, time.Now().Add(requestWithin))
	defer func() { err = errors.Join(err, ticket.Close()) }()
	f, err := a.transfer(ctx, s, false, ticket)
	if err != nil {
		return "", err
	}
	return f.SHA256, nil
}

// removePartial deletes the file that a failed copy left.
func (a application) removePartial(ctx context.Context, s api.PlanStep) (what string, err error) {
	p := flash.ParsePath(s.Path)
	listings, err := a.line.List(ctx, p.FS)
	if err != nil {
		return "", err
	}
	for i := range listings {
		listings[i].Table = a.view.table
	}
	if _, there := flash.Read(a.view.facts, listings).Entry(p); !there {
		return "nothing of " + s.Path + " is left on the device", nil
	}
	if err := a.change(ctx, ios.Delete(s.Path)); err != nil {
		return "", err
	}
	return "the incomplete " + s.Path + " was deleted", nil
}
