package warden

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
)

// TestListByQueue reads a list of the configuration as the queue does. It changes and removes
// only devices that came from this list.
func TestListByQueue(t *testing.T) {
	l, ctx := asAdmin(t)
	n, err := l.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "racks.csv")
	l.opts.Config.Inventory = []config.Inventory{{Source: list, Prune: true, Credential: "access"}}
	user := "backup"
	if _, err := l.SetCredential(ctx, api.CredentialChange{Name: "access", Username: &user, Password: &api.Secret{Text: "s3cret"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.AddDevice(ctx, api.DeviceChange{Device: api.Device{Name: "hand1", Address: "192.0.2.90", Transport: api.SSH, Credential: "access"}}); err != nil {
		t.Fatal(err)
	}
	before := inventoryOf(t, n.Catalog)

	run := func(text string) (failed bool, message string) {
		t.Helper()
		if err := os.WriteFile(list, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		out := l.work(ctx, careJob(l.config(), catalog.Turn{Kind: api.JobInventory, Name: list}), nil)
		if care := careOf(t, l, api.JobInventory, list); care.Failed != out.Failed || care.Message != out.Message {
			t.Errorf("status %+v; want %+v", care, out)
		}
		return out.Failed, out.Message
	}
	rows := func(names ...string) string {
		text := "name,address,site\nhand1,192.0.2.66,other\n"
		for i, name := range names {
			text += fmt.Sprintf("%s,192.0.2.%d,hq\n", name, i+1)
		}
		return text
	}
	wantDevices := func(names ...string) {
		t.Helper()
		got := inventoryOf(t, n.Catalog)
		for name, address := range before {
			if got[name] != address {
				t.Errorf("%s is at %s now, it was added by hand at %s", name, got[name], address)
			}
			delete(got, name)
		}
		var have []string
		for name := range got {
			have = append(have, name)
		}
		slices.Sort(have)
		if !slices.Equal(have, names) {
			t.Errorf("devices %q; want %q", have, names)
		}
	}

	if failed, message := run(rows("sw1", "sw2", "sw3", "sw4", "sw5")); failed {
		t.Fatal(message)
	}
	wantDevices("sw1", "sw2", "sw3", "sw4", "sw5")
	if d, err := n.Catalog.Device(ctx, "sw1"); err != nil || d.Source != list || d.Credential != "access" || d.Site != "hq" {
		t.Errorf("%+v, error %v", d, err)
	}
	if failed, message := run(rows("sw2", "sw3", "sw4", "sw5")); failed {
		t.Error(message)
	}
	wantDevices("sw2", "sw3", "sw4", "sw5")
	if d, err := n.Catalog.Device(ctx, "sw2"); err != nil || d.Address != "192.0.2.1" {
		t.Errorf("%+v, error %v", d, err)
	}

	// What looks like a list that was cut off removes nothing, and is a failure in the status.
	if failed, message := run("name,address,site\nother1,192.0.2.77,hq\n"); !failed || !strings.Contains(message, "4 of the 4 devices that came from this list are no longer in it") {
		t.Errorf("failed %t, %q", failed, message)
	}
	if failed, message := run(""); !failed || !strings.Contains(message, "it is empty") {
		t.Errorf("failed %t, %q", failed, message)
	}
	if failed, message := run("name,address\nsw2\n"); !failed || !strings.Contains(message, "line 2") {
		t.Errorf("failed %t, %q", failed, message)
	}
	wantDevices("sw2", "sw3", "sw4", "sw5")
}

func inventoryOf(t *testing.T, c catalog.Inventory) map[string]string {
	t.Helper()
	devices, err := c.Devices(t.Context(), api.Select{})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, d := range devices {
		all[d.Name] = d.Address
	}
	return all
}

func noLogin(context.Context, string) (string, error) { return "", errors.New("no credential") }

// TestListFromAServer sends the token to the server of the list, and to no other.
func TestListFromAServer(t *testing.T) {
	var stray []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stray = append(stray, r.Header.Get("Authorization"))
		fmt.Fprint(w, "name,address\nsw9,192.0.2.9\n")
	}))
	defer other.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer t0ken":
			http.Error(w, "who?", http.StatusForbidden)
		case r.URL.Path == "/moved.csv":
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1), http.StatusFound)
		default:
			fmt.Fprint(w, "name,address\nsw1,192.0.2.1\n")
		}
	}))
	defer server.Close()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("t0ken\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if list, err := readList(ctx, config.Inventory{Source: server.URL + "/x.csv", TokenFile: token}, noLogin); err != nil || len(list.Entries) != 1 {
		t.Errorf("%+v, error %v", list, err)
	}
	if _, err := readList(ctx, config.Inventory{Source: server.URL + "/x.csv"}, noLogin); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("without a token: error %v", err)
	}
	if list, err := readList(ctx, config.Inventory{Source: server.URL + "/moved.csv", Format: "csv", TokenFile: token}, noLogin); err != nil || len(list.Entries) != 1 || !slices.Equal(stray, []string{""}) {
		t.Errorf("%+v, error %v; the other server got %q", list, err, stray)
	}
	if err := os.WriteFile(token, []byte("\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := readList(ctx, config.Inventory{Source: server.URL + "/x.csv", TokenFile: token}, noLogin); err == nil || !strings.Contains(err.Error(), "must be the token") {
		t.Errorf("an empty token: error %v", err)
	}
}

// TestNetBoxBySchedule reads a NetBox with the token that a credential has. A device that was added by
// hand stays as it is.
func TestNetBoxBySchedule(t *testing.T) {
	l, ctx := asAdmin(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Token t0ken" {
			http.Error(w, "who?", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, `{"count": 2, "results": [{"id": 1, "name": "sw1", "status": {"value": "active"}, "platform": {"slug": "ios"}, "site": {"slug": "hq"}, "primary_ip": {"address": "192.0.2.1/24"}},
			{"id": 2, "name": "hand1", "status": {"value": "active"}, "platform": {"slug": "ios"}, "site": {"slug": "hq"}, "primary_ip": {"address": "192.0.2.66/24"}}]}`)
	}))
	defer server.Close()
	user := "backup"
	for name, word := range map[string]string{"netbox": "t0ken", "access": "word"} {
		if _, err := l.SetCredential(ctx, api.CredentialChange{Name: name, Username: &user, Password: &api.Secret{Text: word}}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.AddDevice(ctx, api.DeviceChange{Device: api.Device{Name: "hand1", Address: "192.0.2.9", Transport: api.SSH, Credential: "access"}}); err != nil {
		t.Fatal(err)
	}
	list := config.Inventory{Source: server.URL, Format: "netbox", TokenCredential: "netbox", Credential: "access"}
	l.opts.Config.Inventory = []config.Inventory{list}
	diff, err := l.importList(ctx, list.Source)
	if err != nil || len(diff.Changes) != 2 {
		t.Fatalf("%+v, error %v", diff, err)
	}
	n, err := l.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, address := range map[string]string{"sw1": "192.0.2.1", "hand1": "192.0.2.9"} {
		if d, err := n.Catalog.Device(ctx, name); err != nil || d.Address != address || d.Credential != "access" {
			t.Errorf("%+v, error %v", d, err)
		}
	}
	l.opts.Config.Inventory[0].TokenCredential = "gone"
	if _, err := l.importList(ctx, list.Source); err == nil || !strings.Contains(err.Error(), `no credential "gone"`) || strings.Contains(err.Error(), "t0ken") {
		t.Errorf("without the credential: error %v", err)
	}
}
