package warden

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/job"
	"flashwarden/internal/vault"
)

// AddJobs starts work in the queue of the service and does not wait for it.
func (l *queue) AddJobs(ctx context.Context, r api.NewJobs) (api.Jobs, error) {
	if err := checkNewJobs(r); err != nil {
		return api.Jobs{}, err
	}
	prepare := map[string]func(context.Context, api.NewJobs) ([]catalog.Job, error){
		api.JobBackup: l.newBackups, api.JobDoctor: l.newDoctors, api.JobRestore: l.newRestore,
		api.JobCheck: l.newCare, api.JobPrune: l.newCare, api.JobMirror: l.newCare, api.JobInventory: l.newCare,
	}
	jobs, err := prepare[r.Kind](ctx, r)
	if err != nil {
		return api.Jobs{}, err
	}
	added, err := l.jobs().queue.Add(ctx, jobs...)
	page := api.Jobs{Jobs: []api.Job{}}
	for _, j := range added {
		page.Jobs = append(page.Jobs, j.Job)
	}
	return page, err
}

// checkNewJobs refuses a request with fields that its kind does not have: somebody may have
// meant something else.
func checkNewJobs(r api.NewJobs) error {
	has := r
	has.Kind = ""
	switch r.Kind {
	case api.JobBackup:
		has.Backup = api.Backup{}
	case api.JobDoctor:
		has.Select, has.All = api.Select{}, false
	case api.JobRestore:
		has.Plan, has.Digest = "", ""
		has.Names = nil // compared with the plan
	case api.JobCheck:
		has.Share = ""
	case api.JobMirror, api.JobInventory:
		has.Name = ""
	case api.JobPrune:
	default:
		kinds := []string{api.JobBackup, api.JobCheck, api.JobDoctor, api.JobInventory, api.JobMirror, api.JobPrune, api.JobRestore}
		return wrongField("kind", "%q: want %s", r.Kind, strings.Join(kinds, ", "))
	}
	if text, err := json.Marshal(has); err != nil || string(text) != emptyNewJobs {
		return Invalid("a %s does not have these fields: %s", r.Kind, text)
	}
	return nil
}

// emptyNewJobs is an api.NewJobs without any field.
const emptyNewJobs = `{"kind":""}`

// withQueue returns a problem in a process without a queue. Callers ask after they have
// authorised.
func (l *queue) withQueue() error {
	if l.jobs() != nil {
		return nil
	}
	return &api.Problem{Detail: "no service runs that would do the job", Exit: api.ExitError, Fix: api.Say("start it with ").Do("serve")}
}

// newBackups are the jobs of backups.
func (l *queue) newBackups(ctx context.Context, r api.NewJobs) ([]catalog.Job, error) {
	if r.DryRun {
		return nil, wrongField("dry_run", "a dry run cannot be a job")
	}
	if err := CheckBackup(r.Backup); err != nil {
		return nil, err
	}
	devices, err := l.devicesOf(ctx, r.Select, "backup")
	if err != nil {
		return nil, err
	}
	return personJobs(ctx, devices, r.Backup), nil
}

// devicesOf begins an operation whose jobs are on devices, and returns them.
func (l *queue) devicesOf(ctx context.Context, s api.Select, operation string) ([]api.Device, error) {
	n, selected, err := l.beginOn(ctx, working, operation, s)
	if err == nil {
		err = l.withQueue()
	}
	if err != nil {
		return nil, err
	}
	return chosen(ctx, n, selected)
}

// newDoctors are jobs that examine the path to each device, or the host.
func (l *queue) newDoctors(ctx context.Context, r api.NewJobs) (jobs []catalog.Job, err error) {
	if !r.All && len(r.Names) == 0 && r.Group == "" && r.Site == "" {
		if _, err = l.begin(ctx, working, "doctor"); err == nil {
			err = l.withQueue()
		}
		return []catalog.Job{personJob(ctx, api.JobDoctor, api.Device{}, api.Doctor{})}, err
	}
	if err := CheckSelect(r.Select, r.All); err != nil {
		return nil, err
	}
	devices, err := l.devicesOf(ctx, r.Select, "doctor")
	for _, d := range devices {
		jobs = append(jobs, personJob(ctx, api.JobDoctor, d, api.Doctor{Device: d.Name}))
	}
	return jobs, err
}

// personJob is a job of the person who asks.
func personJob(ctx context.Context, kind string, d api.Device, request any) catalog.Job {
	j := catalog.Job{Job: api.Job{Kind: kind, Device: d.Name, Site: d.Site, By: actorOf(ctx).Name}, Request: requestOf(request), Person: true}
	if d.Name != "" {
		j.Login = loginOf(d)
	}
	return j
}

// doctorByQueue examines the host or the path to a device. That it finds something is no
// failure of the job.
func (l *queue) doctorByQueue(ctx context.Context, j catalog.Job, events func(api.Event)) job.Outcome {
	report, err := doRequest(ctx, j, func(ctx context.Context, r api.Doctor) (api.Report, error) { return l.hosts.Doctor(ctx, r, events) })
	if err != nil {
		return failedOutcome(err)
	}
	findings := []api.Finding{}
	for _, f := range report.Findings {
		findings = append(findings, f.Rendered())
	}
	report.Findings = findings
	return job.Outcome{Result: requestOf(report)}
}

// failedOutcome is that of a job whose operation has no result.
func failedOutcome(err error) job.Outcome {
	p := AsProblem(err)
	return job.Outcome{Failed: true, Cause: p.Cause, Message: p.Detail, Hint: p.Fix.String()}
}

// newCare is a job that keeps the vault in order, as the configuration says. A check and a
// mirror of the configuration are open to operators, as they are without a queue.
func (l *queue) newCare(ctx context.Context, r api.NewJobs) ([]catalog.Job, error) {
	needs := map[string]need{api.JobCheck: working, api.JobMirror: working, api.JobPrune: directing, api.JobInventory: directing}[r.Kind]
	_, err := l.begin(ctx, needs, r.Kind, r.Name)
	if err == nil {
		err = l.withQueue()
	}
	if err == nil {
		err = l.checkCare(r)
	}
	if err != nil {
		return nil, err
	}
	j := careJob(l.config(), catalog.Turn{Kind: r.Kind, Name: r.Name})
	if r.Share != "" {
		j.Request = requestOf(api.Check{Share: r.Share})
	}
	j.By, j.Person = actorOf(ctx).Name, true
	return []catalog.Job{j}, nil
}

// checkCare refuses a task that the configuration does not have.
func (l *queue) checkCare(r api.NewJobs) error {
	c := l.config()
	switch r.Kind {
	case api.JobMirror:
		if _, found := c.Mirror(r.Name); !found {
			names := make([]string, 0, len(c.Mirrors))
			for _, m := range c.Mirrors {
				names = append(names, m.Name)
			}
			slices.Sort(names)
			return unknown(api.Say("mirrors of the configuration: %s", strings.Join(names, ", ")), "no mirror %q", r.Name)
		}
	case api.JobInventory:
		if _, found := c.List(r.Name); !found {
			return unknown(api.Say("they stand under ").Set("inventory", "").Say(" in the configuration"), "no list of devices %q", r.Name)
		}
	case api.JobPrune:
		if retention(c) == (api.Retention{}) {
			return errKeepsNothing
		}
	case api.JobCheck:
		if r.Share != "" {
			if _, err := vault.ParseShare(r.Share); err != nil {
				return wrongField("share", "%w", err)
			}
		}
	}
	return nil
}
