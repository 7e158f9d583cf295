package tftpd_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestStartIsForgotten compares the pages of the program file that a server has in memory
// with those of this process, which is the same program.
func TestStartIsForgotten(t *testing.T) {
	p := start(t, "--secure", t.TempDir())
	defer p.stop()
	server, self := programMemory(t, p.cmd.Process.Pid), programMemory(t, os.Getpid())
	t.Logf("the server has %d kB, the test %d kB", server, self)
	if server > self*2/3 {
		t.Errorf("the server has %d kB of its program in memory, the test %d kB", server, self)
	}
}

// programMemory returns how much of its program file a process has in memory, in kB. A
// file of a tmpfs counts as shared memory.
func programMemory(t *testing.T, pid int) (kB int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"RssFile:", "RssShmem:"} {
		n := 0
		_, rest, _ := strings.Cut(string(status), name)
		if _, err := fmt.Sscan(rest, &n); err != nil {
			t.Fatal(err)
		}
		kB += n
	}
	return kB
}
