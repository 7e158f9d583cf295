// Command modules lists what a built program contains: the modules that the Go command
// recorded in it, the standard library, and the files of other projects in its source.
//
//	go run ./packaging/modules sbom BINARY        # CycloneDX, as JSON
//	go run ./packaging/modules licences BINARY    # their licences, for a package
//
// Both need the source of this project, and licences also the cache of modules.
package main

import (
	"bytes"
	"debug/buildinfo"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
)

func main() {
	if err := run(os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "modules:", err)
		os.Exit(1)
	}
}

func run(out io.Writer, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: modules sbom|licences BINARY")
	}
	info, err := buildinfo.ReadFile(args[1])
	if err != nil {
		return err
	}
	scripts, err := vendored("internal/web/vendored")
	if err != nil {
		return err
	}
	switch args[0] {
	case "sbom":
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(sbom(info, scripts))
	case "licences":
		return licences(out, info, scripts)
	}
	return fmt.Errorf("unknown list %q", args[0])
}

// script is a package of npm of which the source has files.
type script struct{ name, version, licence, file string }

// vendored reads the list of the files of other projects.
func vendored(dir string) ([]script, error) {
	list, err := os.ReadFile(filepath.Join(dir, "VENDORED"))
	if err != nil {
		return nil, err
	}
	var scripts []script
	for line := range strings.Lines(string(list)) {
		f := strings.Fields(line) // digest, file, package, path, licence
		if len(f) == 5 && strings.HasSuffix(f[1], "-LICENSE.txt") {
			name, version, _ := strings.Cut(f[2], "@")
			scripts = append(scripts, script{name, version, f[4], filepath.Join(dir, f[1])})
		}
	}
	return scripts, nil
}

// module is a module as it was built: after replace directives.
func module(m *debug.Module) *debug.Module {
	if m.Replace != nil {
		return m.Replace
	}
	return m
}

// The parts of a bill of materials of CycloneDX 1.6 that we fill.
type (
	bill struct {
		Format       string       `json:"bomFormat"`
		Spec         string       `json:"specVersion"`
		Version      int          `json:"version"`
		Metadata     metadata     `json:"metadata"`
		Components   []component  `json:"components"`
		Dependencies []dependency `json:"dependencies"`
	}
	metadata struct {
		Timestamp string    `json:"timestamp,omitempty"`
		Component component `json:"component"`
	}
	component struct {
		Type    string `json:"type"`
		Ref     string `json:"bom-ref"`
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		PURL    string `json:"purl"`
	}
	dependency struct {
		Ref       string   `json:"ref"`
		DependsOn []string `json:"dependsOn"`
	}
)

// sbom returns the bill of materials of a program. It has the time of the commit, so that
// the same program always has the same one.
func sbom(info *buildinfo.BuildInfo, scripts []script) bill {
	program := part("application", "golang", info.Main.Path, info.Main.Version)
	b := bill{Format: "CycloneDX", Spec: "1.6", Version: 1, Metadata: metadata{Component: program}}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			b.Metadata.Timestamp = s.Value
		}
	}
	goVersion, _, _ := strings.Cut(strings.TrimPrefix(info.GoVersion, "go"), " ")
	b.Components = append(b.Components, part("library", "golang", "std", goVersion))
	for _, m := range info.Deps {
		b.Components = append(b.Components, part("library", "golang", module(m).Path, module(m).Version))
	}
	for _, s := range scripts {
		b.Components = append(b.Components, part("library", "npm", s.name, s.version))
	}
	all := dependency{Ref: program.Ref}
	for _, c := range b.Components {
		all.DependsOn = append(all.DependsOn, c.Ref)
	}
	b.Dependencies = []dependency{all}
	return b
}

func part(kind, registry, name, version string) component {
	url := "pkg:" + registry + "/" + name
	if version != "" {
		url += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return component{kind, url, name, version, url}
}

// common are licences whose text every Debian system has. A file can also have others.
var common = []struct {
	text *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`(?s)Apache License\s+Version 2\.0, January 2004.*?any such warranty or additional liability\.(\s+END OF TERMS AND CONDITIONS)?`), "Apache-2.0"},
	{regexp.MustCompile(`(?si)Mozilla Public License,? Version 2\.0\s.*?defined by the Mozilla Public License, v\. 2\.0\.`), "MPL-2.0"},
}

var licenceName = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)`)

// licences writes the licence of each part. A part without a licence is an error.
func licences(out io.Writer, info *buildinfo.BuildInfo, scripts []script) error {
	dirs, err := directories(info.Deps)
	if err != nil {
		return err
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	fmt.Fprint(out, "flashwarden: Copyright the authors of flashwarden. Its licence is Apache-2.0, see\n/usr/share/common-licenses/Apache-2.0.\n\nThe program contains the modules and files below. Each has its own licence. The source of\na module is at https://pkg.go.dev/MODULE@VERSION.\n")
	texts, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(root)), "LICENSE"))
	if err := writeLicence(out, "The Go standard library, "+info.GoVersion, texts); err != nil {
		return err
	}
	for _, m := range info.Deps {
		entries, err := os.ReadDir(dirs[module(m).Path])
		if err != nil {
			return err
		}
		var texts []string
		for _, e := range entries {
			if licenceName.MatchString(e.Name()) && e.Type().IsRegular() {
				texts = append(texts, filepath.Join(dirs[module(m).Path], e.Name()))
			}
		}
		if err := writeLicence(out, module(m).Path+"@"+module(m).Version, texts); err != nil {
			return err
		}
	}
	for _, s := range scripts {
		if err := writeLicence(out, "npm "+s.name+"@"+s.version, []string{s.file}); err != nil {
			return err
		}
	}
	return nil
}

// writeLicence writes the texts of the licence of one part, or the name of a common one.
func writeLicence(out io.Writer, name string, files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("%s has no licence", name)
	}
	fmt.Fprintf(out, "\n%s\n%s\n", strings.Repeat("-", 72), name)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text = bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r"), nil))
		for _, c := range common {
			text = c.text.ReplaceAll(text, []byte("Licence: "+c.name+", see /usr/share/common-licenses/"+c.name))
		}
		fmt.Fprintf(out, "\n%s\n", text)
	}
	return nil
}

// directories returns where the cache has the modules.
func directories(modules []*debug.Module) (map[string]string, error) {
	args := []string{"list", "-m", "-f", "{{.Path}} {{with .Replace}}{{.Dir}}{{else}}{{.Dir}}{{end}}"}
	for _, m := range modules {
		args = append(args, m.Path)
	}
	list, err := exec.Command("go", args...).Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	dirs := make(map[string]string)
	for line := range strings.Lines(string(list)) {
		path, dir, _ := strings.Cut(strings.TrimSpace(line), " ")
		i := slices.IndexFunc(modules, func(m *debug.Module) bool { return m.Path == path })
		dirs[module(modules[i]).Path] = dir
	}
	return dirs, nil
}
