package web

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
)

// pageRows is how many rows a page of a list has.
const pageRows = 50

// fleetPage is the first page: which devices are safe.
type fleetPage struct {
	Summary       api.StatusSummary
	Alerts        []api.Care // tasks that failed
	Devices       []api.DeviceStatus
	Matching      int // devices that the filter lets through
	Filter        filter
	Groups, Sites []string
	Live          *livePage
	Path          string // of this page, with its filter
	pager
}

// Pause is how long the list waits at least until it is read again after a change: a large
// one takes a while.
func (p fleetPage) Pause() string {
	if p.Summary.Devices > 500 {
		return "60s"
	}
	return "5s"
}

// filter says which devices are listed, and in which order.
type filter struct {
	Text, Group, Site, State, Sort string
}

// Any reports whether some devices may be left out.
func (f filter) Any() bool { return f.Text+f.Group+f.Site+f.State != "" }

// States are the values of State, with their names.
func (filter) States() [][2]string {
	return [][2]string{{"", "any state"}, {"risk", "at risk"}, {"protected", "protected"}, {"failed", "last backup failed"}, {"running", "running now"}}
}

// Sorts are the values of Sort, with their names.
func (filter) Sorts() [][2]string {
	return [][2]string{{"", "at risk first"}, {"name", "by name"}, {"model", "by model"}, {"version", "by version"}, {"backup", "oldest backup first"}}
}

// fleet shows the devices that the query asks for.
func (p Page) fleet(r *http.Request) (string, any, error) {
	status, err := p.Warden.Status(r.Context(), api.StatusQuery{})
	if err != nil {
		return "", nil, err
	}
	q := r.URL.Query()
	page := fleetPage{Summary: status.Summary, Filter: filter{q.Get("q"), q.Get("group"), q.Get("site"), q.Get("state"), q.Get("sort")}}
	for _, c := range status.Care {
		if c.Failed {
			page.Alerts = append(page.Alerts, c)
		}
	}
	page.Groups = distinct(status.Devices, func(d api.DeviceStatus) string { return d.Group })
	page.Sites = distinct(status.Devices, func(d api.DeviceStatus) string { return d.Site })
	devices := slices.DeleteFunc(status.Devices, func(d api.DeviceStatus) bool { return !page.Filter.matches(d) })
	page.Filter.sort(devices)
	page.Matching = len(devices)
	page.pager = newPager(r.URL, len(devices))
	page.Devices = devices[page.first:page.last]
	q.Del("done")
	page.Path = "/?" + q.Encode()
	if page.Live, err = p.running(r.Context(), ""); err != nil {
		return "", nil, err
	}
	return headline(status.Summary), page, nil
}

// headline is the answer to the question of the morning.
func headline(s api.StatusSummary) string {
	switch {
	case s.Devices == 0:
		return "No devices yet"
	case s.AtRisk == 0 && s.Devices == 1:
		return "The only device is protected"
	case s.AtRisk == 0:
		return fmt.Sprintf("All %d devices are protected", s.Devices)
	case s.AtRisk == 1:
		return fmt.Sprintf("1 of %d devices is at risk", s.Devices)
	}
	return fmt.Sprintf("%d of %d devices are at risk", s.AtRisk, s.Devices)
}

func (f filter) matches(d api.DeviceStatus) bool {
	text := strings.ToLower(strings.TrimSpace(f.Text))
	switch {
	case f.Group != "" && d.Group != f.Group, f.Site != "" && d.Site != f.Site:
		return false
	case f.State == "risk" && d.Protected, f.State == "protected" && !d.Protected, f.State == "failed" && !d.LastFails, f.State == "running" && !d.Running:
		return false
	}
	return text == "" || slices.ContainsFunc([]string{d.Device, d.Model, d.Version, d.Image, d.Site, d.Group}, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
}

// sort orders devices; the order of the status is the one without a key.
func (f filter) sort(devices []api.DeviceStatus) {
	by := map[string]func(a, b api.DeviceStatus) int{
		"name":    func(a, b api.DeviceStatus) int { return 0 },
		"model":   func(a, b api.DeviceStatus) int { return cmp.Compare(a.Model, b.Model) },
		"version": func(a, b api.DeviceStatus) int { return cmp.Compare(a.Version, b.Version) },
		"backup":  olderBackup,
	}[f.Sort]
	if by == nil {
		return
	}
	slices.SortStableFunc(devices, func(a, b api.DeviceStatus) int { return cmp.Or(by(a, b), api.CompareNames(a.Device, b.Device)) })
}

// olderBackup puts devices without a backup first.
func olderBackup(a, b api.DeviceStatus) int { return backupTime(a).Compare(backupTime(b)) }

// backupTime is when the last good backup of a device began; zero: there is none.
func backupTime(d api.DeviceStatus) time.Time {
	if d.LastBackup == nil {
		return time.Time{}
	}
	return *d.LastBackup
}

// distinct returns the values of devices that are not empty, sorted.
func distinct(devices []api.DeviceStatus, of func(api.DeviceStatus) string) (all []string) {
	seen := map[string]bool{}
	for _, d := range devices {
		if v := of(d); v != "" && !seen[v] {
			seen[v] = true
			all = append(all, v)
		}
	}
	slices.SortFunc(all, api.CompareNames)
	return all
}

// pager says which rows of a list a page has, and where the others are.
type pager struct {
	Page, Pages    int
	Newer, Further string // URLs; empty: there are none
	first, last    int
}

// newPager reads the number of the page from a URL, from 1. A wrong number is the first page.
func newPager(u *url.URL, rows int) pager {
	p := pager{Pages: max(1, (rows+pageRows-1)/pageRows)}
	n, err := strconv.Atoi(u.Query().Get("page"))
	if err != nil || n < 1 || n > p.Pages {
		n = 1
	}
	p.Page, p.first, p.last = n, (n-1)*pageRows, min(n*pageRows, rows)
	to := func(n int) string {
		q := u.Query()
		q.Set("page", strconv.Itoa(n))
		q.Del("done")
		return u.Path + "?" + q.Encode()
	}
	if n > 1 {
		p.Newer = to(n - 1)
	}
	if n < p.Pages {
		p.Further = to(n + 1)
	}
	return p
}
