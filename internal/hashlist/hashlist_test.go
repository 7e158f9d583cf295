package hashlist

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

var (
	weak   = strings.Repeat("0a", 16)
	middle = strings.Repeat("1b", 32)
	strong = strings.Repeat("2c", 64)
)

func TestRead(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []api.Hash
	}{
		"md5sum":           {"# comment\n\n" + weak + "  x.bin\r\n" + strings.ToUpper(weak) + " *dir/y.bin\n", []api.Hash{{Name: "x.bin", MD5: weak}, {Name: "y.bin", MD5: weak}}},
		"sha512sum":        {strong + "  x y.bin\n", []api.Hash{{Name: "x y.bin", SHA512: strong}}},
		"sha256sum --tag":  {"SHA256 (/srv/tftp/x.bin) = " + middle + "\n", []api.Hash{{Name: "x.bin", SHA256: middle}}},
		"with heads":       {"MD5,SHA512,Size,Image Name\n" + weak + "," + strong + ",12,x.bin\n,,7,old.bin\n", []api.Hash{{Name: "x.bin", MD5: weak, SHA512: strong}}},
		"quoted, and BOM":  {"\ufeff\"Image\",\"Checksum\"\r\n\"x,y.bin\",\"" + weak + "\"\r\n", []api.Hash{{Name: "x,y.bin", MD5: weak}}},
		"without heads":    {"4711,s72033-ipservicesk9-mz.bin," + weak + "\n4712,c3750.bin," + strong + "\n", []api.Hash{{Name: "s72033-ipservicesk9-mz.bin", MD5: weak}, {Name: "c3750.bin", SHA512: strong}}},
		"a row of nothing": {"name,md5\nx.bin,none\ny.bin," + weak + "\n", []api.Hash{{Name: "y.bin", MD5: weak}}},
	} {
		var got []api.Hash
		err := Read(strings.NewReader(c.text), func(h api.Hash) { got = append(got, h) })
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: error %v\n%s", name, err, diff)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "it has no MD5",
		"# nothing\n":                    "it has no MD5",
		"name,size\nx.bin,3\n":           "it has no MD5",
		weak + "  x.bin\nnonsense\n":     "line 2: \"nonsense\"",
		"hostname sw1\n!\ninterface x\n": "it has no MD5",
	} {
		err := Read(strings.NewReader(text), func(api.Hash) {})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v; want %q", text, err, want)
		}
	}
}
