package tftpd

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"flashwarden/tftp"
)

// ours are rules that show each flag and each escape sequence.
const ours = `
# drive letters and backslashes of Windows
ri ^[a-z]:
rg \\ /
rg \# @ # a hash mark
e ^ok/
r ^by-address/ \i/
r ^by-number/  \x/
r (.*)\.cfg$   \1-\U\1\E-\L\1\E.cfg\\\ end\#
rG ^old$       new
rP ^old$       inbox/old
a \.pvt$
a ^why         \0\ is\ not\ for\ you
r4 ^family$    four
r6 ^family$    six
a~ ^[[:alnum:]_/.@\ \#-]*$
rs ^again      once
e ^once
`

func TestRewrite(t *testing.T) {
	list, err := parseRules(strings.NewReader(ours))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		op   tftp.Op
		from string
		want string // "!" and a text: refused
	}{
		{`C:\boot\image.bin`, tftp.Read, "192.0.2.169", `/boot/image.bin`},
		{`a#b#c`, tftp.Read, "192.0.2.169", `a@b@c`},
		{`ok/secret.pvt`, tftp.Read, "192.0.2.169", `ok/secret.pvt`},
		{`by-address/x`, tftp.Read, "192.0.2.169", `192.0.2.169/x`},
		{`by-address/x`, tftp.Read, "2001:db8::1", `!access violation`},
		{`by-number/x`, tftp.Read, "192.0.2.169", `C00002A9/x`},
		{`by-number/x`, tftp.Read, "2001:db8::1", `20010DB8000000000000000000000001/x`},
		{`sW1.cfg`, tftp.Write, "192.0.2.169", `sW1-SW1-sw1.cfg\ end#`},
		{`old`, tftp.Read, "192.0.2.169", `new`},
		{`old`, tftp.Write, "192.0.2.169", `inbox/old`},
		{`a.pvt`, tftp.Read, "192.0.2.169", `!access violation`},
		{`why`, tftp.Read, "192.0.2.169", `!why is not for you`},
		{`family`, tftp.Read, "192.0.2.169", `four`},
		{`family`, tftp.Read, "2001:db8::1", `six`},
		{`what?`, tftp.Read, "192.0.2.169", `!access violation`},
		{`again`, tftp.Read, "192.0.2.169", `once`},
	} {
		got, err := list.rewrite(&tftp.Request{Op: c.op, Filename: c.name, Remote: netip.AddrPortFrom(netip.MustParseAddr(c.from), 1)})
		var e *tftp.Error
		if errors.As(err, &e) {
			if e.Code != tftp.CodeAccess {
				t.Errorf("%s: code %d", c.name, e.Code)
			}
			got = "!" + e.Message
		}
		if got != c.want {
			t.Errorf("%s of %s: got %q, want %q", c.name, c.from, got, c.want)
		}
	}
}

// TestRulesWithoutEnd has rules that repeat forever, or make a name longer and
// longer.
func TestRulesWithoutEnd(t *testing.T) {
	for _, text := range []string{"rg a aa", "rs a a", "s a", "rg ^ x", "rg x* \\0y"} {
		list, err := parseRules(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var e *tftp.Error
		if _, err := list.rewrite(&tftp.Request{Op: tftp.Read, Filename: "abc"}); !errors.As(err, &e) || e.Code != tftp.CodeAccess {
			t.Errorf("%s: error %v", text, err)
		}
	}
}

// TestBrackets: a backslash in brackets is an ordinary character.
func TestBrackets(t *testing.T) {
	for pattern, matches := range map[string]string{
		`^[\.]$`: `\ .`, `^[^\.]$`: `a`, `^[]\]$`: `] \`, `^[^]]$`: `\ a`, `^[[:alpha:]\d]$`: `\ a d`, `^\[\.]$`: `[.]`, `^[]a]\.$`: `a. ].`,
	} {
		list, err := parseRules(strings.NewReader("r " + pattern + " matched"))
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
			continue
		}
		for _, name := range append(strings.Fields(matches), "5", "-") {
			want := name
			if strings.Contains(" "+matches+" ", " "+name+" ") || pattern == `^[^\.]$` || pattern == `^[^]]$` {
				want = "matched"
			}
			if got, err := list.rewrite(&tftp.Request{Filename: name}); err != nil || got != want {
				t.Errorf("%s: %s becomes %q, want %q, %v", pattern, name, got, want, err)
			}
		}
	}
}

// TestLongestMatch: egrep takes the longest match, Go's usual one the first.
func TestLongestMatch(t *testing.T) {
	list, err := parseRules(strings.NewReader("r a|ab|abc <\\0>"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := list.rewrite(&tftp.Request{Filename: "abcd"}); err != nil || got != "<abc>d" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestWrongRules(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nq a b":         "line 3: unknown flag \"q\"",
		"r":                 "line 1: the regular expression is missing",
		"r # a b":           "line 1: the regular expression is missing",
		"r ( b":             "line 1: regular expression",
		"r~ a b":            "line 1: the flags r and ~",
		`r \<a b`:           `\< is not supported`,
		`r (a)\1 b`:         "line 1: regular expression",
		"e ok\n#\na [[:x:]": "line 3: regular expression",
	} {
		if _, err := parseRules(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want %q", text, err, want)
		}
	}
}

// FuzzRules: no map file and no name make the rules panic.
func FuzzRules(f *testing.F) {
	f.Add(ours, "C:\\x.cfg")
	f.Add("rg a* \\9\\U\\", "aaa")
	f.Fuzz(func(t *testing.T, text, name string) {
		list, err := parseRules(strings.NewReader(text))
		if err != nil {
			return
		}
		if _, err := list.rewrite(&tftp.Request{Op: tftp.Write, Filename: name, Remote: netip.MustParseAddrPort("192.0.2.1:1")}); err != nil {
			var e *tftp.Error
			if !errors.As(err, &e) {
				t.Errorf("error %v", err)
			}
		}
	})
}
