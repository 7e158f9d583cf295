package terminal

import (
	"strings"
	"testing"

	"flashwarden/api"
)

// TestReleases joins the packages of one release on the same devices, and
// nothing else.
func TestReleases(t *testing.T) {
	pkg := func(name, version, device, verdict string) api.Image {
		return api.Image{SHA256: strings.Repeat("a", 64), Kind: api.KindPackage, Names: []string{name}, Version: version, Size: 10, Devices: []string{device}, InVault: true,
			Image: &api.Inspection{Verdict: verdict}}
	}
	image := api.Image{SHA256: strings.Repeat("b", 64), Kind: api.KindImage, Names: []string{"x.bin"}, Size: 5, InVault: true, Devices: []string{"a", "b", "c", "d"},
		Image: &api.Inspection{Version: "15.0(2)EX5", Verdict: api.ImageGood}}
	all := releases([]api.Image{
		pkg("cat9k-cc_srdriver.17.09.04a.SPA.pkg", "17.09.04a", "sw1", api.ImageGood), image,
		pkg("cat9k-espbase.17.09.04a.SPA.pkg", "17.09.04a", "sw1", api.ImageBad),
		pkg("cat9k-espbase.17.09.04a.SPA.pkg", "17.09.04a", "sw2", api.ImageGood),
		pkg("other.pkg", "", "sw1", api.ImageGood),
	})
	var got []string
	for _, r := range all {
		var row []string
		for _, c := range r.row(Layout{}) {
			row = append(row, c.Text)
		}
		got = append(got, strings.Join(row, "|"))
	}
	want := []string{
		"2 packages|cat9k-*.17.09.04a.SPA.pkg|17.09.04a|20 B|sw1||damaged|",
		"bbbbbbbbbbbb|x.bin|15.0(2)EX5|5 B|4 devices|15.0(2)EX5|ok|",
		"aaaaaaaaaaaa|cat9k-espbase.17.09.04a.SPA.pkg|17.09.04a|10 B|sw2||ok|",
		"aaaaaaaaaaaa|other.pkg||10 B|sw1||ok|",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
