package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

func settings(namesAndValues ...string) (list []api.DeviceSetting) {
	for i := 0; i < len(namesAndValues); i += 2 {
		list = append(list, api.DeviceSetting{Name: namesAndValues[i], Value: namesAndValues[i+1]})
	}
	return list
}

func TestReadCSV(t *testing.T) {
	pw := "pass, word"
	for name, c := range map[string]struct {
		text string
		m    Map
		want List
	}{
		"commas": {"\ufeffName,Address,Site,Rack,legacy-crypto,password\r\nsw1,192.0.2.1,hq,7,yes,\"pass, word\"\r\nsw2,192.0.2.2,,8,,\r\n", nil,
			List{Ignored: []string{"Rack"}, Entries: []api.InventoryEntry{
				{Name: "sw1", Line: 2, Settings: settings("address", "192.0.2.1", "site", "hq", "legacy_crypto", "yes"), Password: &pw},
				{Name: "sw2", Line: 3, Settings: settings("address", "192.0.2.2")}}}},
		"semicolons and a map": {"Hostname;Mgmt IP;name\nsw1;192.0.2.1;x\n", Map{"name": "Hostname", "address": "Mgmt IP"},
			List{Ignored: []string{"name"}, Entries: []api.InventoryEntry{{Name: "sw1", Line: 2, Settings: settings("address", "192.0.2.1")}}}},
	} {
		got, err := ReadCSV(strings.NewReader(c.text), c.m)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, want(-) got(+):\n%s", name, err, diff)
		}
	}
}

func TestReadRouterDB(t *testing.T) {
	pw := "secret"
	for name, c := range map[string]struct {
		text string
		m    Map
		want List
	}{
		"RANCID 3": {"# ours\nsw1.example.net;cisco;up\n\nfw1;fortigate;up\nsw2;cisco;down;moved\n", nil,
			List{Entries: []api.InventoryEntry{{Name: "sw1.example.net", Line: 2, Settings: settings("address", "sw1.example.net")}},
				Skipped: []Skipped{{"fw1", 4, `type "fortigate" is not cisco, ios, iosxe`}, {"sw2", 5, "it is down"}}}},
		"RANCID 2": {"sw1:cisco:up\n", nil, List{Entries: []api.InventoryEntry{{Name: "sw1", Line: 1, Settings: settings("address", "sw1")}}}},
		"Oxidized": {"sw1:192.0.2.1:ios:admin:secret\n", Map{"name": "1", "address": "2", "type": "3", "username": "4", "password": "5"},
			List{Entries: []api.InventoryEntry{{Name: "sw1", Line: 1, Settings: settings("address", "192.0.2.1", "username", "admin"), Password: &pw}}}},
	} {
		got, err := ReadRouterDB(strings.NewReader(c.text), c.m)
		if diff := cmp.Diff(c.want, got); diff != "" || err != nil {
			t.Errorf("%s: error %v, want(-) got(+):\n%s", name, err, diff)
		}
	}
}

func TestWrongLists(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "it is empty",
		"address,site\n192.0.2.1,hq\n":    `line 1 has no column "name"`,
		"name,address\nsw1\n":             "line 2",
		"name,address\n,192.0.2.1\n":      "line 2 has no name",
		"name\nsw1\nsw2\nsw1\n":           "line 4 has the same name as line 2, sw1",
		"name,address\n\"sw1,192.0.2.1\n": "line",
	} {
		if _, err := ReadCSV(strings.NewReader(text), nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("CSV %q: error %v; want %q", text, err, want)
		}
	}
	if _, err := ReadRouterDB(strings.NewReader("sw1:ios:admin:secret\n"), nil); err == nil || !strings.Contains(err.Error(), "name=1,type=2") || strings.Contains(err.Error(), "secret") {
		t.Errorf("router.db of Oxidized: error %v", err)
	}
	for text, want := range map[string]string{"name": "want SETTING=COLUMN", "colour=2": "want SETTING=COLUMN"} {
		if _, err := ParseMap(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("map %q: error %v; want %q", text, err, want)
		}
	}
	for _, m := range []Map{{"name": "first"}, {"name": "0"}, {"address": "2"}} {
		if _, err := ReadRouterDB(strings.NewReader(""), m); err == nil {
			t.Errorf("no error for %v", m)
		}
	}
	if _, err := ReadCSV(strings.NewReader("name\nsw1\n"), Map{"address": "IP"}); err == nil {
		t.Error("no error for a map with a column that the file lacks")
	}
}

func TestMerge(t *testing.T) {
	had := api.Device{Name: "sw1", Address: "192.0.2.1", Transport: api.SSH, Username: "backup", Group: "core"}
	got, err := Merge(had, api.InventoryEntry{Name: "sw1", Settings: settings("address", "192.0.2.9", "legacy_crypto", "Yes", "site", "hq", "transport", "ssh")})
	want := []api.SettingChange{{Name: "address", From: "192.0.2.1", To: "192.0.2.9"}, {Name: "site", To: "hq"}, {Name: "legacy_crypto", To: "yes"}}
	if diff := cmp.Diff(want, Changes(had, got)); diff != "" || err != nil || got.Group != "core" {
		t.Errorf("error %v, %+v, want(-) got(+):\n%s", err, got, diff)
	}
	for _, s := range [][]api.DeviceSetting{settings("transport", "rsh"), settings("legacy_crypto", "perhaps"), settings("colour", "red")} {
		if _, err := Merge(had, api.InventoryEntry{Name: "sw1", Settings: s}); err == nil {
			t.Errorf("no error for %v", s)
		}
	}
	for _, name := range Settings { // a setting that Changes does not see would be lost
		e := api.InventoryEntry{Name: "sw1", Settings: settings(name, map[string]string{"address": "192.0.2.7", "transport": "telnet", "tftp_address": "192.0.2.8",
			"files": "all", "copy_by": "scp-pull", "legacy_crypto": "true", "via": "ops@jump"}[name])}
		if e.Settings[0].Value == "" {
			e.Settings[0].Value = "x"
		}
		got, err := Merge(had, e)
		if err != nil || len(Changes(had, got)) != 1 {
			t.Errorf("%s: error %v, changes %v", name, err, Changes(had, got))
		}
	}
}
