package tftp

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
)

// TestLargeSocketBuffers: root gets buffers that are larger than the system permits to
// others.
func TestLargeSocketBuffers(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 4096) != nil {
		testlevel.Missing(t, "no right to force the size of a buffer")
	}
	for option, file := range map[int]string{unix.SO_RCVBUF: "rmem_max", unix.SO_SNDBUF: "wmem_max"} {
		text, err := os.ReadFile("/proc/sys/net/core/" + file)
		if err != nil {
			t.Skip(err)
		}
		most, err := strconv.Atoi(strings.TrimSpace(string(text)))
		if err != nil {
			t.Fatal(err)
		}
		size := max(most, socketBuffer) + 4096
		enlarge(fd, size)
		if got, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, option); err != nil || got < 2*size { // twice: socket(7)
			t.Errorf("%s: %d bytes, want %d: %v", file, got, 2*size, err)
		}
	}
}
