// Package systemd talks to the service manager: readiness, status, reload and watchdog
// (sd_notify(3), sd_watchdog_enabled(3)), and sockets that it passes (sd_listen_fds(3)).
// Without systemd it does nothing.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Manager is the service manager of this process. The zero Manager is none: messages
// are discarded.
type Manager struct {
	// Watchdog is the time after which systemd ends a process that sends no sign of
	// life; 0: it waits forever.
	Watchdog time.Duration

	socket string // the path; with @ in front: an abstract name
}

// Find returns the service manager that the variables NOTIFY_SOCKET, WATCHDOG_USEC and
// WATCHDOG_PID name. getenv returns a variable, "" if it is not set.
func Find(getenv func(string) string) (Manager, error) {
	m := Manager{socket: getenv("NOTIFY_SOCKET")}
	if m.socket != "" && m.socket[0] != '/' && m.socket[0] != '@' {
		return Manager{}, fmt.Errorf("NOTIFY_SOCKET=%s: only Unix sockets are supported, as a path or with @ in front", m.socket)
	}
	microseconds, pid := getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID")
	if microseconds == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return m, nil
	}
	n, err := strconv.ParseInt(microseconds, 10, 64)
	if err != nil || n <= 0 || n > int64(maxWatchdog/time.Microsecond) {
		return Manager{}, fmt.Errorf("WATCHDOG_USEC=%s is not a number of microseconds", microseconds)
	}
	m.Watchdog = time.Duration(n) * time.Microsecond
	return m, nil
}

const maxWatchdog = 10 * 365 * 24 * time.Hour

// notifyWithin is the longest time for one message. systemd may be busy, and a
// service must not wait for it.
const notifyWithin = 5 * time.Second

// send sends variables to the manager, such as READY=1.
func (m Manager) send(variables ...string) error {
	if m.socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	err = conn.SetWriteDeadline(time.Now().Add(notifyWithin))
	if err == nil {
		_, err = conn.Write([]byte(strings.Join(variables, "\n")))
	}
	if err := errors.Join(err, conn.Close()); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return nil
}

// Ready reports that the service is ready, or that it has read its configuration again.
// status says in one line what it does.
func (m Manager) Ready(status string) error { return m.send("READY=1", line(status)) }

// Status reports in one line what the service does.
func (m Manager) Status(status string) error { return m.send(line(status)) }

// Stopping reports that the service ends.
func (m Manager) Stopping(status string) error { return m.send("STOPPING=1", line(status)) }

// Reloading reports that the service reads its configuration again. Ready ends it.
func (m Manager) Reloading() error {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return fmt.Errorf("notify systemd: %w", err)
	}
	return m.send("RELOADING=1", fmt.Sprintf("MONOTONIC_USEC=%d", now.Nano()/1000))
}

// line is a status without line breaks, which would begin another variable.
func line(status string) string {
	return "STATUS=" + strings.Join(strings.Fields(status), " ")
}

// Watch sends a sign of life twice in each Watchdog time while answers returns nil
// within half of that time. If answers fails, systemd ends the process and starts it
// again. Watch returns when ctx ends; at once if there is no watchdog.
func (m Manager) Watch(ctx context.Context, log *slog.Logger, answers func(context.Context) error) {
	if m.Watchdog == 0 {
		return
	}
	beat := time.NewTicker(m.Watchdog / 2)
	defer beat.Stop()
	silent := false // the log has each failure once
	for {
		if err := m.beat(ctx, answers); err != nil && ctx.Err() == nil {
			if !silent {
				log.Error("the service does not answer: systemd gets no sign of life", "err", err, "watchdog", m.Watchdog)
			}
			silent = true
		} else {
			silent = false
		}
		select {
		case <-beat.C:
		case <-ctx.Done():
			return
		}
	}
}

// beat sends a sign of life if the service answers.
func (m Manager) beat(ctx context.Context, answers func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, m.Watchdog/2)
	defer cancel()
	if err := answers(ctx); err != nil {
		return err
	}
	return m.send("WATCHDOG=1")
}
