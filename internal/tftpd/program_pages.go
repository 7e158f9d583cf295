package tftpd

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetStart takes the pages of the program file out of the memory of this process
// (MADV_DONTNEED, madvise(2)). Most of them served only its start: a program with many
// packages has much to initialise. The kernel maps a page again when it is used. The
// server can do without forgetStart, so it reports no error.
func forgetStart() {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	list, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	for _, m := range unchanged(string(list), program) {
		unix.Syscall(unix.SYS_MADVISE, m.start, m.end-m.start, unix.MADV_DONTNEED)
	}
}

// mapping is a part of the address space.
type mapping struct{ start, end uintptr }

// unchanged returns the mappings of the program file, from a text as of
// /proc/PID/smaps, that are read-only and have no page that differs from the file. A
// page can differ although it is read-only now: the loader relocates it, or a
// debugger sets a breakpoint.
func unchanged(smaps, program string) (list []mapping) {
	var m mapping
	candidate := false
	for line := range strings.Lines(smaps) {
		var next mapping
		var access, offset, device, inode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s", &next.start, &next.end, &access, &offset, &device, &inode); n == 6 {
			_, path, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "/")
			m, candidate = next, !strings.Contains(access, "w") && "/"+path == program
		}
		if name, value, _ := strings.Cut(line, ":"); candidate && name == "Anonymous" && strings.TrimSpace(value) == "0 kB" {
			list = append(list, m)
		}
	}
	return list
}
