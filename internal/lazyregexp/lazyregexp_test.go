package lazyregexp

import (
	"os"
	"reflect"
	"regexp"
	"testing"
)

// TestMethods compares every method with that of package regexp.
func TestMethods(t *testing.T) {
	t.Parallel()
	const str, text = `(?P<key>[a-z]+)=(\d+)`, "mtu=1500, speed=100, duplex"
	lazy, plain := New(str), regexp.MustCompile(str)
	for name, pair := range map[string][2]any{
		"Match":                   {lazy.Match([]byte(text)), plain.Match([]byte(text))},
		"MatchString":             {lazy.MatchString(text), plain.MatchString(text)},
		"Find":                    {lazy.Find([]byte(text)), plain.Find([]byte(text))},
		"FindString":              {lazy.FindString(text), plain.FindString(text)},
		"FindStringIndex":         {lazy.FindStringIndex(text), plain.FindStringIndex(text)},
		"FindStringSubmatch":      {lazy.FindStringSubmatch(text), plain.FindStringSubmatch(text)},
		"FindStringSubmatchIndex": {lazy.FindStringSubmatchIndex(text), plain.FindStringSubmatchIndex(text)},
		"FindAllString":           {lazy.FindAllString(text, -1), plain.FindAllString(text, -1)},
		"FindAllStringSubmatch":   {lazy.FindAllStringSubmatch(text, 1), plain.FindAllStringSubmatch(text, 1)},
		"ReplaceAllString":        {lazy.ReplaceAllString(text, "$2"), plain.ReplaceAllString(text, "$2")},
		"SubexpIndex":             {lazy.SubexpIndex("key"), plain.SubexpIndex("key")},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
		}
	}
}

// TestWrongExpression panics at once in a test, and at the first use in the
// program.
func TestWrongExpression(t *testing.T) {
	panics := func(f func()) (it bool) {
		defer func() { it = recover() != nil }()
		f()
		return false
	}
	if !panics(func() { New("(") }) {
		t.Error("New took it in a test")
	}
	own := os.Args[0]
	defer func() { os.Args[0] = own }()
	os.Args[0] = "flashwarden"
	var re *Regexp
	if panics(func() { re = New("(") }) {
		t.Error("New compiled it in the program")
	}
	if !panics(func() { re.MatchString("") }) {
		t.Error("the first use took it")
	}
}
