//go:build linux

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
	"flashwarden/tftp/conformance"
)

// TestOwnServer judges `flashwarden tftpd` with the built command: on loopback, on
// loopback with both built for 386, and between two hosts.
func TestOwnServer(t *testing.T) {
	testlevel.NeedFull(t, "builds two programs and runs every case twice")
	// The program for 386 is built from scratch, which takes minutes.
	for _, arch := range testlevel.Of(nil, []string{""}, []string{"", "386"}) {
		dir := t.TempDir()
		server, judge := build(t, arch, dir, "cmd/flashwarden"), build(t, arch, dir, "tftp/conformance/cmd/tftp-conformance")
		t.Run("loopback"+arch, func(t *testing.T) {
			t.Parallel()
			host := netlab.New(t).Host("host")
			whole(t, host, host, server, judge, "127.0.0.1", "-also", "127.0.0.2", "-broadcast", "127.255.255.255")
		})
		if arch != "" {
			continue
		}
		t.Run("cable", func(t *testing.T) {
			t.Parallel()
			lab := netlab.New(t)
			there, here := lab.Host("server"), lab.Host("judge")
			lab.Cable(there, "10.99.0.1/24", here, "10.99.0.2/24")
			there.Type("ip address add 10.99.0.3/24 dev judge")
			whole(t, there, here, server, judge, "10.99.0.1", "-also", "10.99.0.3", "-broadcast", "10.99.0.255")
		})
	}
}

// build builds a package of this module and returns the path of the program.
func build(t *testing.T, arch, dir, pkg string) string {
	t.Helper()
	out := filepath.Join(dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-o", out, "flashwarden/"+pkg)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if arch != "" {
		cmd.Env = append(cmd.Env, "GOARCH="+arch)
	}
	if b, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

// whole starts the server on one host and judges it from another. No case may fail,
// and only the one for servers without uploads may be skipped.
func whole(t *testing.T, there, here *netlab.Host, server, judge, addr string, flags ...string) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(server, "tftpd", "--create", "--secure", dir) // on port 69 of every address
	log := &logged{}
	cmd.Stdout, cmd.Stderr = log, log
	err := there.Start(cmd)
	if errors.Is(err, syscall.ENOEXEC) {
		t.Skip("this kernel does not run programs for 386")
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	for end := time.Now().Add(time.Minute); !strings.Contains(log.String(), "serving"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("the server does not start:\n%s", log)
		}
	}
	args := append(flags, "-json", "-patience", "1m", "-pid", fmt.Sprint(cmd.Process.Pid), addr+":69", dir)
	var out, errOut bytes.Buffer
	run := exec.Command(judge, args...)
	run.Stdout, run.Stderr = &out, &errOut
	if err := here.Start(run); err != nil {
		t.Fatal(err)
	}
	if err := run.Wait(); err != nil {
		t.Errorf("%v: %s", err, errOut.Bytes())
	}
	var r report
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v in %s", err, out.Bytes())
	}
	if len(r.Results) != len(conformance.Cases()) {
		t.Errorf("%d of %d cases were judged", len(r.Results), len(conformance.Cases()))
	}
	for _, c := range r.Results {
		if c.Verdict == conformance.Fail || c.Verdict == conformance.Skip && c.Number != 29 {
			t.Errorf("%03d %s: %s: %s", c.Number, c.Name, c.Verdict, c.Detail)
		}
	}
}

// logged keeps the output of the server.
type logged struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
