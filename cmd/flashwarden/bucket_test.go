package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdBucket is the command bucket of the scripts.
func cmdBucket(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: bucket NAME")
	}
	address, dir := freeAddress(ts), ts.MkAbs(args[0])
	for _, sub := range []string{"objects/vault", "attributes"} {
		ts.Check(os.MkdirAll(filepath.Join(dir, sub), 0o700))
	}
	cmd := exec.Command("versitygw", "--port", address, "--quiet", "posix", "--sidecar", filepath.Join(dir, "attributes"), filepath.Join(dir, "objects"))
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY=testkey", "ROOT_SECRET_KEY=testsecret123")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ts.Check(cmd.Start())
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }() // it is killed
	ts.Defer(func() { cmd.Process.Kill(); <-ended })
	for limit := time.After(time.Minute); ; {
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
			break
		}
		select {
		case <-ended:
			ts.Fatalf("versitygw ended")
		case <-limit:
			ts.Fatalf("versitygw does not answer")
		case <-time.After(20 * time.Millisecond): // then it is asked again
		}
	}
	ts.Setenv(args[0], address)
	ts.Setenv("AWS_ACCESS_KEY_ID", "testkey")
	ts.Setenv("AWS_SECRET_ACCESS_KEY", "testsecret123")
}

// freeAddress returns an address of this host at which nobody listens.
func freeAddress(ts *testscript.TestScript) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	defer l.Close()
	return l.Addr().String()
}
