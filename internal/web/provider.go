package web

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"flashwarden/internal/login"
	"flashwarden/internal/oidc"
	"flashwarden/internal/warden"
)

// Provider is a provider of OpenID Connect with which people log in.
type Provider struct {
	*oidc.Client
	Redirect string // where the provider sends browsers to; empty: to the host that the browser asks
}

const (
	// callbackPath is where the provider sends browsers to.
	callbackPath = "/login/oidc/callback"
	// attemptLasts is how long a person may take at the provider.
	attemptLasts = 10 * time.Minute
	// longestReturn bounds the path to which a login leads, in bytes: a browser keeps it in a cookie.
	longestReturn = 1500
)

// providerHost names the provider for people; empty: there is none.
func (p Page) providerHost() string {
	if p.Provider == nil {
		return ""
	}
	u, err := url.Parse(p.Provider.Issuer)
	if err != nil {
		return p.Provider.Issuer
	}
	return u.Host
}

// redirect is where the provider sends a browser to.
func (p Page) redirect(r *http.Request) string {
	if p.Provider.Redirect != "" {
		return p.Provider.Redirect
	}
	u := url.URL{Scheme: "http", Host: r.Host, Path: callbackPath}
	if p.secure(r) {
		u.Scheme = "https"
	}
	return u.String()
}

// toProvider sends a browser to the provider. It is a link and not a form: the policy lets forms
// lead to this host alone.
func (p Page) toProvider(w http.ResponseWriter, r *http.Request) {
	to := ownPath(r.FormValue("to"))
	if len(to) > longestReturn {
		to = "/"
	}
	attempt := oidc.NewAttempt()
	address, err := p.Provider.Address(r.Context(), attempt, p.redirect(r))
	if err != nil {
		p.notAdmitted(w, r, loginPage{To: to}, err)
		return
	}
	login.SetAttempt(w, string(attempt)+"."+base64.RawURLEncoding.EncodeToString([]byte(to)), attemptLasts, p.secure(r))
	http.Redirect(w, r, address, http.StatusSeeOther)
}

// fromProvider begins a session for somebody whom the provider sends back. Wrong answers count as
// wrong passwords do, but not those that another site can make this browser send.
func (p Page) fromProvider(w http.ResponseWriter, r *http.Request) {
	secret, kept, _ := strings.Cut(login.TakeAttempt(w, r, p.secure(r)), ".")
	path, _ := base64.RawURLEncoding.DecodeString(kept) // damaged: the first page
	page := loginPage{To: ownPath(string(path))}
	from := login.Address(r)
	if wait := p.tries.Begin(from, p.Now()); wait > 0 {
		p.mustWait(w, r, page, wait)
		return
	}
	wrong := false
	defer func() { p.tries.End(from, p.Now(), wrong) }()
	who, err := p.Provider.Person(r.Context(), oidc.Attempt(secret), p.redirect(r), r.URL.Query())
	if err != nil {
		wrong = !errors.Is(err, oidc.ErrDown) && !errors.Is(err, oidc.ErrForeign)
		p.notAdmitted(w, r, page, err)
		return
	}
	session, known, err := p.Logins.Admit(r.Context(), warden.Guest(who), from.String())
	switch {
	case err != nil:
		p.Log.Error("a login could not be checked", "err", err)
		p.askAgain(w, r, http.StatusServiceUnavailable, page, "You cannot log in now. The log of the service says why.")
	case !known:
		p.askAgain(w, r, http.StatusForbidden, page, fmt.Sprintf("%s knows you as %s, but none of your groups may use this page. Ask an administrator.", p.providerHost(), who.Name))
	default:
		login.SetCookie(w, session, sessionCookieLasts, p.secure(r))
		http.Redirect(w, r, page.To, http.StatusSeeOther)
	}
}

// notAdmitted shows the form for the login again: users of this page can still log in with their password.
func (p Page) notAdmitted(w http.ResponseWriter, r *http.Request, page loginPage, err error) {
	note := func() {
		p.Log.Warn("login refused: the provider has not proved who it is", "from", login.Address(r), "err", fmt.Sprintf("%.600s", err)) // the error may quote a whole answer
	}
	if errors.Is(err, oidc.ErrDown) || errors.Is(err, oidc.ErrForeign) {
		p.untried.Do(note)
	} else {
		note() // these are limited as wrong passwords are
	}
	switch {
	case errors.Is(err, oidc.ErrDown):
		p.askAgain(w, r, http.StatusServiceUnavailable, page, p.providerHost()+" cannot be asked now. The log of the service says why. Users of this page can log in with their password.")
	case errors.Is(err, oidc.ErrForeign):
		p.askAgain(w, r, http.StatusBadRequest, page, "This login did not begin in this browser, or it took too long. Begin again.")
	default:
		p.askAgain(w, r, http.StatusUnauthorized, page, p.providerHost()+" has not proved who you are. The log of the service says why.")
	}
}
