package restore

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/flash"
	"flashwarden/internal/ios"
)

// change types one command that changes the device.
func (a application) change(ctx context.Context, c ios.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	a.line.report(api.Event{Step: api.StepChange, File: c.Line, Size: -1})
	return a.line.Do(ctx, c)
}

// overNewLine calls do over a new line, because the state of the old one is unknown. If
// the new line is lost too, it tries again, three times in all: the device must not stay
// as it is. A session that ends behind the enable password may be lost, because this
// restore has logged in with that password before.
func (a application) overNewLine(ctx context.Context, do func() error) error {
	pause := time.NewTicker(orDefault(a.Poll, 10*time.Second))
	defer pause.Stop()
	for try := 1; ; try++ {
		err := a.line.renew(ctx)
		if err == nil {
			err = do()
		}
		switch c := cause.Of(err); {
		case try == 3, c != cause.SessionLost && c != cause.ConnectTimeout && c != cause.ConnectRefused && c != cause.EnableFailed:
			return err
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return err
		}
	}
}

func (a application) mkdir(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	done.changed = true
	return done, a.change(ctx, ios.MakeDirectory(s.Path))
}

// remove deletes a file. Immediately before, it proves that the file is the one
// of the plan, that the vault holds its content whole, and that the device does
// not need it.
func (a application) remove(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	if used := a.view.inUse(s.Path); used != "" {
		return done, done.stop(s.Path+" is not deleted: "+used, api.Say("boot another image first"))
	}
	if err := a.heldNow(ctx, s, done); err != nil {
		return done, err
	}
	done.changed = true
	if err := a.change(ctx, ios.Delete(s.Path)); err != nil {
		return done, err
	}
	done.deleted = append(slices.Clip(done.deleted), s.Path)
	return a.measure(ctx, flash.ParsePath(s.Path), done)
}

// heldNow proves that the vault holds the present content of a file, whole.
func (a application) heldNow(ctx context.Context, s api.PlanStep, done outcome) error {
	sha, err := a.keptNow(ctx, s, done)
	if err != nil {
		return err
	}
	if err := a.Vault.Prove(ctx, sha, s.Size); err != nil {
		return cause.Wrap(cause.VaultError, err, s.Path+" stays as it is", checkData(a.plan.Request.Device))
	}
	return nil
}

// measure lists the file system of a deleted file again: the device says whether
// the file is gone, and how much space there is now.
func (a application) measure(ctx context.Context, gone flash.Path, done outcome) (outcome, error) {
	listings, err := a.line.List(ctx, gone.FS)
	if err != nil {
		return done, err
	}
	for i := range listings {
		listings[i].Table = a.view.table
	}
	now := flash.Read(a.view.facts, listings)
	if _, there := now.Entry(gone); there {
		return done, cause.New(cause.CommandRejected, gone.String()+" is still there after its deletion", api.Say("look at it on the device: ").Type(api.OnDevice, "dir "+gone.FS))
	}
	done.free = maps.Clone(done.free)
	if done.free == nil {
		done.free = make(map[string]int64)
	}
	done.free[a.view.Canonical(gone.FS)] = now.Free(gone.FS)
	return done, nil
}

// keptNow returns the SHA-256 under which the vault holds the present content
// of a file.
func (a application) keptNow(ctx context.Context, s api.PlanStep, done outcome) (string, error) {
	device := a.plan.Request.Device
	if s.ReadBack {
		sha, err := a.readBack(ctx, s)
		if err == nil {
			err = a.holds(ctx, device, s.Path, sha, s.Size)
		}
		return sha, done.refuseUnlessChanged(err)
	}
	d, err := a.line.digest(ctx, s.Path, s.Size)
	if err != nil {
		return "", err
	}
	if d.MD5 != s.MD5 {
		return "", done.stop(s.Path+" has changed since the plan was made", api.Say("make a new plan: ").Do("restore", device))
	}
	sha, err := a.kept(ctx, device, s)
	return sha, done.refuseUnlessChanged(err)
}

// stop is the error of a step that must not be done: a refusal as long as
// nothing was changed.
func (o outcome) stop(seen string, fix api.Fix) error {
	if o.changed {
		return cause.New(cause.Cancelled, seen, fix)
	}
	return refuse(seen, fix)
}

// refuseUnlessChanged turns the error that the vault lacks a content into a refusal,
// as long as nothing was changed.
func (o outcome) refuseUnlessChanged(err error) error {
	if errors.Is(err, errNotKept) {
		return o.stop(cause.Text(err), cause.FixOf(err))
	}
	return err
}

// checkData is the fix where a blob of the vault is not what its name says.
func checkData(device string) api.Fix {
	return api.Say("run ").Do("check").With("read_data", "").Say(", and back the device up again: ").Do("backup", device).With("recopy", "")
}

// proveThere reads back a file if only its size was compared.
func (a application) proveThere(ctx context.Context, s api.PlanStep, done outcome) (outcome, error) {
	sha, err := a.readBack(ctx, s)
	if err == nil && sha != s.SHA256 {
		err = cause.New(cause.DigestMismatch, s.Path+" has the same size as the file of the snapshot, but other content",
			api.Say("add ").Option("replace", "").Say(", or restore it to another place with ").Option("to", "").Say("; no boot line was written"))
	}
	return done, err
}
