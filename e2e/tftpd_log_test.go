package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"flashwarden/internal/testlevel"
	"flashwarden/tftp"
)

// TestNobodyReadsTheLog gives the server a small pipe as its log, and reads only the
// first line. Then each further line would block it, if it wrote them itself.
func TestNobodyReadsTheLog(t *testing.T) {
	testlevel.NeedFull(t, "TestNobodyReads of package logqueue proves it in memory")
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "f"), []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := unix.FcntlInt(w.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	port := newSite(t).port
	cmd := exec.Command(binary, "tftpd", "--user", "root", "--address", fmt.Sprintf("127.0.0.1:%d", port), dir)
	if os.Geteuid() != 0 {
		cmd.Args = append(cmd.Args[:2], cmd.Args[4:]...)
	}
	cmd.Stderr = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // it may have ended
	for lines := bufio.NewReaderSize(r, 16); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatalf("it does not serve: %q, %v", line, err)
		}
		if strings.Contains(line, "serving") {
			break
		}
	}
	server := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port))
	for i := range 200 {
		var got bytes.Buffer
		if _, err := (&tftp.Client{Retries: 4}).Get(t.Context(), server, "f", &got); err != nil || got.String() != "hello" {
			t.Fatalf("get %d: %v, %q", i+1, err, got.String())
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // the exit code is judged
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("exit code %d", code)
	}
}
