package flashwarden_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"flashwarden/internal/testlevel"
)

// TestEveryFsyncCounts removes every fsync of the project, one at a time. Each
// time, a test about power cuts must fail in the package of that fsync.
func TestEveryFsyncCounts(t *testing.T) {
	if testlevel.Current() < testlevel.Soak {
		t.Skip("builds and runs a test for each fsync: run scripts/fsync.sh")
	}
	seen := 0
	for _, file := range programFiles(t) {
		for _, m := range fsyncs(t, file) {
			seen++
			t.Run(m.name, func(t *testing.T) { m.mustFail(t) })
		}
	}
	if seen == 0 {
		t.Error("there is no fsync in the project")
	}
}

// programFiles lists the Go files of the project that are no tests.
func programFiles(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}}{{"\n"}}{{end}}`, "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(file string) bool { return strings.Contains(file, "/disktest/") })
}

// mutant is a file without one of its fsyncs.
type mutant struct {
	name, file, source string
}

// fsyncs returns a mutant for each call in a file that syncs something: the method
// Sync, and functions of ours whose names begin with sync.
func fsyncs(t *testing.T, file string) []mutant {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, file, source, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []mutant
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || !syncs(call) {
			return true
		}
		at := func(p token.Pos) int { return set.Position(p).Offset }
		var args []string // stay in use
		if s, ok := call.Fun.(*ast.SelectorExpr); ok && !isPackage(parsed, s.X) {
			args = append(args, string(source[at(s.X.Pos()):at(s.X.End())]))
		}
		for _, a := range call.Args {
			args = append(args, string(source[at(a.Pos()):at(a.End())]))
		}
		nothing := "func(...any) error { return nil }(" + strings.Join(args, ", ") + ")"
		list = append(list, mutant{
			name:   fmt.Sprintf("%s:%d", filepath.Join(filepath.Base(filepath.Dir(file)), filepath.Base(file)), set.Position(call.Pos()).Line),
			file:   file,
			source: string(source[:at(call.Pos())]) + nothing + string(source[at(call.End()):]),
		})
		return true
	})
	return list
}

// syncs reports whether a call brings something to stable storage.
func syncs(call *ast.CallExpr) bool {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return slices.Contains([]string{"SyncDir", "syncDir", "syncFile"}, f.Name)
	case *ast.SelectorExpr:
		return slices.Contains([]string{"Sync", "SyncDir", "syncDir", "syncFile"}, f.Sel.Name)
	}
	return false
}

// isPackage reports whether an expression is the name of an imported package.
func isPackage(f *ast.File, e ast.Expr) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Obj == nil && slices.ContainsFunc(f.Imports, func(i *ast.ImportSpec) bool {
		return strings.TrimSuffix(filepath.Base(strings.Trim(i.Path.Value, `"`)), `"`) == id.Name
	})
}

// mustFail runs the tests about power cuts with the mutant in place of its file.
func (m mutant) mustFail(t *testing.T) {
	dir := t.TempDir()
	changed, overlay := filepath.Join(dir, "mutant.go"), filepath.Join(dir, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": map[string]string{m.file: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{changed: []byte(m.source), overlay: list} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pkg := filepath.Dir(m.file)
	if out, err := exec.Command("go", "vet", "-overlay", overlay, pkg).CombinedOutput(); err != nil {
		t.Fatalf("the changed file does not build: %v\n%s", err, out)
	}
	test := exec.Command("go", "test", "-count=1", "-run", "PowerCut", "-overlay", overlay, pkg)
	test.Env = append(os.Environ(), testlevel.Variable+"=")
	out, err := test.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "--- FAIL") {
		t.Errorf("no test about power cuts fails without this fsync: %v\n%s", err, out)
	}
}
