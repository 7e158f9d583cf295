package inventory

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

// TestWriteCSV: a written list has the columns in use, and is read as it was.
func TestWriteCSV(t *testing.T) {
	secret := `comma, "quote"`
	first := EntryOf(api.Device{Name: "sw1", Address: "127.0.0.11:2222", Transport: "ssh", Username: "backup", Site: "hq, attic", LegacyCrypto: true})
	first.Password = &secret
	want := []api.InventoryEntry{first, EntryOf(api.Device{Name: "sw2", Address: "[::1]:23", Transport: "telnet"})}
	var b strings.Builder
	if err := WriteCSV(&b, want); err != nil {
		t.Fatal(err)
	}
	if head, _, _ := strings.Cut(b.String(), "\n"); head != "name,password,address,transport,username,site,legacy_crypto" {
		t.Errorf("columns %q", head)
	}
	got, err := ReadCSV(strings.NewReader(b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	want[0].Line, want[1].Line = 2, 3
	if diff := cmp.Diff(List{Entries: want}, got); diff != "" {
		t.Error(diff)
	}
}
