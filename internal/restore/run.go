package restore

import (
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
)

// run is one restore.
type run struct {
	*Runner
	device    api.Device
	selection Selection
	opts      Options

	session  Device
	view     view
	noDigest bool // the device computed none when it was asked last

	targets   []target
	image     api.File // what boot lines name; zero when nothing boots
	install   bool     // the image is expanded by install add, not booted itself
	boot      []string // what is to boot next, in order; nil: it is so already, or was not asked for
	bootLines []string
	steps     []step
	after     map[string]int64 // room that is left, by file system

	changed bool // something was typed that changes the device
	result  api.RestoreResult
}

// Restore puts what was selected onto a device. It always returns a Result;
// what failed is in it.
func (r *Runner) Restore(ctx context.Context, d api.Device, s Selection, o Options) api.RestoreResult {
	run := &run{Runner: r, device: d, selection: s, opts: o}
	run.result = api.RestoreResult{Device: d.Name, Snapshot: s.Snapshot.ID, Started: time.Now().UTC().Truncate(time.Second), Attempts: 1, Files: []api.File{}}
	began := time.Now()
	run.settle(run.restore(ctx))
	run.result.Seconds = math.Round(time.Since(began).Seconds()*10) / 10
	r.tell(d.Name, api.StepDone, "", 0, -1)
	return run.result
}

// restore logs in, plans, asks, and carries the plan out.
func (r *run) restore(ctx context.Context) error {
	if err := r.dial(ctx); err != nil {
		return err
	}
	defer func() { r.hangUp() }()
	if err := r.plan(ctx); err != nil {
		return cancelledOr(ctx, err)
	}
	if r.opts.DryRun || len(r.steps) == 0 {
		return nil
	}
	if err := r.consent(ctx); err != nil {
		return cancelledOr(ctx, err)
	}
	for _, s := range r.steps {
		if err := s.run(ctx); err != nil {
			return cancelledOr(ctx, err)
		}
	}
	return nil
}

// consent asks before anything is changed.
func (r *run) consent(ctx context.Context) error {
	agreed, err := r.ask(ctx, Question{Device: r.device.Name, Text: "Go on?", Plan: r.result.Plan})
	if err == nil && !agreed {
		err = refuse("nobody agreed to restore "+r.device.Name, "look at the plan with --dry-run, then answer yes on a terminal or give --yes")
	}
	return err
}

// ask asks the user. A device may well have closed the line while somebody
// thought, so that a new one is taken then.
func (r *run) ask(ctx context.Context, q Question) (agreed bool, err error) {
	asked := time.Now()
	agreed = r.Agree != nil && r.Agree(q)
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !agreed || time.Since(asked) < time.Minute {
		return agreed, nil
	}
	r.hangUp()
	return true, r.dial(ctx)
}

func (r *run) dial(ctx context.Context) error {
	r.tell(r.device.Name, api.StepLogin, "", 0, -1)
	dev, err := r.Dial(ctx, r.device)
	if err != nil {
		return err
	}
	r.session = dev
	return nil
}

// hangUp ends the terminal session. What was changed was changed: an error
// here is only logged.
func (r *run) hangUp() {
	if err := r.session.Close(); err != nil {
		r.log().Debug("close terminal", "device", r.device.Name, "err", err)
	}
}

// do types one command that changes the device.
func (r *run) do(ctx context.Context, c ios.Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.tell(r.device.Name, api.StepChange, c.Line, 0, -1)
	r.changed = true
	return r.session.Do(ctx, c)
}

// deleteStep deletes a file that the user named. That the vault holds it is
// shown again, immediately before: the file may have changed since.
func (r *run) deleteStep(p string) step {
	return step{[]string{"verify /md5 " + p, ios.Delete(p).Line}, func(ctx context.Context) error {
		e, _ := r.view.entry(p)
		return r.deleteKept(ctx, p, e.Entry.Size)
	}}
}

// deleteKept deletes a file once the vault is shown to hold its content, whole.
func (r *run) deleteKept(ctx context.Context, p string, size int64) error {
	d, err := r.digest(ctx, p, size)
	if err != nil {
		return err
	}
	sha := ""
	if d.MD5 != "" {
		sha, err = r.kept(ctx, p, d.MD5, size)
	} else if sha, err = r.readBack(ctx, p, size); err == nil && !r.Vault.HasBlob(sha, size) {
		err = r.notKept(p)
	}
	if err != nil {
		return err
	}
	if err := r.Vault.Prove(sha, size); err != nil {
		return cause.Wrap(cause.VaultError, err, p+" is not deleted", api.Say("run `flashwarden check --read-data`, and back the device up with --recopy"))
	}
	if err := r.do(ctx, ios.Delete(p)); err != nil {
		return err
	}
	r.result.Deleted = append(r.result.Deleted, p)
	return nil
}

// settle decides the result's status and says what there is on the device.
func (r *run) settle(err error) {
	res := &r.result
	if err == nil {
		res.Status = api.StatusOK
		return
	}
	res.Status = api.StatusFailed
	if r.anythingDone() {
		res.Status = api.StatusIncomplete
	}
	res.Refused = errors.Is(err, ErrRefused) && !r.changed
	res.Cause, res.Message, res.Hint = cause.Of(err), err.Error(), cause.Hint(err)
	if done := r.doneSoFar(); done != "" {
		res.Message += "; " + done
	}
}

// anythingDone reports whether a part of what was asked is on the device.
func (r *run) anythingDone() bool {
	for _, f := range r.result.Files {
		if f.Copied {
			return true
		}
	}
	return len(r.result.Boot) > 0
}

// doneSoFar says what a restore that broke off has done.
func (r *run) doneSoFar() string {
	var done []string
	for _, f := range r.result.Files {
		if f.Copied {
			done = append(done, f.Path+" is restored")
		}
	}
	for _, p := range r.result.Deleted {
		done = append(done, p+" is deleted")
	}
	switch {
	case len(r.result.Boot) > 0:
		done = append(done, "the boot lines are set")
	case r.changed && r.opts.SetBoot && len(r.bootLines) > 0:
		done = append(done, "the boot lines are not proved")
	}
	return strings.Join(done, ", ")
}

// cancelledOr is err, or what ended the context.
func cancelledOr(ctx context.Context, err error) error {
	var reason *cause.Error
	switch {
	case ctx.Err() == nil:
		return err
	case errors.As(context.Cause(ctx), &reason):
		return reason
	case err == ctx.Err():
		return cause.New(cause.Cancelled, "cancelled", nil)
	case cause.Of(err) == cause.Cancelled:
		return err
	}
	return cause.Wrap(cause.Cancelled, err, "cancelled", nil)
}
