// Package web is the page: what a person sees in a browser. It shows what the operations of
// the warden return, as HTML, and has no state of its own. It works without scripts.
package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"flashwarden/internal/login"
	"flashwarden/internal/warden"
)

// Page serves the page. Its fields are set before Handler is called.
type Page struct {
	Warden warden.Warden
	Logins Logins
	Secure bool // browsers come over TLS
	Log    *slog.Logger
	Now    func() time.Time // nil: time.Now

	tries *login.Tries
}

// Logins begins and ends sessions.
type Logins interface {
	// Login reports false if there is no such user or the password is another.
	Login(ctx context.Context, name, word, from string) (secret string, known bool, err error)
	Logout(ctx context.Context, secret string) error
}

// Handler returns the routes of the page. Its requests have an actor if somebody has logged
// in, and come from no page of another site.
func (p Page) Handler() http.Handler {
	if p.Now == nil {
		p.Now = time.Now
	}
	p.tries = login.NewTries()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{version}/{name}", serveAsset)
	mux.HandleFunc("GET /login", p.loginForm)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /logout", p.logout)
	for _, v := range []view{
		{"GET /{$}", "fleet", "Devices", p.fleet},
		{"GET /devices/{name}", "device", "Devices", p.device},
		{"GET /devices/{name}/diff", "diff", "Devices", p.diff},
		{"GET /snapshots/{id}", "snapshot", "Devices", p.snapshot},
		{"GET /jobs", "jobs", "Jobs", p.jobs},
		{"GET /jobs/{id}", "job", "Jobs", p.job},
		{"GET /images", "images", "Images", p.images},
		{"GET /vault", "vault", "Vault", p.vault},
		{"GET /audit", "audit", "Audit", p.audit},
		{"GET /settings", "settings", "Settings", p.settings},
	} {
		mux.HandleFunc(v.route, p.show(v))
	}
	mux.HandleFunc("POST /backup", p.act(p.backup))
	mux.HandleFunc("POST /jobs/{id}/cancel", p.act(p.cancelJob))
	mux.HandleFunc("POST /jobs/{id}/retry", p.act(p.retryJob))
	mux.HandleFunc("/", p.show(view{section: "", template: "problem", read: p.nothing}))
	return policed(mux)
}

// view is one page: how to read what it shows, and the template that shows it.
type view struct {
	route    string
	template string
	section  string // in the navigation
	read     func(r *http.Request) (title string, data any, err error)
}

// show serves a view to somebody who has logged in; others are asked to.
func (p Page) show(v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if warden.ActorOf(r.Context()) == (warden.Actor{}) {
			http.Redirect(w, r, "/login?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
			return
		}
		title, data, err := v.read(r)
		if err != nil {
			p.fail(w, r, v.section, err)
			return
		}
		p.render(w, r, http.StatusOK, v.template, frame{Title: title, Section: v.section, Data: data})
	}
}

// act serves a change that somebody asked for with a form, and then shows the page that it
// returns, with a line about the result.
func (p Page) act(do func(r *http.Request) (next string, done doneCode, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if warden.ActorOf(r.Context()) == (warden.Actor{}) {
			http.Redirect(w, r, "/login", http.StatusSeeOther)
			return
		}
		next, done, err := do(r)
		if err != nil {
			p.fail(w, r, "", err)
			return
		}
		http.Redirect(w, r, next+"?done="+string(done), http.StatusSeeOther)
	}
}

// policy lets the page load its own style and nothing else, run no script, and be shown in
// no frame.
const policy = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

func policed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", policy)
		next.ServeHTTP(w, r)
	})
}
