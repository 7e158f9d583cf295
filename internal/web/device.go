package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"flashwarden/api"
)

// devicePage is all about one device.
type devicePage struct {
	api.DeviceDetail
	Snapshots []api.SnapshotRow // the newest first
	Newest    *api.Snapshot     // nil: there is none
	Live      *livePage
	Plots     []plot
}

// fileSystem is how full a file system of a device was at its newest backup.
type fileSystem struct{ api.FlashUse }

// High is from where on it is nearly full.
func (f fileSystem) High() int64 { return f.Total / 10 * 9 }

// Flash returns the file systems of the device, in the order of its listings.
func (p devicePage) Flash() (all []fileSystem) {
	if p.Newest == nil {
		return nil
	}
	for _, u := range api.FlashUses(*p.Newest) {
		all = append(all, fileSystem{u})
	}
	return all
}

// Brief is the device in one line.
func (p devicePage) Brief() string {
	known := slices.DeleteFunc([]string{p.Status.Model, p.Status.Version, p.Site, p.Group}, func(s string) bool { return s == "" })
	return strings.Join(known, " · ")
}

// shownSnapshots is how many snapshots the page of a device lists.
const shownSnapshots = 20

func (p Page) device(r *http.Request) (string, any, error) {
	ctx, name := r.Context(), api.Named{Name: r.PathValue("name")}
	d, err := p.Warden.Device(ctx, name)
	if err != nil {
		return "", nil, err
	}
	page := devicePage{DeviceDetail: d}
	if page.Snapshots, err = p.Warden.Snapshots(ctx, name); err != nil {
		return "", nil, err
	}
	page.Snapshots = page.Snapshots[:min(len(page.Snapshots), shownSnapshots)]
	if len(page.Snapshots) > 0 {
		s, err := p.Warden.Snapshot(ctx, api.Named{Name: page.Snapshots[0].ID})
		if err != nil {
			return "", nil, err
		}
		page.Newest = &s
	}
	history, err := p.Warden.DeviceHistory(ctx, name)
	if err != nil {
		return "", nil, err
	}
	page.Plots = devicePlots(history)
	page.Live, err = p.running(ctx, d.Name)
	return d.Name, page, err
}

func (p Page) snapshot(r *http.Request) (string, any, error) {
	s, err := p.Warden.Snapshot(r.Context(), api.Named{Name: r.PathValue("id")})
	return s.Device + ", backup of " + exact(s.Started), s, err
}

// diff shows what changed between two snapshots; without a query, between the newest two of
// the device.
func (p Page) diff(r *http.Request) (string, any, error) {
	q := r.URL.Query()
	ask := api.Diff{A: r.PathValue("name")}
	if q.Get("a") != "" && q.Get("b") != "" {
		ask = api.Diff{A: q.Get("a"), B: q.Get("b")}
	}
	d, err := p.Warden.Diff(r.Context(), ask)
	return "What changed on " + r.PathValue("name"), d, err
}

// backup puts the backup of one device, of a group or site, or of all into the queue.
func (p Page) backup(r *http.Request) (string, doneCode, error) {
	ask := api.NewJobs{Kind: api.JobBackup}
	ask.Group, ask.Site, ask.All = r.PostFormValue("group"), r.PostFormValue("site"), r.PostFormValue("all") != ""
	next := "/jobs"
	if name := r.PostFormValue("device"); name != "" {
		ask.Names, next = []string{name}, "/devices/"+url.PathEscape(name)
	}
	if len(ask.Names) == 0 && ask.Group == "" && ask.Site == "" && !ask.All {
		return "", "", &api.Problem{Detail: "which devices?", Exit: api.ExitUsage, Err: errors.New("which devices?"), Fix: api.Say("go back and choose some")}
	}
	_, err := p.Warden.AddJobs(r.Context(), ask)
	return next, doneBackup, err
}
