package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestInventoryFromAServer reads a list over HTTP.
func TestInventoryFromAServer(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/list.csv" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "name,address\nsw1,192.0.2.1\n") // a lost client is the test's own failure
	}))
	defer server.Close()
	list, err := readInventory(t.Context(), &program{}, server.URL+"/list.csv", "", "")
	if err != nil || len(list.Entries) != 1 || list.Entries[0].Name != "sw1" {
		t.Errorf("%+v, error %v", list, err)
	}
	if _, err := readInventory(t.Context(), &program{}, server.URL+"/gone.csv", "", ""); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("error %v; want 404", err)
	}
}
