package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"flashwarden/internal/inventory"
)

// TestInventoryFromAServer reads a list over HTTP.
func TestInventoryFromAServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/list.csv" {
			http.NotFound(w, r)
			return
		}
		if got := r.Header.Get("Authorization"); got != "" && got != "Bearer t0ken" {
			t.Errorf("Authorization %q", got)
		}
		_, _ = io.WriteString(w, "name,address\nsw1,192.0.2.1\n") // a lost client is the test's own failure
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"", token} {
		list, err := readInventory(t.Context(), &program{}, inventory.Source{Place: server.URL + "/list.csv"}, "", file)
		if err != nil || len(list.Entries) != 1 || list.Entries[0].Name != "sw1" {
			t.Errorf("%+v, error %v", list, err)
		}
	}
	if _, err := readInventory(t.Context(), &program{}, inventory.Source{Place: server.URL + "/gone.csv"}, "", ""); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v; want 404", err)
	}
}
