package httpapi

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/accept"
	"flashwarden/internal/login"
	"flashwarden/internal/warden"
	"flashwarden/internal/writelimit"
)

// Web serves the API over TCP, for programs that have a token, and the page for people.
type Web struct {
	Warden   warden.Warden
	Tokens   Tokens
	Live     Live
	Page     http.Handler   // gets the requests that are not for the API, with or without an actor; nil: there is no page
	Listener net.Listener   // it is closed at the end
	TLS      *tls.Config    // nil: without TLS
	Proxies  []netip.Prefix // they name the client and its protocol in headers
	Ready    func(context.Context) error
	Metrics  http.Handler // of the path /metrics; nil: there is none
	Log      *slog.Logger
}

// Tokens knows who has the secret of a token or of a session.
type Tokens interface {
	TokenActor(ctx context.Context, secret, from string) (a warden.Actor, known bool, err error)
	// SessionActor returns whose session on the page has a secret.
	SessionActor(ctx context.Context, secret, from string) (a warden.Actor, known bool, err error)
}

// Limits of the listener for clients that nobody knows.
const (
	maxHeader    = 32 << 10 // bytes
	headerWithin = 10 * time.Second
	idleFor      = 2 * time.Minute
)

// Run serves until ctx ends. Then running operations may end until limit does. It calls
// ready at once: the listener takes connections already.
func (s Web) Run(ctx, limit context.Context, ready func()) error {
	h := newResourceHandler(s.Warden, s.Live, s.Log)
	h.health(s.Ready)
	if s.Page != nil {
		h.mux.Handle("/", s.Page)
	}
	if s.Metrics != nil {
		h.mux.Handle("GET "+metricsPath, s.Metrics)
	}
	server := &http.Server{
		Handler: patient(s.guarded(whole(h.mux, s.Log)), s.Log), ReadHeaderTimeout: headerWithin, IdleTimeout: idleFor, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.Log.Handler(), slog.LevelDebug), TLSConfig: s.TLS,
	}
	var l net.Listener = writelimit.Listener{Listener: &accept.Listener{Listener: s.Listener, Log: s.Log}, Within: writeWithin}
	if s.TLS != nil {
		l = tls.NewListener(l, s.TLS)
	}
	return h.serve(ctx, limit, server, l, ready)
}

// guarded lets in who has a token or a session, and keeps browsers of other sites out.
func (s Web) guarded(next http.Handler) http.Handler {
	a := &authenticator{tokens: s.Tokens, tries: login.NewTries(), next: next, log: s.Log}
	own := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = login.Forwarded(r, s.Proxies)
		header := w.Header()
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		// With no-referrer, browsers send forms with "Origin: null" (Fetch, section 3.2), and those without
		// Sec-Fetch-Site could not prove that they are of this site.
		header.Set("Referrer-Policy", "same-origin")
		header.Set("Cache-Control", "no-store")
		switch {
		case s.onLoopback() && !isLoopback(r.Host):
			// A page of another site whose name points to this machine (DNS rebinding).
			sendProblem(w, http.StatusMisdirectedRequest, "this address answers for localhost only, not for "+r.Host, s.Log)
		case own.Check(r) != nil:
			sendProblem(w, http.StatusForbidden, "a page of another site may not send this request", s.Log)
		default:
			a.serve(w, r)
		}
	})
}

func (s Web) onLoopback() bool {
	a, ok := s.Listener.Addr().(*net.TCPAddr)
	return ok && a.IP.IsLoopback()
}

// isLoopback reports whether the Host of a request names this machine for itself.
func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	a, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return strings.EqualFold(name, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// authenticator finds out who sends a request.
type authenticator struct {
	tokens Tokens
	tries  *login.Tries
	next   http.Handler
	log    *slog.Logger
}

func (a *authenticator) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		a.next.ServeHTTP(w, r)
		return
	}
	from := login.Address(r)
	if scrapes(r, from) {
		a.next.ServeHTTP(w, r.WithContext(warden.As(r.Context(), warden.Actor{Name: "metrics", From: from.String(), Role: api.RoleViewer})))
		return
	}
	actor, err := a.actor(r, from.String())
	switch wait := a.tries.Wait(from, time.Now()); {
	case errors.Is(err, errNobody) && !strings.HasPrefix(r.URL.Path, prefix+"/") && r.URL.Path != metricsPath:
		a.next.ServeHTTP(w, r) // the page asks who it is
	case errors.Is(err, errNobody) && wait > 0:
		// Only now: other programs at this address may have a right token, and 128 random bits
		// are not guessed by trying.
		w.Header().Set("Retry-After", fmt.Sprint(int(wait/time.Second)+1))
		sendProblem(w, http.StatusTooManyRequests, "too many wrong tokens from this address", a.log)
	case errors.Is(err, errNobody):
		a.tries.Failed(from, time.Now())
		a.log.Warn("request refused", "remote", from, "path", r.URL.Path, "err", err)
		w.Header().Set("WWW-Authenticate", `Bearer realm="flashwarden"`)
		sendProblem(w, http.StatusUnauthorized, err.Error(), a.log)
	case err != nil:
		a.log.Error("the token of a request could not be looked up", "remote", from, "err", err)
		sendProblem(w, http.StatusServiceUnavailable, "the token cannot be looked up now", a.log)
	default:
		still := func() error {
			now, err := a.actor(r, from.String())
			if err == nil && now != actor {
				err = errChanged
			}
			return err
		}
		a.next.ServeHTTP(w, r.WithContext(context.WithValue(warden.As(r.Context(), actor), stillKey{}, still)))
	}
}

const metricsPath = "/metrics"

// scrapes reports whether a program of this machine asks for the metrics: it needs no token. A
// proxy on this machine asks for others, so what it forwards needs one.
func scrapes(r *http.Request, from netip.Addr) bool {
	for _, header := range []string{"Authorization", "Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via"} {
		if r.Header.Get(header) != "" {
			return false
		}
	}
	return r.URL.Path == metricsPath && from.IsLoopback()
}

// errNobody is the error of a request without a token that is known and valid.
var errNobody = errors.New("no valid token: send Authorization: Bearer with the secret of one")

// actor returns who sends a request: the owner of its token, or else of its session.
func (a *authenticator) actor(r *http.Request, from string) (actor warden.Actor, err error) {
	known := false
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	session := login.Secret(r, login.Secure(r))
	switch {
	case strings.EqualFold(kind, "Bearer") && secret != "":
		actor, known, err = a.tokens.TokenActor(r.Context(), strings.TrimSpace(secret), from)
	case session != "":
		actor, known, err = a.tokens.SessionActor(r.Context(), session, from)
	}
	if err == nil && !known {
		err = errNobody
	}
	return actor, err
}

// sendProblem answers with a problem of HTTP itself.
func sendProblem(w http.ResponseWriter, status int, detail string, log *slog.Logger) {
	exit := api.ExitRefused
	if status >= http.StatusInternalServerError {
		exit = api.ExitError
	}
	writeProblem(w, answerWith(status, &api.Problem{Detail: detail, Exit: exit}), log)
}
