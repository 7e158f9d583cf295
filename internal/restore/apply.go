package restore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/transfer"
)

// outcome is what the steps of a plan have done so far. Each step takes the
// outcome of those before and returns its own.
type outcome struct {
	files   []api.File // on the device, and proved
	deleted []string
	boot    []string
	notes   []string
	facts   api.Facts
	bytes   int64 // copied
	changed bool  // something was typed that changes the device
}

// proved adds a file that is on the device and proved.
func (o outcome) proved(f api.File, evidence string, copied bool) outcome {
	f.Evidence, f.Copied = evidence, copied
	o.files = append(slices.Clip(o.files), f)
	if copied {
		o.bytes += f.Size
	}
	return o
}

func (o outcome) note(text string) outcome {
	o.notes = append(slices.Clip(o.notes), text)
	return o
}

// Apply does the steps of a plan, and nothing else. It is refused when the plan
// was altered or has refusals, or when the device is no longer as the plan saw
// it. It always returns a result, which has the failure.
func (r *Runner) Apply(ctx context.Context, d api.Device, p api.Plan, events func(api.Event)) api.RestoreResult {
	began := time.Now()
	report := reporterFor(d.Name, events)
	before := p.Result()
	done := outcome{files: before.Files, notes: before.Notes, facts: before.Facts}
	err := sound(p, d.Name)
	if err == nil && len(p.Steps) > 0 {
		done, err = r.apply(ctx, d, p, done, report)
	}
	result := settle(p, done, cancelledOr(ctx, err))
	result.Started, result.Seconds = began.UTC().Truncate(time.Second), math.Round(time.Since(began).Seconds()*10)/10
	report(api.StepDone, "", 0, -1)
	return result
}

// sound refuses a plan that Plan did not make in this form.
func sound(p api.Plan, device string) error {
	again := api.Do("restore", device).Say(" makes a new plan")
	sum, err := p.Sum()
	switch {
	case err != nil:
		return err
	case sum != p.Digest:
		return refuse("the plan was changed after it was made: its digest does not match", again)
	case len(p.Refusals) > 0:
		return refuse("the plan has refusals: "+p.Refusals[0].Detail, p.Refusals[0].Fix)
	case p.Request.Device != device:
		return refuse(fmt.Sprintf("the plan is for %s, not for %s", p.Request.Device, device), again)
	}
	var all []string
	for _, s := range p.Steps {
		typed := commands(p, s)
		all = append(all, typed...)
		foreign := func(line string) bool { return !strings.HasPrefix(strings.TrimPrefix(line, "no "), "boot system") }
		if len(typed) == 0 || !slices.Equal(typed, s.Commands) || slices.ContainsFunc(s.Lines, foreign) {
			return refuse(fmt.Sprintf("the plan shows other commands than its step %q stands for", s.Kind), again)
		}
	}
	if !slices.Equal(all, p.Commands) {
		return refuse("the plan shows other commands than those of its steps", again)
	}
	return nil
}

// application is one plan on one device.
type application struct {
	*Runner
	plan api.Plan
	view view // of the device before the first step
	line *line
}

// apply logs in, checks that the device is as the plan saw it, and does the
// steps.
func (r *Runner) apply(ctx context.Context, d api.Device, p api.Plan, done outcome, report reporter) (outcome, error) {
	l, err := r.connect(ctx, d, report)
	if err != nil {
		return done, err
	}
	defer l.hangUp()
	report(api.StepLook, "", 0, -1)
	v, err := look(ctx, l, p.Request.To)
	if err != nil {
		return done, err
	}
	if err := unchanged(p, v, r.via(d, l)); err != nil {
		return done, err
	}
	a := application{Runner: r, plan: p, view: v, line: l}
	for i := range p.Steps {
		if done, err = a.do(ctx, i, done); err != nil {
			return done, err
		}
	}
	return done, nil
}

// unchanged refuses a plan for a device that is no longer as the plan saw it.
func unchanged(p api.Plan, now view, way transfer.TFTP) error {
	differences := changed(p, now)
	if way.Server.String() != p.Server || way.VRF != p.VRF {
		differences = append(differences, fmt.Sprintf("it reaches us at %s %s, and the plan says %s %s", way.Server, way.VRF, p.Server, p.VRF))
	}
	if _, short := room(now, p.Steps); short != nil {
		differences = append(differences, "there is no longer enough space for "+short.Path)
	}
	if len(differences) == 0 {
		return nil
	}
	return refuse(fmt.Sprintf("%s has changed since the plan was made: %s", p.Request.Device, strings.Join(differences, ", ")),
		api.Say("look at the device, then make a new plan: ").Do("restore", p.Request.Device))
}

// do does the step of a number.
func (a application) do(ctx context.Context, i int, done outcome) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return done, err
	}
	switch s := a.plan.Steps[i]; s.Kind {
	case api.PlanDelete:
		return a.remove(ctx, s, done)
	case api.PlanMkdir:
		return a.mkdir(ctx, s, done)
	case api.PlanCopy, api.PlanStartup:
		return a.put(ctx, s, done)
	case api.PlanProve:
		return a.proveThere(ctx, s, done)
	case api.PlanBoot:
		if err := a.mayBoot(i, done); err != nil {
			return done, err
		}
		return a.setBoot(ctx, s, done)
	case api.PlanReload, api.PlanInstall:
		return a.restart(ctx, s, done)
	default:
		return done, cause.New(cause.Internal, fmt.Sprintf("a plan with the unknown step %q", s.Kind), nil)
	}
}

// settle makes the result of a restore.
func settle(p api.Plan, done outcome, err error) api.RestoreResult {
	r := p.Result()
	r.Facts, r.Files, r.Deleted, r.Boot, r.BytesCopied = done.facts, done.files, done.deleted, done.boot, done.bytes
	r.Notes = distinct(done.notes)
	r.Status, r.Cause, r.Message, r.Hint, r.Refused = api.StatusOK, "", "", "", false
	if err == nil {
		return r
	}
	r.Status = api.StatusFailed
	if len(done.boot) > 0 || slices.ContainsFunc(done.files, func(f api.File) bool { return f.Copied }) {
		r.Status = api.StatusIncomplete
	}
	r.Refused = errors.Is(err, ErrRefused) && !done.changed
	r.Cause, r.Message, r.Hint = cause.Of(err), err.Error(), cause.Hint(err)
	if said := done.soFar(p); said != "" {
		r.Message += "; " + said
	}
	return r
}

// soFar says what a restore that broke off has done.
func (o outcome) soFar(p api.Plan) string {
	var done []string
	for _, f := range o.files {
		if f.Copied {
			done = append(done, f.Path+" is restored")
		}
	}
	for _, file := range o.deleted {
		done = append(done, file+" is deleted")
	}
	switch {
	case len(o.boot) > 0:
		done = append(done, "the boot lines are set")
	case o.changed && slices.ContainsFunc(p.Steps, func(s api.PlanStep) bool { return s.Kind == api.PlanBoot }):
		done = append(done, "the boot lines are not proved")
	}
	return strings.Join(done, ", ")
}
