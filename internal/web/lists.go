package web

import (
	"net/http"
	"net/url"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// jobsPage is a page of the queue.
type jobsPage struct {
	Jobs          []api.Job
	State, Device string
	Further       string // URL of the older ones; empty: there are none
	Live          *livePage
	Path          string // of this page, with its filter
}

// States are the states of jobs that can be chosen.
func (jobsPage) States() []string {
	return []string{"", api.JobQueued, api.JobRunning, api.JobRetrying, api.JobDone, api.JobFailed, api.JobCancelled, api.JobInterrupted}
}

func (p Page) jobs(r *http.Request) (string, any, error) {
	q := r.URL.Query()
	jobs, err := p.Warden.Jobs(r.Context(), api.JobSelect{State: q.Get("state"), Device: q.Get("device"), Cursor: q.Get("cursor"), Limit: pageRows})
	page := jobsPage{Jobs: jobs.Jobs, State: q.Get("state"), Device: q.Get("device")}
	if jobs.Next != "" {
		next := url.Values{"state": {page.State}, "device": {page.Device}, "cursor": {jobs.Next}}
		page.Further = "/jobs?" + next.Encode()
	}
	if err != nil {
		return "", nil, err
	}
	q.Del("done")
	page.Path = "/jobs?" + q.Encode()
	page.Live, err = p.running(r.Context(), page.Device)
	return "Jobs", page, err
}

// jobPage is one job.
type jobPage struct {
	api.Job
	Ended bool
	Live  *livePage
}

func (p Page) job(r *http.Request) (string, any, error) {
	j, err := p.Warden.Job(r.Context(), api.Named{Name: r.PathValue("id")})
	page := jobPage{Job: j, Ended: api.Ended(j.State)}
	if err == nil && !page.Ended {
		page.Live, err = p.running(r.Context(), j.Device)
	}
	return j.Kind + " " + j.Device + j.Name, page, err
}

func (p Page) cancelJob(r *http.Request) (string, doneCode, error) {
	j, err := p.Warden.CancelJob(r.Context(), api.Named{Name: r.PathValue("id")})
	return "/jobs/" + url.PathEscape(j.ID), doneCancel, err
}

func (p Page) retryJob(r *http.Request) (string, doneCode, error) {
	j, err := p.Warden.RetryJob(r.Context(), api.Named{Name: r.PathValue("id")})
	return "/jobs/" + url.PathEscape(j.ID), doneRetry, err
}

// imagesPage is all images: those that devices run and the vault does not have come first.
type imagesPage struct {
	Missing, Held []api.Image
}

func (p Page) images(r *http.Request) (string, any, error) {
	all, err := p.Warden.Images(r.Context())
	var page imagesPage
	for _, i := range all {
		if i.InVault {
			page.Held = append(page.Held, i)
		} else {
			page.Missing = append(page.Missing, i)
		}
	}
	return "Images", page, err
}

// vaultPage is how the vault is kept in order, and how it grew.
type vaultPage struct {
	api.Status
	Plots []plot
}

func (p Page) vault(r *http.Request) (string, any, error) {
	status, err := p.Warden.Status(r.Context(), api.StatusQuery{Brief: true})
	if err != nil {
		return "", nil, err
	}
	days, err := p.Warden.Days(r.Context(), api.DaySelect{})
	if warden.AsProblem(err) != nil && warden.AsProblem(err).Exit == api.ExitRefused {
		days, err = nil, nil // somebody who sees a part of the devices
	}
	return "Vault", vaultPage{status, dayPlots(days)}, err
}

// auditPage is a page of the audit trail.
type auditPage struct {
	Lines   []api.AuditLine
	Further string // URL of the older lines; empty: there are none
}

func (p Page) audit(r *http.Request) (string, any, error) {
	trail, err := p.Warden.Audit(r.Context(), api.AuditSelect{Cursor: r.URL.Query().Get("cursor"), Limit: pageRows})
	page := auditPage{Lines: trail.Lines}
	if trail.Next != "" {
		page.Further = "/audit?" + url.Values{"cursor": {trail.Next}}.Encode()
	}
	return "Audit trail", page, err
}

// settingsPage is who may do what, and how devices are logged in to.
type settingsPage struct {
	Users       []api.User
	Tokens      []api.Token
	Credentials []api.Credential
}

func (p Page) settings(r *http.Request) (string, any, error) {
	var page settingsPage
	var err error
	if page.Users, err = p.Warden.Users(r.Context()); err != nil {
		return "", nil, err
	}
	if page.Tokens, err = p.Warden.Tokens(r.Context()); err != nil {
		return "", nil, err
	}
	page.Credentials, err = p.Warden.Credentials(r.Context())
	return "Settings", page, err
}
