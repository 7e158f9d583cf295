package login

import (
	"net/http"
	"time"
)

// The names of our cookies. Over TLS they have a prefix: a browser takes such a cookie only over TLS,
// for this host and no other (RFC 6265bis section 4.1.3).
const (
	sessionName = "session" // has the secret of a session
	attemptName = "oidc"    // has what belongs to a login at a provider
	securePart  = "__Host-"
)

func cookie(name string, secure bool) *http.Cookie {
	c := &http.Cookie{Name: name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if secure {
		c.Name, c.Secure = securePart+name, true
	}
	return c
}

func set(w http.ResponseWriter, c *http.Cookie, value string, lasts time.Duration) {
	c.Value, c.MaxAge = value, int(lasts/time.Second)
	http.SetCookie(w, c)
}

func remove(w http.ResponseWriter, c *http.Cookie) {
	c.MaxAge = -1
	http.SetCookie(w, c)
}

func value(r *http.Request, name string, secure bool) string {
	c, err := r.Cookie(cookie(name, secure).Name)
	if err != nil {
		return ""
	}
	return c.Value
}

// SetCookie gives a browser the secret of a session.
func SetCookie(w http.ResponseWriter, secret string, lasts time.Duration, secure bool) {
	set(w, cookie(sessionName, secure), secret, lasts)
}

// ClearCookie takes it away.
func ClearCookie(w http.ResponseWriter, secure bool) { remove(w, cookie(sessionName, secure)) }

// Secret returns the secret of the session of a request; empty: it has none.
func Secret(r *http.Request, secure bool) string { return value(r, sessionName, secure) }

// SetAttempt has a browser remember a login at a provider, until the provider sends it back.
func SetAttempt(w http.ResponseWriter, what string, lasts time.Duration, secure bool) {
	set(w, cookie(attemptName, secure), what, lasts)
}

// TakeAttempt returns what SetAttempt gave to a browser, and takes it away: it is good once. Empty: there is nothing.
func TakeAttempt(w http.ResponseWriter, r *http.Request, secure bool) string {
	remove(w, cookie(attemptName, secure))
	return value(r, attemptName, secure)
}
