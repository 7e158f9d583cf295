package inventory

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

// netbox is a server that answers as NetBox 4.5 documents it, at most page devices at a time.
type netbox struct {
	page  int
	token string // the whole header
	count int    // what it says; 0: the truth
	less  bool   // the first device is removed after the first answer

	mu      sync.Mutex
	queries []url.Values
}

func (n *netbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queries = append(n.queries, r.URL.Query())
	switch {
	case r.URL.Path != "/api/dcim/devices/":
		http.NotFound(w, r)
		return
	case r.Header.Get("Authorization") != n.token:
		http.Error(w, `{"detail":"Invalid token"}`, http.StatusForbidden)
		return
	}
	text, err := os.ReadFile("testdata/netbox-4.5-devices.json")
	var all struct {
		Count   int               `json:"count"`
		Next    string            `json:"next"`
		Results []json.RawMessage `json:"results"`
	}
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	limit, err1 := strconv.Atoi(r.URL.Query().Get("limit"))
	offset, err2 := strconv.Atoi(r.URL.Query().Get("offset"))
	if err != nil || err1 != nil || err2 != nil {
		http.Error(w, fmt.Sprint(err, err1, err2), http.StatusBadRequest)
		return
	}
	if n.less && len(n.queries) > 1 {
		all.Count, all.Results = all.Count-1, all.Results[1:]
	}
	offset = min(offset, len(all.Results))
	all.Results = all.Results[offset:min(offset+min(limit, n.page), len(all.Results))]
	if n.count > 0 {
		all.Count = n.count
	}
	if err := json.NewEncoder(w).Encode(all); err != nil {
		panic(err)
	}
}

// TestReadNetBox reads all pages, with the token and the filter, and takes no address from an answer.
func TestReadNetBox(t *testing.T) {
	n := &netbox{page: 3, token: "Token 0123456789"}
	server := httptest.NewServer(n)
	defer server.Close()
	want := List{
		Entries: []api.InventoryEntry{
			device("acc1", 1, "address", "192.0.2.11", "transport", "ssh", "credential", "old-access", "site", "attic", "group", "access-switch"),
			device("acc2", 2, "address", "2001:db8::12", "transport", "telnet", "site", "attic", "group", "access-switch", "legacy_crypto", "yes"),
			device("stack1-1", 3, "address", "192.0.2.13", "transport", "ssh", "group", "core")},
		Skipped: []Skipped{{"stack1-2", 4, "it is a member of the stack stack1"}, {"nexus1", 5, `platform "nx-os" is not IOS or IOS-XE`}, {"acc6", 6, `its status is "planned", not active`},
			{"acc7", 7, "it has no platform"}, {"acc8", 8, "it has no primary address"}, {"device 9 of NetBox", 9, "it has no name"},
			{"ncs1", 10, `platform "cisco-iosxr" is not IOS or IOS-XE`}, {"acc11", 11, "it has the tag flashwarden-skip"}}}
	m := Map{"site": "location.slug", "credential": "custom_fields.login"}
	got, err := ReadNetBox(t.Context(), server.URL+"?role=access&tag=a&tag=b", "0123456789", m)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, want(-) got(+):\n%s", err, diff)
	}
	var offsets []string
	for _, q := range n.queries {
		offsets = append(offsets, q.Get("offset"))
		if q.Get("role") != "access" || !slices.Equal(q["tag"], []string{"a", "b"}) || q.Get("ordering") != "id" {
			t.Errorf("query %v", q)
		}
	}
	if !slices.Equal(offsets, []string{"0", "2", "4", "6", "8"}) {
		t.Errorf("offsets %v", offsets)
	}

	// Without a map, the site is that of NetBox. A token of version 2 has another header.
	n.page, n.token = 100, "Bearer nbt_abc.def"
	list, err := Source{Place: server.URL + "/api/dcim/devices", Token: "nbt_abc.def"}.Load(t.Context(), nil)
	if err != nil || !slices.Contains(list.Entries[0].Settings, api.DeviceSetting{Name: "site", Value: "hq"}) {
		t.Errorf("%+v, error %v", list, err)
	}
}

// TestNetBoxRefuses: an answer that is not a whole list of devices is an error, and the error does not have the token.
func TestNetBoxRefuses(t *testing.T) {
	n := &netbox{page: 5, token: "Token t0psecret", count: 12}
	server := httptest.NewServer(n)
	defer server.Close()
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/moved") {
			http.Redirect(w, r, server.URL, http.StatusFound)
		}
		fmt.Fprint(w, "<html>NetBox</html>")
	}))
	defer page.Close()
	for _, c := range []struct {
		source, token string
		m             Map
		want          string
	}{
		{server.URL, "wrong-t0psecret", nil, "it wants a token that may read devices"},
		{server.URL, "t0psecret", nil, "the server sent 11 of 12 devices"},
		{server.URL, "t0psecret", Map{"site": "custom_fields.contacts"}, "acc1: the field custom_fields.contacts is not a single value"},
		{server.URL, "t0psecret", Map{"site": "site"}, "acc1: the field site is not a single value"},
		{server.URL, "t0psecret", Map{"name": "display"}, "the map has name"},
		{server.URL + "/netbox", "t0psecret", nil, "404"},
		{page.URL, "t0psecret", nil, "no list of devices of NetBox"},
		{page.URL + "/moved", "t0psecret", nil, "names another address"},
		{"/etc/passwd", "t0psecret", nil, "is the URL of its server"},
		{strings.Replace(server.URL, "http://", "http://me:t0psecret@", 1), "", nil, "give a token in a file"},
	} {
		_, err := ReadNetBox(t.Context(), c.source, c.token, c.m)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "t0psecret") {
			t.Errorf("%s: error %v; want %q", c.source, err, c.want)
		}
	}
}

// TestNetBoxChanges: a device is removed between two pages, so that all later ones move up. None of
// them is missed as if it were removed too.
func TestNetBoxChanges(t *testing.T) {
	server := httptest.NewServer(&netbox{page: 4, less: true})
	defer server.Close()
	if list, err := ReadNetBox(t.Context(), server.URL, "", nil); !errors.Is(err, errChanged) {
		t.Errorf("%+v, error %v; want that the list has changed", list, err)
	}
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]string{"x.csv": CSV, "router.db": RouterDB, "hosts.yml": Ansible, "hosts.ini": Ansible, "hosts": "", "https://nb.example.net/api/dcim/devices/?site=a": NetBox,
		"https://nb.example.net/netbox/api/dcim/devices": NetBox, "https://nb.example.net/x.csv?a=b.db": CSV, "https://nb.example.net/": ""} {
		if got := FormatOf(name); got != want {
			t.Errorf("%s: %q; want %q", name, got, want)
		}
	}
	for text, want := range map[string]bool{"---\n": true, "all:\n": true, "# x\nall: # y\n": true, "[g]\nsw1\n": false, "sw1 a=b\n": false, `{"all": {}}`: true, "": false} {
		if got := isYAML("hosts", []byte(text)); got != want {
			t.Errorf("%q: YAML %t", text, got)
		}
	}
}
