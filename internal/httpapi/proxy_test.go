package httpapi_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/httpapi"
	"flashwarden/internal/warden"
)

// TestBehindAProxy: behind a trusted proxy the page knows where its user is, and takes the
// cookie that browsers send over TLS alone. Without trust, the same headers mean nothing.
func TestBehindAProxy(t *testing.T) {
	for _, trusted := range []bool{true, false} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		shown := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := warden.ActorOf(r.Context())
			fmt.Fprintf(w, "%q at %q", a.Name, a.From)
		})
		s := httpapi.Web{Tokens: secrets{"session x": {Name: "anna", Role: api.RoleViewer}}, Page: shown, Listener: l, Log: slog.New(slog.DiscardHandler)}
		want := `"" at ""`
		if trusted {
			s.Proxies, want = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, `"anna" at "203.0.113.1"`
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- s.Run(ctx, ctx, func() {}) }()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+l.Addr().String()+"/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "__Host-session=x")
		r.Header.Set("X-Forwarded-For", "198.51.100.9, 203.0.113.1")
		r.Header.Set("X-Forwarded-Proto", "https")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || string(got) != want {
			t.Errorf("trusted %t: %s, want %s, %v", trusted, got, want, err)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
