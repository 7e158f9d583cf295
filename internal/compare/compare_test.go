package compare

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

// store has contents by SHA-256.
type store map[string][]byte

func (s store) read(sum string) ([]byte, error) {
	if data, ok := s[sum]; ok {
		return data, nil
	}
	return nil, errors.New("not in the vault")
}

// file returns a file whose content the store has.
func (s store) file(path, kind, content string) api.File {
	sum := sha256.Sum256([]byte(content))
	name := hex.EncodeToString(sum[:])
	s[name] = []byte(content)
	return api.File{Path: path, Kind: kind, Size: int64(len(content)), SHA256: name}
}

func TestNothingChanged(t *testing.T) {
	s := store{}
	a := api.Snapshot{ID: "a", Facts: api.Facts{Version: "15.0(2)SE8"}, Files: []api.File{
		s.file("flash:/config.text", api.KindConfig, "! Last configuration change at 10:00\nhostname sw1\nend\n"), {Path: "flash:/lost", Cause: "stalled"}},
		Listings: []api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: "x", Size: 1, Modified: "yesterday"}}}}}
	b := a
	b.Files = []api.File{s.file("flash:/config.text", api.KindConfig, "! Last configuration change at 11:00\nhostname sw1\nend\n"), {Path: "flash:/lost", Cause: "stalled"}}
	b.Listings = []api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: "x", Size: 1, Modified: "today"}}}}
	if got := Snapshots(a, b, Options{Read: s.read}); got.Changed || len(got.Files) > 0 {
		t.Errorf("%+v", got)
	}
}

func TestChanges(t *testing.T) {
	s := store{}
	a := api.Snapshot{ID: "a", Device: "sw1", Facts: api.Facts{Version: "15.0(2)SE8", Model: "m"}, Files: []api.File{
		s.file("flash:/old.bin", api.KindImage, "old"),
		s.file("flash:/vlan.dat", api.KindVLAN, "\x00\x01"),
		s.file("flash:/same", api.KindOther, "same"),
		s.file("flash:/missed", api.KindOther, "missed"),
		s.file("system:running-config", api.KindConfig, "hostname sw1\nenable secret 5 $1$abcd\nsnmp-server community s3cret RO\nend\n")},
		Listings: []api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: "old.bin", Size: 3}, {Name: "log", Size: 5}, {Name: "gone", Size: 7}, {Name: "dir", Directory: true}}}}}
	b := api.Snapshot{ID: "b", Device: "sw1", Facts: api.Facts{Version: "15.2(7)E4", Model: "m"}, Files: []api.File{
		s.file("flash:/new.bin", api.KindImage, "new image"),
		s.file("flash:/vlan.dat", api.KindVLAN, "\x00\x02"),
		s.file("flash:/same", api.KindOther, "same"),
		{Path: "flash:/missed", Kind: api.KindOther, Cause: "stalled"},
		s.file("system:running-config", api.KindConfig, "hostname sw2\nenable secret 5 $1$efgh\nsnmp-server community s3cret RO\nend\n")},
		Listings: []api.Listing{{Path: "flash:/", Entries: []api.Entry{{Name: "new.bin", Size: 9}, {Name: "log", Size: 6}, {Name: "made", Size: 8}, {Name: "dir", Directory: true}}}}}
	got := Snapshots(a, b, Options{Read: s.read})
	if diff := cmp.Diff([]api.FactChange{{Fact: "version", Old: "15.0(2)SE8", New: "15.2(7)E4"}}, got.Facts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]api.ListingChange{{Path: "flash:/gone", Change: "removed", OldSize: 7, NewSize: -1}, {Path: "flash:/log", Change: "changed", OldSize: 5, NewSize: 6},
		{Path: "flash:/made", Change: "added", OldSize: -1, NewSize: 8}}, got.Listing); diff != "" {
		t.Error(diff)
	}
	var files []string
	for _, f := range got.Files {
		files = append(files, f.Change+" "+f.Path)
	}
	if diff := cmp.Diff([]string{"removed flash:/missed", "added flash:/new.bin", "removed flash:/old.bin", "changed flash:/vlan.dat", "changed system:running-config"}, files); diff != "" || !got.Changed {
		t.Error(diff)
	}
	const want = `--- system:running-config
+++ system:running-config
@@ -1,4 +1,4 @@
-hostname sw1
-enable secret 5 <secret 1>
+hostname sw2
+enable secret 5 <secret 3>
 snmp-server community <secret 2> RO
 end
`
	if diff := cmp.Diff(want, got.Files[4].Diff); diff != "" {
		t.Error(diff)
	}
	if shown := Snapshots(a, b, Options{Read: s.read, ShowSecrets: true}).Files[4].Diff; !strings.Contains(shown, "+enable secret 5 $1$efgh") || !strings.Contains(shown, "s3cret") {
		t.Errorf("with secrets: %s", shown)
	}
	delete(s, b.Files[4].SHA256)
	if f := Snapshots(a, b, Options{Read: s.read}).Files[4]; !strings.Contains(f.Note, "not in the vault") {
		t.Errorf("without its content: %+v", f)
	}
}
