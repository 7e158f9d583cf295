package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"flashwarden/api"
	"flashwarden/internal/terminal"
	"flashwarden/internal/warden"
)

//go:embed templates/*.html assets/* vendored/*
var files embed.FS

// frame is what every page has, around its Data.
type frame struct {
	Title   string
	Section string // of the navigation
	Done    string // what the last form has done
	User    warden.Actor
	Now     time.Time
	Nonce   string // of the scripts of this response
	Part    bool   // a script reads it again: it takes a part of the page, and may not add scripts
	Place   string // in the events of the service, before Data was read; empty: not known
	Data    any
}

// Admin reports whether the user may do everything.
func (f frame) Admin() bool { return f.User.Role.Includes(api.RoleAdmin) }

// Operator reports whether the user may start work.
func (f frame) Operator() bool { return f.User.Role.Includes(api.RoleOperator) }

// Sections are the sections of the navigation that the user may open, with their paths.
func (f frame) Sections() [][2]string {
	all := [][2]string{{"Devices", "/"}, {"Jobs", "/jobs"}, {"Images", "/images"}, {"Transfers", "/transfers"}, {"Vault", "/vault"}}
	if f.Admin() {
		all = append(all, [2]string{"Audit", "/audit"}, [2]string{"Settings", "/settings"})
	}
	return all
}

// doneCode names what a form has done. The text of the page is not taken from the URL.
type doneCode string

const (
	doneBackup  doneCode = "backup"
	doneCancel  doneCode = "cancel"
	doneRetry   doneCode = "retry"
	doneRestore doneCode = "restore"
	doneAdd     doneCode = "add"
	doneEdit    doneCode = "edit"
	doneImport  doneCode = "import"

	doneDoctor     doneCode = "doctor"
	doneOffer      doneCode = "offer"
	doneReceive    doneCode = "receive"
	doneEnd        doneCode = "end"
	doneCredential doneCode = "credential"
	doneRemoved    doneCode = "removed"
)

var doneTexts = map[doneCode]string{
	doneBackup:  "The backup is in the queue.",
	doneCancel:  "The job will end as soon as it can.",
	doneRetry:   "The job is in the queue again.",
	doneRestore: "The restore is in the queue. This page shows its progress.",
	doneAdd:     "The device is in the inventory. Back it up now, or wait for the schedule.",
	doneEdit:    "The settings are saved.",
	doneImport:  "The list is imported.",

	doneDoctor:     "The examination is in the queue. This page shows what it finds.",
	doneOffer:      "The offer is open.",
	doneReceive:    "The reception is open.",
	doneEnd:        "It has ended.",
	doneCredential: "The credential is saved. Test it on a device.",
	doneRemoved:    "The credential is removed.",
}

// templates parses the templates once, when the first page is shown: most commands show none.
var templates = sync.OnceValues(func() (map[string]*template.Template, error) {
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return nil, err
	}
	all := map[string]*template.Template{}
	for _, name := range names {
		base := strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")
		if base == "layout" || base == "live" || base == "plots" {
			continue
		}
		first := "layout.html"
		if base == "part" {
			first = "part.html" // nothing is around it
		}
		t, err := template.New(first).Funcs(words).ParseFS(files, "templates/layout.html", "templates/live.html", "templates/plots.html", name)
		if err != nil {
			return nil, err
		}
		all[base] = t
	}
	return all, nil
})

// words are the functions of the templates.
var words = template.FuncMap{
	"ago":       ago,
	"exact":     exact,
	"bytes":     terminal.Bytes,
	"thousands": terminal.Thousands,
	"hint":      hint,
	"asset":     assetPath,
	"short":     func(digest string) string { return digest[:min(len(digest), 12)] },
	"count":     terminal.Count,
	"kind":      kindOf,
	"lines":     diffLines,
	"lasted":    func(from, to time.Time) string { return terminal.Duration(to.Sub(from)) },
	"span":      terminal.Duration,
	"seconds":   seconds,
	"files": func() map[string]string {
		return map[string]string{"": "as configured", "image": "the image", "rebuild": "what a rebuild needs", "all": "all"}
	},
	"permit": permitOf,
	"rate":   func(perSecond int64) string { return terminal.Rate(float64(perSecond)) },
}

// ago says how long before now a time was, or how long after.
func ago(now time.Time, t any) string {
	at, ok := timeOf(t)
	switch {
	case !ok:
		return ""
	case at.After(now.Add(time.Minute)):
		return "in " + terminal.Age(at.Sub(now))
	}
	return terminal.Ago(at, now)
}

// exact is a time for machines and for the tooltip.
func exact(t any) string {
	at, ok := timeOf(t)
	if !ok {
		return ""
	}
	return terminal.LocalTime(at)
}

// timeOf returns a time that may be nil or zero.
func timeOf(t any) (time.Time, bool) {
	switch t := t.(type) {
	case time.Time:
		return t, !t.IsZero()
	case *time.Time:
		if t != nil {
			return *t, !t.IsZero()
		}
	}
	return time.Time{}, false
}

// part is a piece of a hint.
type part struct {
	Text string
	Code bool // a person types it
}

// hint splits a hint at the backticks around what a person types.
func hint(text string) (parts []part) {
	for i, piece := range strings.Split(text, "`") {
		if piece != "" {
			parts = append(parts, part{piece, i%2 == 1})
		}
	}
	return parts
}

// kind is how a state looks: its colour, and a sign for those who do not see the colour.
type kind struct{ Class, Sign string }

func kindOf(state string) kind {
	switch state {
	case api.StatusOK, api.StatusUnchanged, api.JobDone, api.ImageGood:
		return kind{"good", "✓"}
	case api.StatusFailed, api.JobInterrupted, api.ImageBad:
		return kind{"bad", "!"}
	case api.StatusIncomplete, api.JobRetrying:
		return kind{"warn", "!"}
	case api.JobRunning:
		return kind{"busy", "▸"}
	case api.JobQueued:
		return kind{"busy", "·"}
	}
	return kind{"", "·"}
}

// diffLine is one line of a unified diff.
type diffLine struct{ Class, Text string }

func diffLines(diff string) (lines []diffLine) {
	for line := range strings.Lines(diff) {
		l := diffLine{"", strings.TrimSuffix(line, "\n")}
		switch {
		case strings.HasPrefix(line, "@@"), strings.HasPrefix(line, "---"), strings.HasPrefix(line, "+++"):
			l.Class = "at"
		case strings.HasPrefix(line, "+"):
			l.Class = "add"
		case strings.HasPrefix(line, "-"):
			l.Class = "del"
		}
		lines = append(lines, l)
	}
	return lines
}

// render writes a page. It is whole or not there: an error of a template must not end in the
// middle of it.
func (p Page) render(w http.ResponseWriter, r *http.Request, status int, name string, f frame) {
	f.Part = r.Header.Get("HX-Request") != ""
	f.Nonce, _ = r.Context().Value(nonceKey{}).(string)
	f.User, f.Now, f.Done = warden.ActorOf(r.Context()), p.Now(), doneTexts[doneCode(r.URL.Query().Get("done"))]
	all, err := templates()
	var page bytes.Buffer
	if err == nil {
		err = all[name].Execute(&page, f)
	}
	if err != nil {
		p.Log.Error("a page could not be made", "page", name, "err", err)
		http.Error(w, "This page could not be made. The log of the service says why.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	if _, err := page.WriteTo(w); err != nil {
		p.Log.Debug("a browser went away", "page", name, "err", err)
	}
}

// problemPage is what a page shows in place of its view.
type problemPage struct {
	Status       int
	Detail, Hint string
}

// fail shows why a view or a change is not possible.
func (p Page) fail(w http.ResponseWriter, r *http.Request, section string, err error) {
	problem := warden.AsProblem(err)
	status, title := http.StatusInternalServerError, "This did not work"
	switch {
	case problem.Exit == api.ExitUnknown:
		status, title = http.StatusNotFound, "Not found"
	case errors.Is(err, warden.ErrConflict):
		status, title = http.StatusConflict, "Not possible now"
	case problem.Exit == api.ExitRefused:
		status, title = http.StatusForbidden, "Not allowed"
	case problem.Exit == api.ExitFailed:
		status, title = http.StatusBadGateway, "The device could not be reached or read"
	case problem.Exit == api.ExitUsage:
		status, title = http.StatusBadRequest, "This request has a mistake"
	default:
		p.Log.Error("a page could not be shown", "path", r.URL.Path, "err", err)
	}
	p.render(w, r, status, "problem", frame{Title: title, Section: section, Data: problemPage{status, problem.Detail, problem.Fix.String()}})
}

var errNoPage = errors.New("there is no such page")

// nothing is the view of a path that there is not.
func (p Page) nothing(*http.Request) (string, any, error) {
	return "", nil, &api.Problem{Detail: errNoPage.Error(), Exit: api.ExitUnknown, Fix: api.Say("begin with the list of devices"), Err: errNoPage}
}

// versions are the digests of the assets, which their URLs have: a browser keeps them forever.
var versions = sync.OnceValue(func() map[string]asset {
	all := map[string]asset{}
	for _, dir := range []string{"assets", "vendored"} {
		names, _ := fs.Glob(files, dir+"/*") // the pattern is right, and the files are in the binary
		for _, name := range names {
			content, _ := files.ReadFile(name)
			sum := sha256.Sum256(content)
			all[path.Base(name)] = asset{name, hex.EncodeToString(sum[:8])}
		}
	}
	return all
})

// asset is a file that a page needs.
type asset struct{ path, version string }

func assetPath(name string) (string, error) {
	a, ok := versions()[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/assets/" + a.version + "/" + name, nil
}

// serveAsset serves a file that a page needs. It needs no login: the form for it has a style.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	a, ok := versions()[r.PathValue("name")]
	if !ok || r.PathValue("version") != a.version {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	http.ServeFileFS(w, r, files, a.path)
}
