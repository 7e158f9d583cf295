package flashwarden_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// faces lists the packages that speak to a person or a program in its own
// terms. All other packages build an api.Fix in place of a command line.
var faces = []string{"internal/httpapi", "internal/web", "internal/tftpd"}

// ownWords lists the packages below the faces that may name what no other may,
// each with the reason. An entry that is not needed fails.
var ownWords = map[string]string{
	"internal/config":    "reads the environment",
	"internal/testlevel": "reads the environment of the tests",
	"internal/setup":     "writes a unit of systemd that runs the TFTP server",
	"internal/firewall":  "reads flags of iptables that have the names of ours",
}

// TestNoCommandsBelowTheFaces looks in the texts of the lower packages for
// commands, flags and environment variables of the command line: another face
// has others.
func TestNoCommandsBelowTheFaces(t *testing.T) {
	named := commandLine(t)
	needed := map[string]bool{}
	for file, texts := range textsBelow(t, "internal") {
		pkg := filepath.ToSlash(filepath.Dir(file))
		if slices.Contains(faces, pkg) {
			continue
		}
		for _, text := range texts {
			found := named(text)
			switch {
			case found == "":
			case ownWords[pkg] != "":
				needed[pkg] = true
			default:
				t.Errorf("%s: %q names %q: build an api.Fix", file, text, found)
			}
		}
	}
	for pkg := range ownWords {
		if !needed[pkg] {
			t.Errorf("%s names nothing of the command line: remove it from ownWords", pkg)
		}
	}
}

// TestCommandLineFindsWords makes sure that the search above finds something.
func TestCommandLineFindsWords(t *testing.T) {
	named := commandLine(t)
	for text, want := range map[string]string{
		"run `flashwarden check`":                     "flashwarden check",
		"flashwarden device edit sw1":                 "flashwarden device",
		"set FLASHWARDEN_DATA":                        "FLASHWARDEN_",
		"back it up with --recopy":                    "--recopy",
		"--to flash2:":                                "--to",
		"add --legacy-crypto, or the":                 "--legacy-crypto",
		"ended because of --verbose":                  "--verbose",
		"look at flashwarden ":                        "flashwarden ", // a command is to follow
		"--":                                          "--",
		"flashwarden may bind ports":                  "",
		"iptables --to-ports 69":                      "",
		"setcap cap=+ep $(command -v flashwarden)":    "",
		"-----BEGIN OPENSSH PRIVATE KEY----- --- -- ": "",
	} {
		if got := named(text); got != want {
			t.Errorf("%q: found %q, want %q", text, got, want)
		}
	}
}

// commandLine returns a function that finds a command, a flag or an environment
// variable of the command line in a text, or the beginning of one at its end.
// It reads the names from the source of the command line.
func commandLine(t *testing.T) (named func(text string) string) {
	t.Helper()
	var commands, flags []string
	use := regexp.MustCompile(`^[a-z]+`)
	flag := regexp.MustCompile(`^[a-z][a-z-]*$`)
	for _, file := range append(sources(t, "cmd/flashwarden"), sources(t, "internal/tftpd")...) {
		ast.Inspect(parse(t, file), func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.KeyValueExpr:
				if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Use" {
					commands = append(commands, use.FindString(literal(n.Value)))
				}
			case *ast.CallExpr: // StringVar(&x, "name", …), BoolVarP, Var
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && strings.Contains(f.Sel.Name, "Var") && len(n.Args) > 2 && flag.MatchString(literal(n.Args[1])) {
					flags = append(flags, literal(n.Args[1]))
				}
			}
			return true
		})
	}
	if len(commands) < 20 || !slices.Contains(commands, "backup") || len(flags) < 30 || !slices.Contains(flags, "read-data") {
		t.Fatalf("the command line has only the commands %v and the flags %v", commands, flags)
	}
	forbidden := regexp.MustCompile(`(flashwarden (?:` + strings.Join(commands, "|") + `)\b|flashwarden $|FLASHWARDEN_)|(?:^|[^-])(--)$|` +
		`(--(?:` + strings.Join(flags, "|") + `))(?:[^-\w]|$)`)
	return func(text string) string {
		if m := forbidden.FindStringSubmatch(text); m != nil {
			return m[1] + m[2] + m[3]
		}
		return ""
	}
}

// textsBelow returns the string literals of every file below dir that is not a
// test.
func textsBelow(t *testing.T, dir string) map[string][]string {
	t.Helper()
	texts := map[string][]string{}
	for _, file := range sources(t, dir) {
		ast.Inspect(parse(t, file), func(n ast.Node) bool {
			if text := literal(n); text != "" {
				texts[file] = append(texts[file], text)
			}
			return true
		})
	}
	return texts
}

func sources(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(dir, func(file string, _ fs.DirEntry, err error) error {
		if filepath.Ext(file) == ".go" && !strings.HasSuffix(file, "_test.go") {
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func parse(t *testing.T, file string) *ast.File {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// literal returns the text of a string literal, and "" for everything else.
func literal(n ast.Node) string {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}
