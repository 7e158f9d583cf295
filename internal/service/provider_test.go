package service_test

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog/sqlite/sqlitetest"
	"flashwarden/internal/config"
	"flashwarden/internal/oidc/oidctest"
	"flashwarden/internal/service"
	"flashwarden/internal/systemd"
	"flashwarden/internal/warden"
)

// serveWith runs a service with a provider, and returns the address of its page.
func serveWith(t *testing.T, o config.OIDC, log *slog.Logger) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, dir := settings("x"), sqlitetest.Data(t)
	c.Web.OIDC = o
	local := warden.New(warden.Options{Data: dir, Config: c, Log: log})
	s := &service.Service{Local: local, Data: dir, Manager: systemd.Manager{}, Web: c.Web, Listener: l, Log: log}
	ctx, cancel := context.WithCancel(warden.As(context.Background(), warden.Admin("tester", "test")))
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(time.Minute):
		t.Fatal("the service does not start")
	}
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// TestProvider: the service starts while the provider is down. Later people log in with it, have the role
// of their group on the page and in the API, and log out. The log has no secret.
func TestProvider(t *testing.T) {
	p := oidctest.New(t)
	p.Change(func() { p.Down = true })
	file, log := filepath.Join(t.TempDir(), "secret"), &logBuffer{}
	if err := os.WriteFile(file, []byte(oidctest.Secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	page := serveWith(t, config.OIDC{Issuer: p.URL, ClientID: oidctest.ID, ClientSecretFile: file, GroupsClaim: "groups", Roles: map[string]api.Role{"ops": api.RoleViewer}}, slog.New(slog.NewTextHandler(log, nil)))
	p.Change(func() { p.Down = false })
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar, Timeout: time.Minute}
	do := func(method, path, body string) (string, string) {
		t.Helper()
		r, err := http.NewRequest(method, page+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		resp, err := browser.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.Status + " " + resp.Request.URL.Path, string(text)
	}
	if got, body := do("GET", "/login/oidc?to=/images", ""); got != "200 OK /images" || !strings.Contains(body, "oidc anna") {
		t.Fatalf("after the login: %s\n%s", got, body)
	}
	if got, body := do("GET", "/api/v1/status", ""); !strings.HasPrefix(got, "200") {
		t.Errorf("the API: %s\n%s", got, body)
	}
	if got, body := do("POST", "/api/v1/jobs", `{"kind":"backup","all":true}`); !strings.HasPrefix(got, "403") {
		t.Errorf("a viewer begins a backup: %s\n%s", got, body)
	}
	u, err := url.Parse(page)
	if err != nil {
		t.Fatal(err)
	}
	cookies := jar.Cookies(u)
	if got, _ := do("POST", "/logout", ""); got != "200 OK /login" || len(cookies) != 1 || cookies[0].Name != "session" {
		t.Errorf("the logout: %s; cookies before: %v", got, cookies)
	}
	jar.SetCookies(u, cookies)
	if got, _ := do("GET", "/images", ""); got != "200 OK /login" {
		t.Errorf("with the old cookie: %s", got)
	}
	for _, secret := range []string{cookies[0].Value, oidctest.Secret, "code="} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("the log has %q:\n%s", secret, log)
		}
	}
	if !strings.Contains(log.String(), `user="oidc anna" subject=7 role=viewer`) {
		t.Errorf("the log:\n%s", log)
	}
}
