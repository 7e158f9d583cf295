package httpapi

import (
	"net/http/httptest"
	"net/netip"
	"testing"
)

// TestScrapes: only a program of this machine reads the metrics without a token, and nothing else.
func TestScrapes(t *testing.T) {
	for _, test := range []struct {
		from, path string
		want       bool
	}{{"127.0.0.1", "/metrics", true}, {"::1", "/metrics", true}, {"192.0.2.7", "/metrics", false}, {"127.0.0.1", "/api/v1/status", false}, {"127.0.0.1", "/metrics/x", false}} {
		if got := scrapes(httptest.NewRequestWithContext(t.Context(), "GET", test.path, nil), netip.MustParseAddr(test.from)); got != test.want {
			t.Errorf("%+v: %v", test, got)
		}
	}
	if scrapes(httptest.NewRequestWithContext(t.Context(), "GET", "/metrics", nil), netip.Addr{}) {
		t.Error("an unknown address")
	}
}
