package inventory

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestTokenStays: a token reaches only the server of the URL, and not another port of its host that it
// names.
func TestTokenStays(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "other "+r.Header.Get("Authorization"))
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL, http.StatusFound)
		case "/here":
			http.Redirect(w, r, "/list", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		default:
			io.WriteString(w, "own "+r.Header.Get("Authorization"))
		}
	}))
	defer server.Close()
	for path, want := range map[string]string{"/list": "own Bearer t0psecret", "/here": "own Bearer t0psecret", "/away": "other ", "/round": ""} {
		list, err := Open(t.Context(), server.URL+path, "t0psecret")
		if (err != nil) != (want == "") {
			t.Errorf("%s: error %v", path, err)
		}
		if err != nil {
			continue
		}
		got, err := io.ReadAll(list)
		list.Close()
		if string(got) != want || err != nil {
			t.Errorf("%s: %q, error %v; want %q", path, got, err, want)
		}
	}
}
