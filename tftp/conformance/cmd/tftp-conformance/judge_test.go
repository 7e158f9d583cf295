//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"flashwarden/internal/netlab"
	"flashwarden/internal/testlevel"
	"flashwarden/internal/tftpd"
	"flashwarden/tftp/conformance"
)

// asVariable makes the test binary a program: the server or this command. It needs no
// linking.
const asVariable = "TFTP_CONFORMANCE_TEST_AS"

func TestMain(m *testing.M) {
	switch os.Getenv(asVariable) {
	case "server":
		if err := serve(os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, "error:", err)
			os.Exit(1)
		}
	case "judge":
		main()
	default:
		os.Exit(m.Run())
	}
}

// serve does what `flashwarden tftpd` does.
func serve(args []string) error {
	var f tftpd.Flags
	fs := pflag.NewFlagSet("tftpd", pflag.ContinueOnError)
	f.Register(fs)
	if err := fs.Parse(args); err != nil {
		return err
	}
	c, err := f.Config(fs.Arg(0))
	if err != nil {
		return err
	}
	c.Log = f.Logger(os.Stderr, false, false)
	if err := f.Listen(&c); err != nil {
		return err
	}
	return tftpd.Run(context.Background(), c)
}

// program starts as the server or as the judge.
type program func(args ...string) *exec.Cmd

// inTest is the test binary as a program.
func inTest(as string) program {
	return func(args ...string) *exec.Cmd {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), asVariable+"="+as)
		return cmd
	}
}

// TestOwnServer judges our server between two hosts: with every case but those whose
// hundreds of thousands of packets TestServer of package conformance sends.
func TestOwnServer(t *testing.T) {
	testlevel.NeedFull(t, "runs nearly every case")
	t.Parallel()
	packets := []int{81, 109, 110}
	cases := slices.DeleteFunc(conformance.Cases(), func(c conformance.Case) bool { return slices.Contains(packets, c.Number) })
	betweenHosts(t, inTest("server"), inTest("judge"), cases)
}

// TestOwnProgram judges the built programs with every case: on loopback, on loopback
// with both built for 386, and between two hosts.
func TestOwnProgram(t *testing.T) {
	if testlevel.Current() < testlevel.Soak {
		t.Skip("builds four programs: TestOwnServer runs the same code")
	}
	for _, arch := range []string{"", "386"} {
		dir := t.TempDir()
		built, judge := build(t, arch, dir, "cmd/flashwarden"), build(t, arch, dir, "tftp/conformance/cmd/tftp-conformance")
		server := func(args ...string) *exec.Cmd { return built(append([]string{"tftpd"}, args...)...) }
		t.Run("loopback"+arch, func(t *testing.T) {
			t.Parallel()
			host := netlab.New(t).Host("host")
			whole(t, host, host, server, judge, conformance.Cases(), "127.0.0.1", "-also", "127.0.0.2", "-broadcast", "127.255.255.255")
		})
		if arch == "" {
			t.Run("cable", func(t *testing.T) {
				t.Parallel()
				betweenHosts(t, server, judge, conformance.Cases())
			})
		}
	}
}

// betweenHosts judges the server from another host.
func betweenHosts(t *testing.T, server, judge program, cases []conformance.Case) {
	t.Helper()
	lab := netlab.New(t)
	there, here := lab.Host("server"), lab.Host("judge")
	lab.Cable(there, "10.99.0.1/24", here, "10.99.0.2/24")
	there.Type("ip address add 10.99.0.3/24 dev judge")
	whole(t, there, here, server, judge, cases, "10.99.0.1", "-also", "10.99.0.3", "-broadcast", "10.99.0.255")
}

// build builds a package of this module.
func build(t *testing.T, arch, dir, pkg string) program {
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
	return func(args ...string) *exec.Cmd { return exec.Command(out, args...) }
}

// whole starts the server on one host and judges it from another. No case may fail,
// and only the one for servers without uploads may be skipped.
func whole(t *testing.T, there, here *netlab.Host, server, judge program, cases []conformance.Case, addr string, flags ...string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	cmd := server("--create", "--secure", dir) // on port 69 of every address
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
	var numbers []string
	for _, c := range cases {
		numbers = append(numbers, fmt.Sprint(c.Number))
	}
	args := append(flags, "-json", "-patience", "1m", "-case", strings.Join(numbers, ","), "-pid", fmt.Sprint(cmd.Process.Pid), addr+":69", dir)
	var out, errOut bytes.Buffer
	run := judge(args...)
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
	if len(r.Results) != len(cases) {
		t.Errorf("%d of %d cases were judged", len(r.Results), len(cases))
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
