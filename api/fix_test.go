package api_test

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

func TestFixAsCommandLine(t *testing.T) {
	for want, fix := range map[string]api.Fix{
		"":                          nil,
		"look at the disk: `dmesg`": api.Say("look at the disk: ").Type(api.OnHost, "dmesg"),
		"back it up first: `flashwarden backup sw1 --files all`":                                    api.Say("back it up first: ").Do("backup", "sw1").With("files", "all"),
		"`flashwarden check --read-data`":                                                           api.Do("check").With("read_data", ""),
		"`flashwarden device edit sw1 --address 192.0.2.1 --legacy-crypto`":                         api.Do("device edit", "sw1").With("address", "192.0.2.1").With("legacy_crypto", ""),
		"add --replace, or choose another place with --to":                                          api.Say("add ").Option("replace", "").Say(", or choose another place with ").Option("to", ""),
		"set `tftp.max-block-size: 1468` in the configuration (or FLASHWARDEN_TFTP_MAX_BLOCK_SIZE)": api.Say("set ").Set("tftp.max-block-size", "1468"),
		"`sudo -u ops flashwarden doctor --data '/srv/my data'`":                                    api.Do("doctor").As("ops").With("data", "/srv/my data"),
		"`flashwarden show 'a b'`":                                                                  api.Do("show", "a b"),
		"100% of it":                                                                                api.Say("100% of it"),
	} {
		if got := fix.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestFixIsAValue builds two fixes on one beginning: neither changes the
// other.
func TestFixIsAValue(t *testing.T) {
	base := api.Say("first ").Do("backup", "sw1")
	one, two := base.With("recopy", ""), base.With("files", "all")
	if one.String() != "first `flashwarden backup sw1 --recopy`" || two.String() != "first `flashwarden backup sw1 --files all`" {
		t.Errorf("%q and %q", one, two)
	}
}

func TestFixSurvivesJSON(t *testing.T) {
	fix := api.Say("a ").Do("backup", "sw1").With("files", "all").Set("tftp.listen", "").Option("to", "flash2:").Type(api.OnDevice, "dir")
	text, err := json.Marshal(fix)
	if err != nil {
		t.Fatal(err)
	}
	var back api.Fix
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(fix, back); d != "" {
		t.Error(d)
	}
}

// TestFixMap changes every text, and leaves the original as it is.
func TestFixMap(t *testing.T) {
	fix := api.Say("secret ").Type(api.OnHost, "dig secret").Do("backup", "secret").With("files", "secret").Option("to", "secret").Set("tftp.listen", "secret")
	before := fix.String()
	got := fix.Map(func(s string) string { return strings.ReplaceAll(s, "secret", "mask") })
	const want = "mask `dig mask``flashwarden backup mask --files mask`--to mask`tftp.listen: mask` in the configuration (or FLASHWARDEN_TFTP_LISTEN)"
	if got.String() != want || fix.String() != before {
		t.Errorf("got %q of %q", got, fix)
	}
}

// TestShellWord lets a shell read words back.
func TestShellWord(t *testing.T) {
	for _, word := range []string{"/srv/fw", "", "/srv/my data", "it's", "$(id)", "a;b", "`id`", "*", "[::1]:69", "é", `a"b\c`} {
		out, err := exec.Command("sh", "-c", "printf %s "+api.ShellWord(word)).Output()
		if err != nil || string(out) != word {
			t.Errorf("%q is read as %q from %s, %v", word, out, api.ShellWord(word), err)
		}
	}
	if w := api.ShellWord("/srv/fw"); w != "/srv/fw" {
		t.Errorf("quotes %s", w)
	}
}
