package vault

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

// example is a snapshot of one image.
func example() api.Snapshot {
	started := time.Date(2026, 11, 22, 14, 15, 3, 0, time.UTC)
	return api.Snapshot{
		Format: Format, ID: NewID("sw1", started), Device: "sw1", Address: "192.0.2.1", Status: api.StatusOK, Started: started,
		Files: []api.File{{Path: "flash:/<x> & y.bin", Kind: api.KindImage, Size: 8, MD5: strings.Repeat("0", 32), SHA256: strings.Repeat("1", 64),
			Copied: true, Evidence: api.EvidenceMD5}},
		Listings: []api.Listing{{Path: "flash:/", Total: 32 << 20, Free: -1, Entries: []api.Entry{{Name: "<x> & y.bin", Size: 8}}}},
	}
}

func TestDocumentIsPlain(t *testing.T) {
	s := example()
	s.Started = s.Started.Add(300 * time.Millisecond).In(time.FixedZone("CET", 3600))
	text, err := encode(normalise(s))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "listings") {
		t.Errorf("the document has the listings:\n%s", text)
	}
	for _, part := range []string{`"started": "2026-11-22T14:15:03Z"`, `"flash:/<x> & y.bin"`, `"snapshot": "` + s.ID + `"`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("the document lacks %s:\n%s", part, text)
		}
	}
}

func TestNewID(t *testing.T) {
	at := time.Date(2026, 11, 22, 15, 15, 3, 999, time.FixedZone("CET", 3600))
	for _, test := range []struct{ device, want string }{
		{"sw1", "20261122T141503Z-sw1-"},
		{"core/sw 1", "20261122T141503Z-core-sw-1-"},
		{"../../etc", "20261122T141503Z-..-..-etc-"},
		{"Zürich", "20261122T141503Z-Z-rich-"},
		{"", "20261122T141503Z-device-"},
		{strings.Repeat("x", 100), "20261122T141503Z-" + strings.Repeat("x", 64) + "-"},
	} {
		id := NewID(test.device, at)
		if !strings.HasPrefix(id, test.want) || len(id) != len(test.want)+4 || !isID(id) {
			t.Errorf("NewID(%q) = %q; want %q and four characters", test.device, id, test.want)
		}
	}
	seen := map[string]bool{}
	for range 200 {
		seen[NewID("sw1", at)] = true
	}
	if len(seen) < 195 { // 200 of 1.7 million: two equal ones are rare
		t.Errorf("%d different IDs of 200", len(seen))
	}
}

func FuzzDecode(f *testing.F) {
	seed, err := encode(example())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"format":2}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decode(data)
		if err != nil {
			return
		}
		s = normalise(s)
		text, err := encode(s)
		if err != nil {
			t.Fatal(err)
		}
		again, err := decode(text)
		if err != nil {
			t.Fatalf("%v in what we wrote: %s", err, text)
		}
		if diff := cmp.Diff(s, again); diff != "" {
			t.Errorf("want(-) got(+):\n%s", diff)
		}
	})
}
