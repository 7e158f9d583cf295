// Package service is the daemon of a data directory: its tasks, in order, with
// readiness, watchdog, reload and an orderly end.
package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"flashwarden/internal/config"
	"flashwarden/internal/httpapi"
	"flashwarden/internal/metrics"
	"flashwarden/internal/systemd"
	"flashwarden/internal/task"
	"flashwarden/internal/warden"
)

// Service serves one data directory.
type Service struct {
	Local    *warden.Local   // the operations; the caller closes it after Run
	Data     string          // the data directory
	Worker   bool            // it only works on the jobs of others: it has no schedule
	Drain    time.Duration   // how long running operations and transfers may take when the service ends
	Hurry    <-chan struct{} // when it is closed, the service that ends waits no longer; nil: it waits
	Manager  systemd.Manager
	Syslog   config.Syslog
	Web      config.Web   // the API over TCP
	Listener net.Listener // for it, from systemd; nil: by Web. It is closed at the end
	Version  string       // of this program, for the metrics
	Log      *slog.Logger

	metrics *metrics.Metrics

	mu    sync.Mutex
	ready bool // systemd knows that the service is ready, and not that it ends
}

// Causes of the end of waiting.
var (
	errDrained = errors.New("running work did not end in time")
	errHurried = errors.New("a second signal asked for an immediate end")
)

// Run serves until ctx ends or a task fails. The values of ctx say who runs it. It
// takes the data directory first. It calls ready once clients can connect.
func (s *Service) Run(ctx context.Context, ready func()) error {
	s.metrics = metrics.New(s.Local, s.Version, s.Log)
	s.Local.Watch(s.metrics)
	if err := s.Local.Start(ctx); err != nil {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			return nil // it waited for another process; the caller knows why ctx ended
		}
		return err
	}
	if err := s.Local.UseQueue(ctx, s.Worker); err != nil {
		return err
	}
	limit, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	var waits sync.WaitGroup
	defer waits.Wait()
	watch, endWatch := context.WithCancel(limit)
	defer endWatch()
	g := task.Group{Tasks: s.tasks(limit)}
	g.Ready = func() {
		s.becomeReady()
		waits.Go(func() { s.Manager.Watch(watch, s.Log, g.Answers) })
		ready()
	}
	g.Ending = func() {
		endWatch() // the tasks end, and do not answer any more
		s.becomeEnding()
		waits.Go(func() { s.limit(limit, cut) })
	}
	err := g.Run(ctx)
	cut(nil)
	return err
}

// tasks are the parts of the service: the first one starts first and ends last. The queue
// ends before the socket, so that clients who wait for jobs hear of it.
func (s *Service) tasks(limit context.Context) []task.Task {
	socket := httpapi.Socket{Warden: s.Local, Live: s.Local, Data: s.Data, Ready: s.Local.Ready, Log: s.Log}
	tasks := []task.Task{
		{Name: "TFTP server", Answers: s.Local.Alive, Run: func(ctx context.Context, ready func()) error { return s.Local.Serve(ctx, limit, ready) }},
		{Name: "socket", Answers: socket.Answers, Run: func(ctx context.Context, ready func()) error { return socket.Run(ctx, limit, ready) }},
		{Name: "status", Run: s.report},
		{Name: "queue", Run: func(ctx context.Context, ready func()) error { return s.Local.RunQueue(ctx, limit, ready) }},
	}
	if s.Web.Listen != "" || s.Listener != nil {
		tasks = append(tasks, task.Task{Name: "API", Run: func(ctx context.Context, ready func()) error { return s.web(ctx, limit, ready) }})
	}
	if s.Syslog.Listen != "" {
		tasks = append(tasks, task.Task{Name: "syslog", Run: s.syslog})
	}
	if !s.Worker {
		tasks = append(tasks, task.Task{Name: "schedule", Run: s.Local.RunSchedule}, task.Task{Name: "chronicle", Run: s.Local.RunChronicle}, task.Task{Name: "notifications", Run: s.Local.RunNotify})
	}
	return tasks
}

// limit ends the time to end: after Drain, or when somebody hurries.
func (s *Service) limit(limit context.Context, cut context.CancelCauseFunc) {
	late := time.NewTimer(s.Drain)
	defer late.Stop()
	select {
	case <-late.C:
		cut(errDrained)
	case <-s.Hurry:
		cut(errHurried)
	case <-limit.Done():
	}
}

// becomeReady reports that all tasks are ready.
func (s *Service) becomeReady() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = true
	s.Log.Info("serving", "data", s.Data)
	s.notify(s.Manager.Ready(s.statusLine(nil)))
}

// becomeEnding reports that the service ends, and makes operations end that only wait.
func (s *Service) becomeEnding() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ready = false
	s.Log.Info("ending: running operations and transfers may end first", "limit", s.Drain)
	s.notify(s.Manager.Stopping("ending: waits for running operations and transfers, at most " + s.Drain.String()))
	s.Local.Drain()
}

// Reload gives operations that begin from now on the configuration that read returns.
// If it is wrong, the present one stays.
func (s *Service) Reload(read func() (config.Config, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ready { // before that, systemd waits for the first READY=1
		s.notify(s.Manager.Reloading())
		defer func() { s.notify(s.Manager.Ready(s.statusLine(nil))) }()
	}
	c, err := read()
	if err != nil {
		s.Log.Error("the new configuration has an error: the old one stays in use", "err", config.InOneLine(err))
		return
	}
	restart := s.Local.Reconfigure(c)
	s.Log.Info("the configuration was read again: it applies to operations that begin from now on")
	if len(restart) > 0 {
		s.Log.Warn("these keys keep their values until the service is restarted", "keys", restart)
	}
}

// notify logs an error of the service manager. The service works without it.
func (s *Service) notify(err error) {
	if err != nil {
		s.Log.Warn("systemd was not notified", "err", err)
	}
}

// reportEvery is how often report looks.
const reportEvery = time.Minute

// report keeps the status that systemctl shows. The log has each change once.
func (s *Service) report(ctx context.Context, ready func()) error {
	ready()
	look := time.NewTicker(reportEvery)
	defer look.Stop()
	seen := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		}
		err := s.Local.Ready(ctx)
		if ctx.Err() != nil {
			return nil
		}
		status := s.statusLine(err)
		if status == seen {
			continue
		}
		if err != nil {
			s.Log.Error("not ready: operations fail", "err", err)
		} else if seen != "" {
			s.Log.Info("ready again")
		}
		seen = status
		s.notify(s.Manager.Status(status))
	}
}

// statusLine says what the service does; err: why operations would fail.
func (s *Service) statusLine(err error) string {
	if err != nil {
		return fmt.Sprintf("not ready: %v", err)
	}
	return "ready, serving " + s.Data
}
