package web

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"flashwarden/internal/login"
	"flashwarden/internal/warden"
)

// sessionCookieLasts is how long a browser keeps the cookie. The session may end sooner.
const sessionCookieLasts = 7 * 24 * time.Hour

// loginPage is what the form for the login shows.
type loginPage struct {
	To       string // where to go afterwards
	User     string
	Problem  string
	Provider string // of OpenID Connect, by its host; empty: there is none
}

// askAgain shows the form for the login with a problem.
func (p Page) askAgain(w http.ResponseWriter, r *http.Request, status int, page loginPage, problem string) {
	page.Problem, page.Provider = problem, p.providerHost()
	p.render(w, r, status, "login", frame{Title: "Log in", Data: page})
}

// mustWait refuses the login of an address that has sent too many wrong ones.
func (p Page) mustWait(w http.ResponseWriter, r *http.Request, page loginPage, wait time.Duration) {
	seconds := int(wait/time.Second) + 1
	w.Header().Set("Retry-After", fmt.Sprint(seconds))
	p.askAgain(w, r, http.StatusTooManyRequests, page, fmt.Sprintf("Too many wrong passwords from this address. Try again in %d s.", seconds))
}

func (p Page) loginForm(w http.ResponseWriter, r *http.Request) {
	to := ownPath(r.FormValue("to"))
	if warden.ActorOf(r.Context()) != (warden.Actor{}) {
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	p.render(w, r, http.StatusOK, "login", frame{Title: "Log in", Data: loginPage{To: to, Provider: p.providerHost()}})
}

// login begins a session. The number of wrong tries is limited by address, not by user:
// nobody can lock another one out.
func (p Page) login(w http.ResponseWriter, r *http.Request) {
	page := loginPage{To: ownPath(r.PostFormValue("to")), User: r.PostFormValue("name")}
	from := login.Address(r)
	if wait := p.tries.Begin(from, p.Now()); wait > 0 {
		p.mustWait(w, r, page, wait)
		return
	}
	wrong := false
	defer func() { p.tries.End(from, p.Now(), wrong) }()
	secret, known, err := p.Logins.Login(r.Context(), page.User, r.PostFormValue("password"), from.String())
	switch {
	case err != nil:
		p.Log.Error("a login could not be checked", "err", err)
		p.askAgain(w, r, http.StatusServiceUnavailable, page, "The password cannot be checked now. The log of the service says why.")
	case !known:
		wrong = true
		p.askAgain(w, r, http.StatusUnauthorized, page, "Wrong user name or password.")
	default:
		login.SetCookie(w, secret, sessionCookieLasts, p.secure(r))
		http.Redirect(w, r, page.To, http.StatusSeeOther)
	}
}

func (p Page) logout(w http.ResponseWriter, r *http.Request) {
	var err error
	if secret := login.Secret(r, p.secure(r)); secret != "" {
		err = p.Logins.Logout(r.Context(), secret)
	}
	if err != nil { // the cookie stays: the session is still good
		p.fail(w, r, "", errors.Join(errors.New("the session could not be ended"), err))
		return
	}
	login.ClearCookie(w, p.secure(r))
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}

// ownPath returns a path on this host, or that of the first page: a link must not lead to
// another site after the login.
func ownPath(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}
