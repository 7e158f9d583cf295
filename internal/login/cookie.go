package login

import (
	"net/http"
	"time"
)

// The names of the cookie with the secret of a session. A browser takes the first one only over
// TLS, for this host and no other (RFC 6265bis section 4.1.3).
const (
	secureName = "__Host-session"
	plainName  = "session" // without TLS, on loopback
)

func cookie(secure bool) *http.Cookie {
	c := &http.Cookie{Name: plainName, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if secure {
		c.Name, c.Secure = secureName, true
	}
	return c
}

// SetCookie gives a browser the secret of a session.
func SetCookie(w http.ResponseWriter, secret string, lasts time.Duration, secure bool) {
	c := cookie(secure)
	c.Value, c.MaxAge = secret, int(lasts/time.Second)
	http.SetCookie(w, c)
}

// ClearCookie takes it away.
func ClearCookie(w http.ResponseWriter, secure bool) {
	c := cookie(secure)
	c.MaxAge = -1
	http.SetCookie(w, c)
}

// Secret returns the secret of the session of a request; empty: it has none.
func Secret(r *http.Request, secure bool) string {
	c, err := r.Cookie(cookie(secure).Name)
	if err != nil {
		return ""
	}
	return c.Value
}
