package login_test

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	"flashwarden/internal/login"
)

// TestForwarded believes a trusted proxy, and nobody else.
func TestForwarded(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		peer     string
		from     []string
		protocol []string
		want     string
		secure   bool
	}{
		"of nobody":                 {peer: "192.0.2.7:99", want: "192.0.2.7"},
		"a stranger's headers":      {peer: "192.0.2.7:99", from: []string{"203.0.113.1"}, protocol: []string{"https"}, want: "192.0.2.7"},
		"a proxy":                   {peer: "127.0.0.1:99", from: []string{"203.0.113.1"}, protocol: []string{"https"}, want: "203.0.113.1", secure: true},
		"over http":                 {peer: "127.0.0.1:99", from: []string{"203.0.113.1"}, protocol: []string{"http"}, want: "203.0.113.1"},
		"IPv6":                      {peer: "127.0.0.1:99", from: []string{"2001:db8::1"}, want: "2001:db8::1"},
		"mapped":                    {peer: "[::ffff:127.0.0.1]:99", from: []string{"::ffff:203.0.113.1"}, want: "203.0.113.1"},
		"two proxies":               {peer: "127.0.0.1:99", from: []string{"203.0.113.1, 10.1.2.3"}, want: "203.0.113.1"},
		"two lines":                 {peer: "127.0.0.1:99", from: []string{"203.0.113.1", "10.1.2.3"}, want: "203.0.113.1"},
		"the client lies":           {peer: "127.0.0.1:99", from: []string{"198.51.100.9, 203.0.113.1"}, want: "203.0.113.1"},
		"the client lies about TLS": {peer: "127.0.0.1:99", from: []string{"203.0.113.1"}, protocol: []string{"https, http"}, want: "203.0.113.1"},
		"no address":                {peer: "127.0.0.1:99", from: []string{"203.0.113.1, unknown"}, want: "127.0.0.1"},
		"no headers":                {peer: "127.0.0.1:99", want: "127.0.0.1"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = c.peer
		r.Header["X-Forwarded-For"], r.Header["X-Forwarded-Proto"] = c.from, c.protocol
		r = login.Forwarded(r, trusted)
		if got := login.Address(r).String(); got != c.want || login.Secure(r) != c.secure {
			t.Errorf("%s: from %s, secure %t", name, got, login.Secure(r))
		}
	}
	r := httptest.NewRequest("GET", "https://x/", nil)
	if !login.Secure(r) {
		t.Error("TLS to us is not secure")
	}
}
