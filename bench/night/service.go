package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"flashwarden/api/client"
)

// service is a running `flashwarden serve`.
type service struct {
	cmd    *exec.Cmd
	client *client.Client
}

// settings writes the configuration for a schedule.
func (n *night) settings(schedule string) (string, error) {
	file := filepath.Join(n.work, "flashwarden.yaml")
	text := fmt.Sprintf(`tftp: {listen: "127.0.0.1:%d", port-range: "%d:%d"}
backup: {parallel: %d}
schedule: {backup: %q, spread: 0s, time-zone: UTC}
check: {schedule: never}
retention: {schedule: never}
web: {listen: ""}
receive: [{from: 127.0.0.0/8, name: "upload-*", max-size: 1GB}]
`, n.port, n.port+1, n.port+4, n.parallel, schedule)
	return file, os.WriteFile(file, []byte(text), 0o600)
}

// command runs a command of flashwarden that ends by itself.
func (n *night) command(args ...string) error {
	out, err := exec.Command(n.program, append([]string{"--data", n.data(), "--quiet"}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("flashwarden %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// serve starts the service, and waits until it reports that it is ready.
func (n *night) serve(ctx context.Context, schedule string) error {
	file, err := n.settings(schedule)
	if err != nil {
		return err
	}
	notify := filepath.Join(n.work, "notify")
	_ = os.Remove(notify) // there may be none
	manager, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: notify, Net: "unixgram"})
	if err != nil {
		return err
	}
	defer manager.Close()
	log, err := os.OpenFile(filepath.Join(n.work, "serve.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.service = &service{cmd: exec.CommandContext(ctx, n.program, "--data", n.data(), "--config", file, "serve")}
	n.service.cmd.Env, n.service.cmd.Stderr = append(os.Environ(), "NOTIFY_SOCKET="+notify), log
	if err := n.service.cmd.Start(); err != nil {
		n.service = nil
		return err
	}
	return n.service.awaitReady(ctx, manager, n.data())
}

// awaitReady waits for READY=1 as systemd does, and connects.
func (s *service) awaitReady(ctx context.Context, manager *net.UnixConn, data string) error {
	if err := manager.SetReadDeadline(time.Now().Add(5 * time.Minute)); err != nil {
		return err
	}
	buf := make([]byte, 4096)
	for {
		size, err := manager.Read(buf)
		if err != nil {
			return fmt.Errorf("the service does not become ready: %w", err)
		}
		if strings.HasPrefix(string(buf[:size]), "READY=1") {
			break
		}
	}
	c, running, err := client.Dial(ctx, data)
	if err == nil && !running {
		err = errors.New("the service has no socket")
	}
	s.client = c
	return err
}

// end ends the service as systemd does.
func (s *service) end() error {
	if s == nil {
		return nil
	}
	var err error
	if s.client != nil {
		err = s.client.Close()
	}
	return errors.Join(err, s.cmd.Process.Signal(syscall.SIGTERM), s.cmd.Wait())
}

// cpu is the processor time that the service has used.
func (s *service) cpu() time.Duration {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid)) // if it has ended: zero
	_, rest, _ := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on all architectures of Linux that Go knows
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * tick
}

// memory returns a figure of proc_pid_status(5) in megabytes: VmRSS or VmHWM.
func (s *service) memory(figure string) (megabytes int) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid)) // if it has ended: zero
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, figure+":"); ok {
			_, _ = fmt.Sscan(rest, &megabytes)
		}
	}
	return megabytes / 1000
}
