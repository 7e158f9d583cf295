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
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
)

// outcome is what the steps of a plan have done so far. Each step takes the
// outcome of those before and returns its own.
type outcome struct {
	files   []api.File // on the device, and proved
	deleted []string
	boot    []string
	notes   []string
	facts   api.Facts
	bytes   int64            // copied
	changed bool             // something was typed that changes the device
	free    map[string]int64 // bytes free after the last deletion, by file system
	setting string           // what became of boot lines that are not proved
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

// Apply does the steps of a plan for the snapshot s, and nothing else. It is
// refused when the plan was altered or has refusals, when the device is no
// longer as the plan saw it, or when Plan would not make the same steps now. It
// always returns a result, which has the failure.
func (r *Runner) Apply(ctx context.Context, d api.Device, s api.Snapshot, p api.Plan, events func(api.Event)) api.RestoreResult {
	began := time.Now()
	report := reporterFor(d.Name, events)
	before := p.Result()
	done := outcome{files: before.Files, notes: before.Notes, facts: before.Facts}
	sel, err := sound(p, s, d.Name)
	if err == nil && len(p.Steps) > 0 {
		done, err = r.apply(ctx, d, sel, p, done, report)
	}
	result := settle(p, done, cancelledOr(ctx, err))
	result.Started, result.Seconds = began.UTC().Truncate(time.Second), math.Round(time.Since(began).Seconds()*10)/10
	report(api.Event{Step: api.StepDone, Size: -1})
	return result
}

// sound refuses a plan that is altered, has refusals, or is for another device
// or snapshot. It returns the files of the snapshot that the plan restores.
func sound(p api.Plan, s api.Snapshot, device string) (Selection, error) {
	again := api.Do("restore", device).Say(" makes a new plan")
	sum, err := p.Sum()
	switch {
	case err != nil:
		return Selection{}, err
	case sum != p.Digest:
		return Selection{}, refuse("the plan was changed after it was made: its digest does not match", again)
	case len(p.Refusals) > 0:
		return Selection{}, refuse("the plan has refusals: "+p.Refusals[0].Detail, p.Refusals[0].Fix)
	case p.Request.Device != device:
		return Selection{}, refuse(fmt.Sprintf("the plan is for %s, not for %s", p.Request.Device, device), again)
	case p.Snapshot != s.ID:
		return Selection{}, refuse(fmt.Sprintf("the plan is of snapshot %s, not of %s", p.Snapshot, s.ID), again)
	}
	if err := typesItsSteps(p); err != nil {
		return Selection{}, refuse(err.Error(), again)
	}
	sel, err := selected(s, p.Request)
	if err == nil {
		err = check(p.Request, sel)
	}
	if err != nil {
		return sel, refuse("the plan cannot be made again: "+err.Error(), again)
	}
	return sel, nil
}

// typesItsSteps wants a plan to show the commands that its steps stand for.
func typesItsSteps(p api.Plan) error {
	var all []string
	for _, s := range p.Steps {
		typed := commands(p, s)
		all = append(all, typed...)
		foreign := func(line string) bool { return !strings.HasPrefix(strings.TrimPrefix(line, "no "), "boot system") }
		if len(typed) == 0 || !slices.Equal(typed, s.Commands) || slices.ContainsFunc(s.Lines, foreign) {
			return fmt.Errorf("the plan shows commands that are not those of its step %q", s.Kind)
		}
	}
	if !slices.Equal(all, p.Commands) {
		return errors.New("the plan shows commands that are not those of its steps")
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

// apply logs in, checks that the device is as the plan saw it, plans again, and
// does the steps.
func (r *Runner) apply(ctx context.Context, d api.Device, sel Selection, p api.Plan, done outcome, report reporter) (outcome, error) {
	l, err := r.connect(ctx, d, report)
	if err != nil {
		return done, err
	}
	defer l.hangUp()
	report(api.Event{Step: api.StepLook, Size: -1})
	v, err := look(ctx, l, d.Name, systems(p.Request, sel))
	if err != nil {
		return done, err
	}
	if err := unchanged(p, v, r.way(ctx, d, l)); err != nil {
		return done, err
	}
	again, err := r.plan(ctx, l, planning{device: d, request: cleaned(p.Request, d.Name), selection: sel, view: v, via: r.way(ctx, d, l)})
	if err == nil {
		err = confirmed(p, again)
	}
	if err != nil {
		return done, err
	}
	a := application{Runner: r, plan: p, view: v, line: l}
	for i := range p.Steps {
		a.note(ctx, i, done)
		if done, err = a.do(ctx, i, done); err != nil {
			return done, err
		}
	}
	return done, nil
}

// unchanged refuses a plan for a device that is no longer as the plan saw it.
func unchanged(p api.Plan, now view, way way) error {
	differences := changed(p, now)
	if then := wayOf(p); then != way.documented() {
		differences = append(differences, fmt.Sprintf("files now take %s; the plan has %s", way, then))
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

// confirmed refuses a plan that differs from the one that Plan makes now. A plan
// is no authority: its digest says that it is whole, not who made it. It also
// catches contents that changed without a trace in the listings. Only the parts
// that are free to change are taken from the plan itself.
func confirmed(p, again api.Plan) error {
	fix := api.Say("look at the device, then make a new plan: ").Do("restore", p.Request.Device)
	if len(again.Refusals) > 0 {
		return refuse(again.Refusals[0].Detail, again.Refusals[0].Fix)
	}
	again.Seen, again.Space = p.Seen, p.Space
	sum, err := again.Sum()
	if err != nil || sum == p.Digest {
		return err
	}
	if i := firstDifference(p.Commands, again.Commands); i >= 0 {
		return refuse(fmt.Sprintf("command %d of the plan is %q, but now %q is needed", i+1, nth(p.Commands, i), nth(again.Commands, i)), fix)
	}
	return refuse("the plan is not the one that "+p.Request.Device+" needs now", fix)
}

// firstDifference is the number of the first element that differs, or -1.
func firstDifference(a, b []string) int {
	for i := range max(len(a), len(b)) {
		if nth(a, i) != nth(b, i) {
			return i
		}
	}
	return -1
}

// nth is the element of a number, or nothing.
func nth(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// note keeps the step that begins and the steps before it, in case this process dies.
func (a application) note(ctx context.Context, i int, done outcome) {
	if a.Note == nil {
		return
	}
	s := a.plan.Steps[i]
	before := done.soFar()
	switch {
	case before == "" && done.changed:
		before = "an earlier step changed the device"
	case before == "":
		before = "nothing was changed before"
	}
	a.Note(ctx, fmt.Sprintf("it was in step %d of %d (%s); %s", i+1, len(a.plan.Steps), strings.TrimSpace(s.Kind+" "+s.Path), before))
}

// do does the step of a number.
func (a application) do(ctx context.Context, i int, done outcome) (outcome, error) {
	if err := ctx.Err(); err != nil {
		return done, err
	}
	if err := stillOurs(ctx, a.plan.Request.Device); err != nil {
		return done, err
	}
	switch s := a.plan.Steps[i]; s.Kind {
	case api.PlanDelete:
		return a.remove(ctx, s, done)
	case api.PlanHeld:
		return done, a.heldNow(ctx, s, done)
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

// stillOurs refuses another step on a device that somebody else may have taken.
func stillOurs(ctx context.Context, device string) error {
	err := catalog.StillOurs(ctx)
	if err == nil {
		return nil
	}
	return cause.Wrap(cause.Cancelled, err, "the restore stopped before its next step, because another process may work on "+device,
		api.Say("see who works on it with ").Do("jobs").With("device", device).Say("; then see the steps that are left with ").Do("restore", device).With("dry-run", ""))
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
	r.Cause, r.Message, r.Hint = cause.Of(err), cause.Text(err), cause.Hint(err)
	if said := done.soFar(); said != "" {
		r.Message += "; " + said
	}
	return r
}

// soFar says what a restore that broke off has done.
func (o outcome) soFar() string {
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
	case o.setting != "":
		done = append(done, o.setting)
	case len(o.boot) > 0:
		done = append(done, "the boot lines are set")
	}
	return strings.Join(done, ", ")
}
