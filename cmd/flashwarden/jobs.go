package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

func jobsCommand(p *program) *cobra.Command {
	list := jobsListCommand(p)
	cmd := &cobra.Command{
		Use:   "jobs",
		Short: "list, show, cancel and retry the jobs of the service",
		Args:  cobra.NoArgs,
		RunE:  list.RunE,
	}
	cmd.Flags().AddFlagSet(list.Flags())
	cmd.AddCommand(list, jobsShowCommand(p), jobsCancelCommand(p), jobsRetryCommand(p))
	return cmd
}

func jobsListCommand(p *program) *cobra.Command {
	var s api.JobSelect
	cmd := &cobra.Command{
		Use:   "list",
		Short: "list jobs, the newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if s.State != "" && !slices.Contains(jobStates, s.State) {
				return usageError{fmt.Errorf("--state %q: want %s", s.State, either(jobStates))}
			}
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error { return runJobs(ctx, p, w, s) })
		},
	}
	cmd.Flags().StringVar(&s.State, "state", "", "only jobs in this `STATE`: "+either(jobStates))
	cmd.Flags().StringVar(&s.Device, "device", "", "only jobs of the device `NAME`")
	cmd.Flags().IntVar(&s.Limit, "limit", 100, "print at most this number of `JOBS`")
	wideFlag(cmd, &p.output)
	completeWords(cmd, "state", jobStates...)
	completeFlag(p, cmd, "device", api.NamesOfDevices)
	return cmd
}

// jobStates are the values of --state.
var jobStates = []string{api.JobQueued, api.JobRunning, api.JobRetrying, api.JobDone, api.JobFailed, api.JobCancelled, api.JobInterrupted}

// runJobs lists jobs. A device that has none must be in the inventory: a removed one may
// have some.
func runJobs(ctx context.Context, p *program, w warden.Warden, s api.JobSelect) error {
	page, err := w.Jobs(ctx, s)
	if err == nil && s.Device != "" && len(page.Jobs) == 0 {
		_, err = w.Device(ctx, api.Named{Name: s.Device})
	}
	if err != nil {
		return err
	}
	if err := p.sayNobodyWorks(w, page.Jobs); err != nil {
		return err
	}
	return printJobs(&p.output, s, page)
}

// sayNobodyWorks says that jobs wait for a service that does not run. With a catalog of several
// machines, it may run on another one.
func (p *program) sayNobodyWorks(w warden.Warden, jobs []api.Job) error {
	_, inProcess := w.(*warden.Local)
	waits := func(j api.Job) bool { return j.State == api.JobQueued || j.State == api.JobRetrying }
	c, err := p.config()
	if err != nil || !inProcess || c.Catalog != "" || p.quiet || p.json || !slices.ContainsFunc(jobs, waits) {
		return err
	}
	p.tell("", api.Do("serve").Say(" does not run on this data directory: the jobs wait until it starts").String())
	return nil
}

func printJobs(o *output, s api.JobSelect, page api.Jobs) error {
	switch {
	case o.json || len(page.Jobs) > 0:
	case s.State != "" || s.Device != "":
		return o.nothing("No job matches; see all with " + api.Do("jobs").String())
	default:
		return o.nothing("No jobs yet: only " + api.Do("serve").Say(" makes jobs").String())
	}
	if page.Next != "" {
		o.tell("", "Older jobs are not shown; see more with "+api.Do("jobs").With("limit", "N").String())
	}
	return o.answer(page, terminal.Jobs(page.Jobs, time.Now()).Format, nil)
}

func jobsShowCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "show a job: its times, and why it failed",
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.Job, api.Named{Name: args[0]}, printJob)
		},
	}
}

func printJob(o *output, j api.Job) error {
	return o.answer(j, func(l terminal.Layout) string { return terminal.FormatJob(j, time.Now(), l) }, nil)
}

func jobsCancelCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: "end a job that waits or runs",
		RunE: func(cmd *cobra.Command, args []string) error {
			return do(p, cmd, warden.Warden.CancelJob, api.Named{Name: args[0]}, printChangedJob)
		},
	}
}

func jobsRetryCommand(p *program) *cobra.Command {
	return &cobra.Command{
		Use:   "retry ID",
		Short: "put a job that did not succeed back into the queue",
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.with(cmd, func(ctx context.Context, w warden.Warden) error {
				j, err := w.RetryJob(ctx, api.Named{Name: args[0]})
				if err == nil {
					err = p.sayNobodyWorks(w, []api.Job{j})
				}
				if err != nil {
					return err
				}
				return printChangedJob(&p.output, j)
			})
		},
	}
}

func printChangedJob(o *output, j api.Job) error {
	text := "The job is " + j.State
	if j.State == api.JobRunning {
		text = "The job is ending"
	}
	return o.done(j, func(l terminal.Layout) string {
		return l.Prose("", text+"; see it with "+api.Do("jobs show", j.ID).String())
	}, nil)
}
