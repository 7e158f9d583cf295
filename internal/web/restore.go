package web

import (
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// restorePage asks what to restore to a device.
type restorePage struct {
	Device    string
	Snapshots []api.SnapshotRow // the newest first
	From      *api.Snapshot     // the chosen one; nil: there is none
}

// Files are the files of the snapshot that can be restored.
func (p restorePage) Files() (files []api.File) {
	for _, f := range p.From.Files {
		if f.SHA256 != "" && !strings.HasPrefix(f.Path, "system:") {
			files = append(files, f)
		}
	}
	return files
}

// restoreForm asks what to restore. Nothing is done yet.
func (p Page) restoreForm(r *http.Request) (string, any, error) {
	ctx, name := r.Context(), r.PathValue("name")
	page := restorePage{Device: name}
	var err error
	if page.Snapshots, err = p.Warden.Snapshots(ctx, api.Named{Name: name}); err != nil {
		return "", nil, err
	}
	page.Snapshots = page.Snapshots[:min(len(page.Snapshots), shownSnapshots)]
	if len(page.Snapshots) > 0 {
		from, err := p.Warden.Snapshot(ctx, api.Named{Name: cmp.Or(r.URL.Query().Get("snapshot"), page.Snapshots[0].ID)})
		if err != nil {
			return "", nil, err
		}
		page.From = &from
	}
	return "Restore to " + name, page, nil
}

// makePlan logs in to the device and plans. It changes nothing on the device.
func (p Page) makePlan(r *http.Request) (string, doneCode, error) {
	if err := r.ParseForm(); err != nil {
		return "", "", warden.Invalid("the form: %w", err)
	}
	ask := api.Restore{Device: r.PathValue("name"), Snapshot: r.PostFormValue("snapshot"), To: r.PostFormValue("to"), Files: r.PostForm["file"],
		SetBoot: r.PostFormValue("set-boot") != "", Reload: r.PostFormValue("reload") != "", Replace: r.PostFormValue("replace") != ""}
	plan, err := p.Warden.AddPlan(r.Context(), api.NewPlan{Kind: api.JobRestore, Restore: ask}, nil)
	return "/plans/" + url.PathEscape(plan.ID), "", err
}

// planPage is a plan to agree to.
type planPage struct {
	api.StoredPlan
	Expired bool
}

// Ready reports whether somebody may agree to the plan.
func (p planPage) Ready() bool { return !p.Expired && len(p.Refusals) == 0 && len(p.Commands) > 0 }

// Restarts reports whether the device starts again.
func (p planPage) Restarts() bool {
	for _, s := range p.Steps {
		if s.Kind == api.PlanReload || s.Kind == api.PlanInstall {
			return true
		}
	}
	return false
}

func (p Page) plan(r *http.Request) (string, any, error) {
	plan, err := p.Warden.Plan(r.Context(), api.Named{Name: r.PathValue("id")})
	return "Plan of a restore to " + plan.Request.Device, planPage{plan, p.Now().After(plan.Expires)}, err
}

// carryOut starts exactly the plan that was shown, if the user has typed the name of its device.
func (p Page) carryOut(r *http.Request) (string, doneCode, error) {
	plan, err := p.Warden.Plan(r.Context(), api.Named{Name: r.PathValue("id")})
	if err != nil {
		return "", "", err
	}
	if typed := strings.TrimSpace(r.PostFormValue("consent")); typed != plan.Request.Device {
		problem := warden.Invalid("you typed the name %q, but the device is %s: nothing was changed", typed, plan.Request.Device)
		problem.Fix = api.Say("go back, read the plan, and type the name of the device")
		return "", "", problem
	}
	jobs, err := p.Warden.AddJobs(r.Context(), api.NewJobs{Kind: api.JobRestore, Plan: plan.ID, Digest: r.PostFormValue("digest")})
	if err == nil && len(jobs.Jobs) != 1 {
		err = errors.New("the restore is not a job")
	}
	if err != nil {
		return "", "", err
	}
	return "/jobs/" + url.PathEscape(jobs.Jobs[0].ID), doneRestore, nil
}

// Restored is the result of a restore; nil: the job is not a restore, or has no result.
func (p jobPage) Restored() *api.RestoreResult {
	var result struct {
		Results []api.RestoreResult `json:"results"`
	}
	if p.Kind != api.JobRestore || json.Unmarshal(p.Result, &result) != nil || len(result.Results) != 1 {
		return nil
	}
	return &result.Results[0]
}

// BackedUp is the result of a backup; nil: the job is not a backup, or has no result.
func (p jobPage) BackedUp() *api.BackupResult {
	var result struct {
		Results []api.BackupResult `json:"results"`
	}
	if p.Kind != api.JobBackup || json.Unmarshal(p.Result, &result) != nil || len(result.Results) != 1 {
		return nil
	}
	return &result.Results[0]
}

// seconds is a time span for the template.
func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
