package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"runtime/debug"
	"strings"
	"testing"
)

// example is what the Go command records in a program.
var example = &buildinfo.BuildInfo{
	GoVersion: "go1.26.8 X:example",
	Main:      debug.Module{Path: "flashwarden", Version: "v1.2.0+dirty"},
	Deps: []*debug.Module{
		{Path: "github.com/spf13/cobra", Version: "v1.10.2"},
		{Path: "github.com/spf13/pflag", Version: "v1.0.10"},
		{Path: "github.com/riverqueue/river", Version: "v0.51.2"},
		{Path: "github.com/klauspost/compress", Version: "v1.20.1"},
	},
	Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-11-29T20:13:04Z"}},
}

func TestSBOM(t *testing.T) {
	replaced := *example
	replaced.Deps = append(replaced.Deps[:4:4], &debug.Module{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v2.0.0"}})
	text, err := json.Marshal(sbom(&replaced, []script{{name: "htmx.org", version: "4.0.1"}}))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"bomFormat":"CycloneDX","specVersion":"1.6"`, `"timestamp":"2026-11-29T20:13:04Z"`, `"purl":"pkg:golang/flashwarden@v1.2.0%2Bdirty"`,
		`"purl":"pkg:golang/std@1.26.8"`, `"name":"github.com/spf13/cobra","version":"v1.10.2","purl":"pkg:golang/github.com/spf13/cobra@v1.10.2"`,
		`"purl":"pkg:golang/example.com/new@v2.0.0"`, `"purl":"pkg:npm/htmx.org@4.0.1"`} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("the bill lacks %s:\n%s", want, text)
		}
	}
}

// TestLicences has modules with a common licence, with a text of its own, and with both, and
// the files of the page. Versions of modules do not matter: the cache has those of go.mod.
func TestLicences(t *testing.T) {
	scripts, err := vendored("../../internal/web/vendored")
	if err != nil || len(scripts) != 2 {
		t.Fatalf("%v, %v", scripts, err)
	}
	var out strings.Builder
	if err := licences(&out, example, scripts); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\ngithub.com/spf13/cobra@v1.10.2\n\nLicence: Apache-2.0, see /usr/share/common-licenses/Apache-2.0\n", "\nLicence: MPL-2.0, see ",
		"\n   Copyright 2016-2017 The New York Times Company\n", "\nFiles: s2/cmd/internal/readahead/*\n", // of the licence of compress
		"\ngithub.com/spf13/pflag@v1.0.10\n\nCopyright (c) 2012 Alex Ogier", "\nThe Go standard library, go1.26.8", "\nnpm uplot@1.6.32\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the licences lack %q:\n%s", want, &out)
		}
	}
	if err := writeLicence(&out, "example.com/none", nil); err == nil {
		t.Error("a module without a licence is no error")
	}
}
