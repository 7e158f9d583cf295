package flashwarden_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

var update = flag.Bool("update", false, "write the table of docs/devices.md anew")

// family is one row of docs/devices.md.
type family struct {
	name     string
	profiles []string       // that simulate it
	text     *regexp.Regexp // what a text of such a device has in it: names of images, models
	platform *regexp.Regexp // how the transcripts call it
}

func re(text string) *regexp.Regexp { return regexp.MustCompile(text) }

var families = []family{
	{"2500", []string{"c2500"}, re(`\bc2500-|(?i:cisco 25\d\d )`), re(`2500`)},
	{"1700, 2600, 3600", []string{"c2600", "c3640-partitions"}, re(`\bc(?:1700|2600|3620|3640|3660)-|(?i:cisco (?:17|26|36)\d\d )`), re(`Cisco (?:1700|26\d\d|36\d\d)`)},
	{"1800, 2800, 3800", []string{"isr2800"}, re(`\bc(?:1841|1800|2800nm|2800|3825|3845)-|(?i:cisco (?:18|28|38)\d\d )`), re(`Cisco (?:18\d\d|28\d\d|38\d\d)`)},
	{"7200", nil, re(`\bc7200[a-z]*-|(?i:cisco 72\d\d)`), re(`7200`)},
	{"800, 800M", []string{"c800m"}, re(`\bc(?:800m|800|880data|890)-|C841M|C891`), re(`800|C8[4-9]\d|Cisco 8[0-9]\d `)},
	{"1900, 2900, 3900", []string{"isr2900"}, re(`\bc(?:1900|2900|2951|3900)-|CISCO(?:19|29|39)\d\d`), re(`Cisco (?:19\d\d|29\d\d|39\d\d)`)},
	{"ISR 4000, CSR1000v", []string{"isr4300"}, re(`\b(?:isr4[34]00|csr1000v)-|ISR4\d\d\d|CSR1000V`), re(`ISR4|CSR1000v`)},
	{"Catalyst 8000", []string{"c8200"}, re(`\bc8000(?:be|v|aep)?-|C8[0-9]\d\d(?:V\b|-)`), re(`C8[0-9]00`)},
	{"ASR 1000", []string{"asr1000"}, re(`\basr100\d|ASR100\d`), re(`ASR100\d`)},
	{"Catalyst 2900XL, 3500XL", []string{"c2900xl", "c3500xl"}, re(`\bc(?:2900|3500)xl-|WS-C(?:29|35)\d\d[A-Z]*-XL`), re(`XL`)},
	{"Catalyst 2950", []string{"c2950"}, re(`\bc2950-|WS-C2950`), re(`Catalyst 2950`)},
	{"Catalyst 2960, 3560", []string{"c2960"}, re(`\bc(?:2960|3560)-|WS-C(?:2960|3560)-`), re(`Catalyst (?:2960|3560)(?:-C)?$`)},
	{"Catalyst 2960-X, 3560-CX", []string{"c2960x-stack"}, re(`\bc(?:2960x|2960cx|3560cx)-|WS-C(?:2960X|3560CX)`), re(`Catalyst (?:2960-X|2960-CX|3560-CX)`)},
	{"Catalyst 3750, 3750-E, 3750-X", []string{"c3750", "c3750-stack"}, re(`\bc3750e?-|WS-C3750`), re(`Catalyst 3750`)},
	{"Catalyst 1000", []string{"c1000-tftpboot"}, re(`\bc1000-|C1000-\d`), re(`C1000`)},
	{"Catalyst 3650, 3850", []string{"c3850-tftpboot"}, re(`\bcat3k_caa-|WS-C3[68]50`), re(`Catalyst 3[68]50`)},
	{"Catalyst 9200, 9300", []string{"c9300", "c9300-secure", "c9300-smu", "c9300-stack", "c9300-active2"}, re(`C9[23]00[LX]?-|CAT9K_LITE|cat9k_lite`), re(`Catalyst 9[23]00`)},
	{"Catalyst 9400, 9500, 9600", []string{"c9400-redundant", "c9500-svl"}, re(`\bC9[456]\d\d[A-Z]?\b|C9[45]00-`), re(`Catalyst 9[456]00`)},
	{"Catalyst 9800", []string{"c9800-ha"}, re(`C9800-|C9800_IOSXE`), re(`C9800`)},
	{"Catalyst 4500", []string{"c4500-redundant"}, re(`\bcat4500e?-|WS-C4[59]`), re(`Catalyst 4[59]`)},
	{"Catalyst 6500, 7600", []string{"c6500-vss"}, re(`\bs72033-|WS-C65\d\d|c6sup`), re(`6504-E|6500|7600`)},
	{"Industrial Ethernet", []string{"ie3400"}, re(`\bie[34]\w*-universalk9|\bie9k_iosxe|IE-4000`), re(`IE[39]`)},
}

// aspects are the columns: what flashwarden reads of a device and does with
// it.
var aspects = []string{"login", "listing", "image", "digest", "copy", "restore"}

const (
	realText  = "real text"
	simulated = "simulated"
	unknown   = "unknown"
)

const (
	tableBegin = "<!-- made by: go test . -run TestDevicesPage -update -->\n"
	tableEnd   = "<!-- end -->\n"
)

// TestDevicesPage keeps docs/devices.md equal to the tests: "real text"
// where the tests of package ios read a text that a real device of the family
// printed, "simulated" where a profile of iossim is of the family.
func TestDevicesPage(t *testing.T) {
	page, err := os.ReadFile("docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(page), tableBegin)
	table, tail, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("docs/devices.md has no table between %q and %q", tableBegin, tableEnd)
	}
	checkProfiles(t)
	if got, want := profilesIn(table), profilesIn(devicesTable(nil)); !*update && !slices.Equal(got, want) {
		t.Errorf("the table names the profiles %q, there are %q", got, want)
	}
	if shapes := profilesIn(tail); len(shapes) == 0 || slices.ContainsFunc(shapes, func(name string) bool { return iossim.Summary(name) == "" }) {
		t.Errorf("the page names profiles that there are not, in %q", shapes)
	}
	want := devicesTable(realTexts(t))
	if *update {
		if err := os.WriteFile("docs/devices.md", []byte(head+tableBegin+want+tableEnd+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if table != want {
		t.Errorf("the table of docs/devices.md does not match the tests; it should be\n%s", want)
	}
}

// profilesIn is the names of profiles in a text, in backquotes.
func profilesIn(table string) []string {
	var names []string
	for _, m := range re("`((?:c|isr)[0-9][a-z0-9]*(?:-[a-z]+)*)`").FindAllStringSubmatch(table, -1) {
		names = append(names, m[1])
	}
	return names
}

// checkProfiles finds every profile in one family, and no others.
func checkProfiles(t *testing.T) {
	t.Helper()
	var named []string
	for _, f := range families {
		named = append(named, f.profiles...)
	}
	there := iossim.Profiles()
	slices.Sort(named)
	slices.Sort(there)
	if !slices.Equal(named, there) {
		t.Errorf("families have the profiles %q, there are %q", named, there)
	}
}

func devicesTable(read map[string]bool) string {
	var b strings.Builder
	b.WriteString("| family | simulated by | " + strings.Join(aspects, " | ") + " |\n|---|---|" + strings.Repeat("---|", len(aspects)) + "\n")
	for _, f := range families {
		by := "–"
		if len(f.profiles) > 0 {
			by = "`" + strings.Join(f.profiles, "` `") + "`"
		}
		b.WriteString("| " + f.name + " | " + by + " |")
		for _, a := range aspects {
			cell := unknown
			if len(f.profiles) > 0 {
				cell = simulated
			}
			if read[f.name+"/"+a] {
				cell = realText
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// realTexts reports which "family/aspect" the outputs and transcripts of real
// devices hold that package ios is tested on.
func realTexts(t *testing.T) map[string]bool {
	t.Helper()
	read := map[string]bool{}
	mark := func(aspect string, of func(f family) bool) {
		for _, f := range families {
			if aspect != "" && of(f) {
				read[f.name+"/"+aspect] = true
			}
		}
	}
	for _, s := range samplesIn(t, "FLASHWARDEN_CORPUS", "corpus", "*/*/*.json") {
		if s.Meta.Origin == "device" && (s.OS == "ios" || s.OS == "iosxe") {
			aspect := map[string]string{"dir": "listing", "version": "image", "boot": "image", "verify": "digest"}[s.Kind]
			mark(aspect, func(f family) bool { return f.text.MatchString(s.text) })
		}
	}
	for _, s := range samplesIn(t, "FLASHWARDEN_TRANSCRIPTS", "transcripts", "*.json") {
		if s.Kind == "observed" {
			mark(s.aspect(), func(f family) bool { return f.platform.MatchString(s.Platform) })
		}
	}
	return read
}

// sample is one text with its expected facts: of the outputs or of the
// transcripts.
type sample struct {
	OS       string `json:"os"`
	Kind     string `json:"kind"` // of an output its command; of a transcript how it came about
	Platform string `json:"platform"`
	Command  string `json:"command"`
	Meta     struct {
		Origin string `json:"origin"`
	} `json:"meta"`
	text string
}

// aspect is the column that a transcript belongs to; empty for none.
func (s sample) aspect() string {
	words := strings.Fields(s.Command)
	switch {
	case len(words) < 2:
	case words[0] == "verify":
		return "digest"
	case words[0] == "dir":
		return "listing"
	case words[0] == "copy" && strings.HasPrefix(words[1], "tftp"):
		return "restore"
	case words[0] == "copy" && strings.HasPrefix(words[len(words)-1], "tftp"):
		return "copy"
	}
	return ""
}

func samplesIn(t *testing.T, variable, fallback, pattern string) []sample {
	t.Helper()
	dir := testlevel.DeviceTexts(t, variable, filepath.Join("..", "shared", fallback))
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		testlevel.Missing(t, fmt.Sprintf("no texts of real devices in %s (%v); set %s", dir, err, variable))
	}
	var all []sample
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var s sample
		if err := json.Unmarshal(data, &s); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		text, err := os.ReadFile(strings.TrimSuffix(file, ".json") + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		s.text = string(text)
		all = append(all, s)
	}
	return all
}
