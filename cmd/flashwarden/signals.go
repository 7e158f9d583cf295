package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
)

// signals ends the work of a command with the first signal that asks for it, so
// that everything is cleaned up.
type signals struct {
	caught chan os.Signal
	first  atomic.Value // of os.Signal
	cancel context.CancelFunc
	done   chan struct{}
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. Then
// a second SIGINT kills the process, because a person asks twice for a reason, and
// SIGTERM and SIGHUP are ignored: timeout(1) sends SIGTERM to the process and again
// to its group, and a shell that ends sends SIGHUP beside the terminal.
func untilSignal() (context.Context, *signals) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &signals{caught: make(chan os.Signal, 1), cancel: cancel, done: make(chan struct{})}
	signal.Notify(s.caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(s.done)
		select {
		case caught := <-s.caught:
			s.first.Store(caught)
			signal.Ignore(syscall.SIGTERM, syscall.SIGHUP)
			signal.Stop(s.caught)
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, s
}

// alsoHangup makes SIGHUP end the work too: the terminal or the SSH session of the
// user is gone. If SIGHUP is ignored, as under nohup(1), it stays ignored. A
// service does not call it, because there SIGHUP means to read files again. The
// nil signals do nothing.
func (s *signals) alsoHangup() {
	if s != nil && !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(s.caught, syscall.SIGHUP)
	}
}

// signal returns the first signal, or nil.
func (s *signals) signal() os.Signal {
	first, _ := s.first.Load().(os.Signal)
	return first
}

// stop ends the context.
func (s *signals) stop() {
	signal.Stop(s.caught)
	s.cancel()
	<-s.done
}

// onHangup calls do after each SIGHUP, until stop.
func onHangup(do func()) (stop func()) {
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range hangups {
			do()
		}
	}()
	return func() { signal.Stop(hangups); close(hangups); <-done }
}
