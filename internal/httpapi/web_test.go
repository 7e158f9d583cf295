package httpapi_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/httpapi"
	"flashwarden/internal/warden"
)

// secrets is Tokens of two secrets.
type secrets map[string]warden.Actor

func (s secrets) TokenActor(_ context.Context, secret, from string) (warden.Actor, bool, error) {
	if secret == "fw_DOWN" {
		return warden.Actor{}, false, errors.New("no catalog")
	}
	a, ok := s[secret]
	a.From = from
	return a, ok, nil
}

func (s secrets) SessionActor(ctx context.Context, secret, from string) (warden.Actor, bool, error) {
	return s.TokenActor(ctx, "session "+secret, from)
}

// web serves f on loopback and returns its address.
func web(t *testing.T, f *fake, encrypted *tls.Config) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := httpapi.Web{Warden: f, Live: f, Tokens: secrets{"fw_RIGHT": {Name: "token x", Role: api.RoleViewer}}, Listener: l, TLS: encrypted, Log: slog.New(slog.DiscardHandler),
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "x 1\n") })}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, ctx, func() {}) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	return l.Addr().String()
}

// fetch sends a request from one of the addresses of this machine.
func fetch(t *testing.T, from, method, url string, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			r.Host = header[i+1]
		} else {
			r.Header.Set(header[i], header[i+1])
		}
	}
	dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	transport := &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// TestWhoIsLetIn lets in who has a token, from this machine, and nobody else.
func TestWhoIsLetIn(t *testing.T) {
	f := &fake{}
	base := "http://" + web(t, f, nil)
	right := []string{"Authorization", "Bearer fw_RIGHT"}
	for name, c := range map[string]struct {
		method, path string
		header       []string
		status       int
	}{
		"token":               {"GET", "/api/v1/status", right, 200},
		"token, small letter": {"GET", "/api/v1/status", []string{"Authorization", "bearer fw_RIGHT"}, 200},
		"no token":            {"GET", "/api/v1/status", nil, 401},
		"wrong token":         {"GET", "/api/v1/status", []string{"Authorization", "Bearer fw_WRONG"}, 401},
		"basic":               {"GET", "/api/v1/status", []string{"Authorization", "Basic fw_RIGHT"}, 401},
		"token in the URL":    {"GET", "/api/v1/status?token=fw_RIGHT", nil, 401},
		"catalog is down":     {"GET", "/api/v1/status", []string{"Authorization", "Bearer fw_DOWN"}, 503},
		"operation":           {"POST", "/api/v1/operations/backup", nil, 401},
		"operation, token":    {"POST", "/api/v1/operations/status", right, 404},
		"content, token":      {"GET", "/api/v1/operations/content/" + strings.Repeat("a", 64), right, 404},
		"description":         {"GET", "/api/v1/openapi.json", nil, 401},
		"health":              {"GET", "/healthz", nil, 204},
		"ready":               {"GET", "/readyz", nil, 204},
		"foreign host":        {"GET", "/api/v1/status", append([]string{"Host", "evil.example"}, right...), 421},
		"foreign host health": {"GET", "/healthz", []string{"Host", "127.0.0.1.evil.example"}, 421},
		"localhost":           {"GET", "/api/v1/status", append([]string{"Host", "localhost:8480"}, right...), 200},
		"IPv6":                {"GET", "/api/v1/status", append([]string{"Host", "[::1]:8480"}, right...), 200},
		"another site":        {"POST", "/api/v1/jobs/x/cancel", append([]string{"Sec-Fetch-Site", "cross-site"}, right...), 403},
		"another origin":      {"POST", "/api/v1/jobs/x/cancel", append([]string{"Origin", "https://evil.example"}, right...), 403},
		"a form, null origin": {"POST", "/api/v1/jobs/x/cancel", append([]string{"Origin", "null"}, right...), 403},
		"metrics":             {"GET", "/metrics", nil, 200},
		"metrics, token":      {"GET", "/metrics", right, 200},
		"metrics, wrong":      {"GET", "/metrics", []string{"Authorization", "Bearer fw_WRONG"}, 401},
		"metrics by a proxy":  {"GET", "/metrics", []string{"X-Forwarded-For", "192.0.2.7"}, 401},
		"metrics, rebound":    {"GET", "/metrics", []string{"Host", "evil.example"}, 421},
		"metrics, POST":       {"POST", "/metrics", nil, 405},
		"no such path":        {"GET", "/api/v1/nonsense", right, 404},
	} {
		resp := fetch(t, "127.0.0.1", c.method, base+c.path, c.header...)
		if resp.StatusCode != c.status {
			t.Errorf("%s: %s, want %d; %s", name, resp.Status, c.status, text(t, resp))
		}
		if resp.Header.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(resp.Header.Get("Content-Security-Policy"), "default-src 'none'") {
			t.Errorf("%s: headers %v", name, resp.Header)
		}
		if policy := resp.Header.Get("Referrer-Policy"); policy != "same-origin" { // with no-referrer, the forms of the page have the origin null
			t.Errorf("%s: policy %q", name, policy)
		}
		if resp.StatusCode == 401 && resp.Header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s: 401 without WWW-Authenticate", name)
		}
	}
}

// TestTooManyTries makes an address wait after many wrong tokens, but nobody else, and not
// a program there that has a right one.
func TestTooManyTries(t *testing.T) {
	base := "http://" + web(t, &fake{}, nil)
	var last *http.Response
	for range 11 {
		last = fetch(t, "127.0.0.5", "GET", base+"/api/v1/status", "Authorization", "Bearer fw_WRONG")
	}
	if last.StatusCode != 429 || last.Header.Get("Retry-After") == "" {
		t.Errorf("the eleventh: %s, %v", last.Status, last.Header)
	}
	if resp := fetch(t, "127.0.0.5", "GET", base+"/api/v1/status", "Authorization", "Bearer fw_RIGHT"); resp.StatusCode != 200 {
		t.Errorf("from there with the right token: %s", resp.Status)
	}
	if resp := fetch(t, "127.0.0.6", "GET", base+"/api/v1/status", "Authorization", "Bearer fw_RIGHT"); resp.StatusCode != 200 {
		t.Errorf("from elsewhere: %s", resp.Status)
	}
}

// TestSelfSigned keeps its certificate over restarts, and takes a new one without a
// restart.
func TestSelfSigned(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	first, err := httpapi.SelfSigned(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	again, err := httpapi.SelfSigned(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(c *tls.Config) *x509.Certificate {
		t.Helper()
		pair, err := c.GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	if !leaf(first).Equal(leaf(again)) {
		t.Error("a second start has another certificate")
	}
	if info, err := os.Stat(filepath.Join(dir, "web.key")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, error %v", info, err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf(first))
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true}}
	at := web(t, &fake{}, first)
	resp, err := client.Get("https://" + at + "/healthz")
	if err != nil || resp.StatusCode != 204 || resp.TLS.Version < tls.VersionTLS12 {
		t.Fatalf("%+v, error %v", resp, err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Error(err)
	}

	old := leaf(first)
	if err := os.Remove(filepath.Join(dir, "web.crt")); err != nil {
		t.Fatal(err)
	}
	if !leaf(first).Equal(old) {
		t.Error("without its file, the certificate is gone")
	}
	if _, err := httpapi.SelfSigned(dir, log); err != nil {
		t.Fatal(err)
	}
	if leaf(first).Equal(old) {
		t.Error("the new certificate is not used")
	}
}

// TestHalfRenewal makes a pair again that a renewal left half done.
func TestHalfRenewal(t *testing.T) {
	dir, other, log := t.TempDir(), t.TempDir(), slog.New(slog.DiscardHandler)
	for _, d := range []string{dir, other} {
		if _, err := httpapi.SelfSigned(d, log); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(filepath.Join(other, "web.key"), filepath.Join(dir, "web.key")); err != nil {
		t.Fatal(err)
	}
	c, err := httpapi.SelfSigned(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	if pair, err := c.GetCertificate(nil); err != nil || pair == nil {
		t.Errorf("%v, error %v", pair, err)
	}
}

// TestWrongCertificate refuses to start with a wrong pair, and keeps a good one.
func TestWrongCertificate(t *testing.T) {
	dir, log := t.TempDir(), slog.New(slog.DiscardHandler)
	cert, key := filepath.Join(dir, "web.crt"), filepath.Join(dir, "web.key")
	if _, err := httpapi.Certificate(cert, key, log); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no files: %v", err)
	}
	c, err := httpapi.SelfSigned(dir, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), 0o600); err != nil {
		t.Fatal(err)
	}
	if pair, err := c.GetCertificate(nil); err != nil || pair == nil {
		t.Errorf("a running service: %v, error %v", pair, err)
	}
	if _, err := httpapi.Certificate(cert, key, log); err == nil {
		t.Error("a damaged certificate is taken")
	}
	if _, err := httpapi.SelfSigned(dir, log); err == nil {
		t.Error("a file that is not ours was replaced")
	}
}

// TestWebDrains lets a running operation end.
func TestWebDrains(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	began, end := make(chan struct{}), make(chan struct{})
	f := &fake{answer: func(context.Context, string, any, func(api.Event)) error { close(began); <-end; return nil }}
	s := httpapi.Web{Warden: f, Live: f, Tokens: secrets{"fw_RIGHT": {Role: api.RoleViewer}}, Listener: l, Log: slog.New(slog.DiscardHandler)}
	ctx, cancel := context.WithCancel(t.Context())
	limit, cut := context.WithTimeout(t.Context(), time.Minute)
	defer cut()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx, limit, func() {}) }()
	answered := make(chan int, 1)
	go func() {
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/api/v1/status", nil)
		if err != nil {
			t.Error(err)
		}
		r.Header.Set("Authorization", "Bearer fw_RIGHT")
		resp, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Error(err)
			answered <- 0
			return
		}
		resp.Body.Close()
		answered <- resp.StatusCode
	}()
	<-began
	cancel()
	close(end)
	if status := <-answered; status != 200 {
		t.Errorf("status %d", status)
	}
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
