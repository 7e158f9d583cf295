package web_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/oidc"
	"flashwarden/internal/oidc/oidctest"
	"flashwarden/internal/web"
)

// pageOf is a page of nobody with a provider, over TLS at this address; empty: at any.
func pageOf(p *oidctest.Provider, redirect string, log io.Writer) http.Handler {
	at := p.Now
	client := &oidc.Client{Issuer: p.URL, ID: oidctest.ID, Groups: "groups", Secret: func() (string, error) { return oidctest.Secret, nil }, Now: func() time.Time { return at }}
	return by("", web.Page{Warden: full("sw1"), Logins: words{"anna": "long enough"}, Secure: true, Provider: &web.Provider{Client: client, Redirect: redirect},
		Log: slog.New(slog.NewTextHandler(log, nil)), Now: func() time.Time { return now }})
}

// answered has somebody log in at the provider, and returns the request with which the browser returns,
// with all cookies that it got.
func answered(t *testing.T, p *oidctest.Provider, h http.Handler, begin string) *http.Request {
	t.Helper()
	resp, body := get(t, h, begin)
	if resp.StatusCode != 303 {
		t.Fatalf("%s: %s\n%s", begin, resp.Status, body)
	}
	r := httptest.NewRequest("GET", p.LogIn(resp.Header.Get("Location")).String(), nil)
	for _, c := range resp.Cookies() {
		if c.Name != "__Host-oidc" || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 600 {
			t.Errorf("cookie %+v", c)
		}
		r.AddCookie(c)
	}
	return r
}

// sessionOf returns the secret of the session that a response begins; empty: none.
func sessionOf(resp *http.Response) (secret string) {
	for _, c := range resp.Cookies() {
		if c.Name == "__Host-session" {
			secret = strings.Trim(c.Value, `"`)
		}
	}
	return secret
}

// TestProvider logs in with a provider, and goes to the page that was asked for, and to no other site.
func TestProvider(t *testing.T) {
	p := oidctest.New(t)
	h := pageOf(p, "", io.Discard)
	if _, body := get(t, h, "/login?to=/jobs?state=done"); !strings.Contains(body, `href="/login/oidc?to=%2fjobs%3fstate%3ddone"`) || !strings.Contains(body, "Log in with "+strings.TrimPrefix(p.URL, "http://")) || !strings.Contains(body, `type="password"`) {
		t.Errorf("the form:\n%s", body)
	}
	for to, want := range map[string]string{"/jobs?state=done&device=a b": "/jobs?state=done&device=a b", "": "/", "//evil.example": "/", "https://evil.example": "/", `/\evil.example`: "/", "/\tevil": "/", "/" + strings.Repeat("x", 4000): "/"} {
		r := answered(t, p, h, "/login/oidc?"+url.Values{"to": {to}}.Encode())
		if r.URL.Scheme != "https" || r.URL.Host != "example.com" || r.URL.Path != "/login/oidc/callback" {
			t.Errorf("the provider sends the browser to %s", r.URL)
		}
		resp, body := send(t, h, r)
		if resp.StatusCode != 303 || resp.Header.Get("Location") != want || sessionOf(resp) != "secret of guest anna" {
			t.Errorf("%.50q: %s to %q, session %q\n%s", to, resp.Status, resp.Header.Get("Location"), sessionOf(resp), body)
		}
		if c := resp.Cookies()[0]; c.Name != "__Host-oidc" || c.MaxAge >= 0 {
			t.Errorf("%.50q: the browser keeps the secret of the login: %+v", to, c)
		}
		if again, _ := send(t, h, r); again.StatusCode != 401 || sessionOf(again) != "" {
			t.Errorf("the same answer again: %s", again.Status)
		}
	}
	r := answered(t, p, pageOf(p, "https://fw.example.net/login/oidc/callback", io.Discard), "/login/oidc")
	if r.URL.Host != "fw.example.net" {
		t.Errorf("behind a proxy, the provider sends the browser to %s", r.URL)
	}
	for _, path := range []string{"/login/oidc", "/login/oidc/callback"} {
		if resp, _ := get(t, page(full("sw1"), "", false), path); resp.StatusCode != 303 || !strings.HasPrefix(resp.Header.Get("Location"), "/login?") {
			t.Errorf("%s without a provider: %s to %q", path, resp.Status, resp.Header.Get("Location"))
		}
	}
	if _, body := get(t, page(full("sw1"), "", false), "/login"); strings.Contains(body, "Log in with") {
		t.Error("there is a button without a provider")
	}
}

// TestProviderRefuses: whoever is not proved, or has no role, gets the form for the password again.
func TestProviderRefuses(t *testing.T) {
	p := oidctest.New(t)
	h := pageOf(p, "", io.Discard)
	want := func(what string, r *http.Request, status int, text string) {
		t.Helper()
		resp, body := send(t, h, r)
		if resp.StatusCode != status || !strings.Contains(body, text) || !strings.Contains(body, `type="password"`) || sessionOf(resp) != "" {
			t.Errorf("%s: %s, session %q\n%s", what, resp.Status, sessionOf(resp), body)
		}
		for _, c := range resp.Cookies() {
			if c.MaxAge >= 0 {
				t.Errorf("%s: cookie %+v stays", what, c)
			}
		}
	}
	foreign := answered(t, p, h, "/login/oidc")
	foreign.Header.Del("Cookie")
	for range 11 { // another site can make a browser send it: that must not lock it out
		want("another browser", foreign, 400, "did not begin in this browser")
	}
	two := answered(t, p, h, "/login/oidc")
	two.Header["Cookie"] = answered(t, p, h, "/login/oidc").Header["Cookie"]
	want("the state of another login", two, 400, "did not begin in this browser")
	p.Change(func() { p.Say = map[string]any{"groups": []string{"sales"}} })
	want("no group", answered(t, p, h, "/login/oidc"), 403, "knows you as anna, but none of your groups may use this page")
	p.Change(func() { p.Say = map[string]any{"aud": "x"} })
	want("for another client", answered(t, p, h, "/login/oidc"), 401, "has not proved who you are")
	last := answered(t, p, h, "/login/oidc")
	p.Change(func() { p.Down = true })
	want("down", last, 503, "cannot be asked now")
	p.Change(func() { p.Down, p.Say = false, map[string]any{"aud": "x"} })
	for range 9 {
		want("again and again", answered(t, p, h, "/login/oidc"), 401, "has not proved")
	}
	want("too often", answered(t, p, h, "/login/oidc"), 429, "Too many")
	p.Change(func() { p.Down = true })
	var log bytes.Buffer
	down := pageOf(p, "", &log)
	resp, body := get(t, down, "/login/oidc?to=/jobs")
	if resp.StatusCode != 503 || !strings.Contains(body, "cannot be asked now") || len(resp.Cookies()) > 0 {
		t.Errorf("down at the beginning: %s\n%s", resp.Status, body)
	}
	if text := log.String(); !strings.Contains(text, "503 Service Unavailable") || len(text) > 1000 {
		t.Errorf("the log has %d bytes: %.2000s", len(text), text)
	}
	if resp, _ := post(t, down, "/login", url.Values{"name": {"anna"}, "password": {"long enough"}}); resp.StatusCode != 303 || sessionOf(resp) != "secret of anna" {
		t.Errorf("with a password while the provider is down: %s", resp.Status)
	}
}

// TestProviderLog: who has proved nothing cannot fill the log, neither with answers of no login nor while the
// provider is down.
func TestProviderLog(t *testing.T) {
	p := oidctest.New(t)
	for _, down := range []bool{false, true} {
		p.Change(func() { p.Down = down })
		var log bytes.Buffer
		h := pageOf(p, "", &log)
		for range 100 {
			path, status := "/login/oidc/callback?state=x&code=y", 400
			if down {
				path, status = "/login/oidc", 503
			}
			if resp, _ := get(t, h, path); resp.StatusCode != status {
				t.Fatalf("%s: %s", path, resp.Status)
			}
		}
		if lines := strings.Count(log.String(), "\n"); lines == 0 || lines > 20 {
			t.Errorf("provider down %t: 100 requests are %d lines of the log", down, lines)
		}
	}
}
