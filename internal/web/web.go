// Package web is the page: what a person sees in a browser. It shows what the operations of
// the warden return, as HTML, and has no state of its own. It works without scripts; with them,
// it shows by itself what happens.
package web

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"flashwarden/internal/login"
	"flashwarden/internal/warden"
)

// Page serves the page. Its fields are set before Handler is called.
type Page struct {
	Warden warden.Warden
	Logins Logins
	// Provider also lets people log in; nil: there is none.
	Provider *Provider
	Live     Live // nil: the page does not show what runs
	Secure   bool // browsers come over TLS, also where a request does not show it
	Log      *slog.Logger
	Now      func() time.Time // nil: time.Now

	tries   *login.Tries
	editing *sync.Mutex     // a device is read and changed
	untried *rate.Sometimes // limits the log of logins with the provider that do not count as tries
}

// secure reports whether a browser comes over TLS.
func (p Page) secure(r *http.Request) bool { return p.Secure || login.Secure(r) }

// Logins begins and ends sessions.
type Logins interface {
	// Login reports false if there is no such user or the password is another.
	Login(ctx context.Context, name, word, from string) (secret string, known bool, err error)
	// Admit begins a session of somebody whom the provider knows. It reports false if none of the groups
	// has a role.
	Admit(ctx context.Context, g warden.Guest, from string) (secret string, known bool, err error)
	Logout(ctx context.Context, secret string) error
}

// Handler returns the routes of the page. Its requests have an actor if somebody has logged
// in, and come from no page of another site.
func (p Page) Handler() http.Handler {
	if p.Now == nil {
		p.Now = time.Now
	}
	p.tries, p.editing = login.NewTries(), new(sync.Mutex)
	p.untried = &rate.Sometimes{First: 10, Interval: 5 * time.Second}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /assets/{version}/{name}", serveAsset)
	mux.HandleFunc("GET /login", p.loginForm)
	mux.HandleFunc("POST /login", p.login)
	mux.HandleFunc("POST /logout", p.logout)
	if p.Provider != nil {
		mux.HandleFunc("GET /login/oidc", p.toProvider)
		mux.HandleFunc("GET "+callbackPath, p.fromProvider)
	}
	for _, v := range []view{
		{route: "GET /{$}", template: "fleet", section: "Devices", follows: true, read: p.fleet},
		{route: "GET /devices/{name}", template: "device", section: "Devices", follows: true, read: p.device},
		{route: "GET /devices/{name}/diff", template: "diff", section: "Devices", read: p.diff},
		{route: "GET /snapshots/{id}", template: "snapshot", section: "Devices", read: p.snapshot},
		{route: "GET /jobs", template: "jobs", section: "Jobs", follows: true, read: p.jobs},
		{route: "GET /jobs/{id}", template: "job", section: "Jobs", follows: true, read: p.job},
		{route: "GET /images", template: "images", section: "Images", read: p.images},
		{route: "GET /vault", template: "vault", section: "Vault", read: p.vault},
		{route: "GET /audit", template: "audit", section: "Audit", read: p.audit},
		{route: "GET /settings", template: "settings", section: "Settings", read: p.settings},
		{route: "GET /devices/{name}/restore", template: "restore", section: "Devices", read: p.restoreForm},
		{route: "GET /devices/{name}/edit", template: "edit", section: "Devices", read: p.editForm},
		{route: "GET /add-device", template: "edit", section: "Devices", read: p.addForm},
		{route: "GET /import", template: "import", section: "Devices", read: p.importForm},
		{route: "POST /import/check", template: "import", section: "Devices", read: p.checkList},
		{route: "GET /plans/{id}", template: "plan", section: "Devices", read: p.plan},
		{route: "GET /transfers", template: "transfers", section: "Transfers", follows: true, read: p.transfers},
		{route: "GET /add-credential", template: "credential", section: "Settings", read: p.newCredential},
		{route: "GET /credentials/{name}", template: "credential", section: "Settings", read: p.credential},
		{route: "POST /credentials/{name}/test", template: "credential", section: "Settings", read: p.testCredential},
		{route: "GET /live", template: "part", read: p.live},
	} {
		mux.HandleFunc(v.route, p.show(v))
	}
	mux.HandleFunc("POST /backup", p.act(p.backup))
	mux.HandleFunc("POST /jobs/{id}/cancel", p.act(p.cancelJob))
	mux.HandleFunc("POST /jobs/{id}/retry", p.act(p.retryJob))
	mux.HandleFunc("POST /devices/{name}/restore", p.act(p.makePlan))
	mux.HandleFunc("POST /devices/{name}/edit", p.act(p.editDevice))
	mux.HandleFunc("POST /add-device", p.act(p.addDevice))
	mux.HandleFunc("POST /import", p.act(p.takeList))
	mux.HandleFunc("POST /plans/{id}", p.act(p.carryOut))
	mux.HandleFunc("POST /doctor", p.act(p.doctor))
	mux.HandleFunc("POST /offers", p.act(p.offer))
	mux.HandleFunc("POST /offers/{id}/end", p.act(p.endOffer))
	mux.HandleFunc("POST /receptions", p.act(p.receive))
	mux.HandleFunc("POST /receptions/{id}/end", p.act(p.endReception))
	mux.HandleFunc("POST /add-credential", p.act(p.addCredential))
	mux.HandleFunc("POST /credentials/{name}", p.act(p.changeCredential))
	mux.HandleFunc("POST /credentials/{name}/remove", p.act(p.removeCredential))
	mux.HandleFunc("/", p.show(view{section: "", template: "problem", read: p.nothing}))
	return policed(mux)
}

// view is one page: how to read what it shows, and the template that shows it.
type view struct {
	route    string
	template string
	section  string // in the navigation
	follows  bool   // it stays as new as the events of the service
	read     func(r *http.Request) (title string, data any, err error)
}

// show serves a view to somebody who has logged in; others are asked to.
func (p Page) show(v view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if warden.ActorOf(r.Context()) == (warden.Actor{}) {
			askToLogIn(w, r)
			return
		}
		f := frame{Section: v.section}
		if v.follows {
			f.Place = p.place(r)
		}
		var err error
		if f.Title, f.Data, err = v.read(r); err != nil {
			p.fail(w, r, v.section, err)
			return
		}
		p.render(w, r, http.StatusOK, v.template, f)
	}
}

// act serves a change that somebody asked for with a form, and then shows the page that it
// returns, with a line about the result.
func (p Page) act(do func(r *http.Request) (next string, done doneCode, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if warden.ActorOf(r.Context()) == (warden.Actor{}) {
			askToLogIn(w, r)
			return
		}
		next, done, err := do(r)
		if err != nil {
			p.fail(w, r, "", err)
			return
		}
		if done != "" {
			next += "?done=" + string(done)
		}
		http.Redirect(w, r, next, http.StatusSeeOther)
	}
}

// askToLogIn sends a browser to the form. A script gets the advice to load its whole page
// again: its session has ended, and the form does not belong into a part of a page. Who sent a
// form cannot go back to its path.
func askToLogIn(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Header.Get("HX-Request") != "":
		w.Header().Set("HX-Refresh", "true")
		w.WriteHeader(http.StatusUnauthorized)
		return
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		http.Redirect(w, r, "/login", http.StatusSeeOther)
		return
	}
	http.Redirect(w, r, "/login?"+url.Values{"to": {r.URL.RequestURI()}}.Encode(), http.StatusSeeOther)
}

// policy lets the page load its own style, run its own scripts and ask its own host, and be
// shown in no frame. Only our own scripts carry the nonce, and only they change a page.
func policy(nonce string) string {
	return "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'nonce-" + nonce + "'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types htmx; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
}

// nonceKey is the key of the nonce of a response.
type nonceKey struct{}

func policed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nonce := rand.Text()
		w.Header().Set("Content-Security-Policy", policy(nonce))
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), nonceKey{}, nonce)))
	})
}
