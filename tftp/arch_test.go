//go:build linux && amd64

package tftp_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"flashwarden/internal/testlevel"
)

// TestFor386 runs the quick tests of this package once more, built for 32 bits: the
// structures that the kernel fills have another layout there.
func TestFor386(t *testing.T) {
	testlevel.NeedFull(t, "builds the tests once more")
	program := filepath.Join(t.TempDir(), "tftp.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-o", program, "flashwarden/tftp")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.Command(program)
	run.Env = append(os.Environ(), testlevel.Variable+"=quick")
	out, err := run.CombinedOutput()
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this kernel does not run programs for 386")
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
