//go:build linux && amd64

package tftp_test

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
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
	dir := t.TempDir()
	if err := exec.Command(smallest386(t, dir)).Run(); errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this kernel does not run programs for 386")
	} else if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "tftp.test")
	build := exec.Command("go", "test", "-c", "-vet=off", "-o", program, "flashwarden/tftp")
	build.Env = append(os.Environ(), "GOARCH=386", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	run := exec.Command(program)
	run.Env = append(os.Environ(), testlevel.Variable+"=quick")
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// smallest386 writes a program for 386 that ends at once. It shows, before anything is
// built, whether the kernel runs such programs.
func smallest386(t *testing.T, dir string) (name string) {
	t.Helper()
	const base, headers = 0x08048000, 52 + 32
	code := []byte{
		0xb8, 1, 0, 0, 0, // mov eax, 1 (exit)
		0x31, 0xdb, // xor ebx, ebx
		0xcd, 0x80, // int 0x80
	}
	size := uint32(headers + len(code))
	var b bytes.Buffer
	for _, part := range []any{
		elf.Header32{
			Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS32), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
			Type:  uint16(elf.ET_EXEC), Machine: uint16(elf.EM_386), Version: uint32(elf.EV_CURRENT),
			Entry: base + headers, Phoff: 52, Ehsize: 52, Phentsize: 32, Phnum: 1,
		},
		elf.Prog32{Type: uint32(elf.PT_LOAD), Vaddr: base, Paddr: base, Filesz: size, Memsz: size, Flags: uint32(elf.PF_R | elf.PF_X), Align: 0x1000},
		code,
	} {
		if err := binary.Write(&b, binary.LittleEndian, part); err != nil {
			t.Fatal(err)
		}
	}
	name = filepath.Join(dir, "smallest386")
	if err := os.WriteFile(name, b.Bytes(), 0o700); err != nil {
		t.Fatal(err)
	}
	return name
}
