package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"flashwarden/api"
)

// doctor examines the path to a device, or this host. The page of the job shows what it finds.
func (p Page) doctor(r *http.Request) (string, doneCode, error) {
	ask := api.NewJobs{Kind: api.JobDoctor}
	if name := r.PostFormValue("device"); name != "" {
		ask.Names = []string{name}
	}
	jobs, err := p.Warden.AddJobs(r.Context(), ask)
	if err == nil && len(jobs.Jobs) != 1 {
		err = errors.New("the examination is not a job")
	}
	if err != nil {
		return "", "", err
	}
	return "/jobs/" + url.PathEscape(jobs.Jobs[0].ID), doneDoctor, nil
}

// Examined is the report of doctor; nil: the job is another one, or has no result.
func (p jobPage) Examined() *api.Report {
	var report api.Report
	if p.Kind != api.JobDoctor || p.Result == nil || json.Unmarshal(p.Result, &report) != nil {
		return nil
	}
	return &report
}
