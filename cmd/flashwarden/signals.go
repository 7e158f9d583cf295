package main

import (
	"context"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"
)

// signals ends the work of a command with the first signal that asks for it, so
// that everything is cleaned up.
type signals struct {
	caught  chan os.Signal
	first   atomic.Value // of os.Signal
	cancel  context.CancelFunc
	drains  atomic.Bool   // hurry was called
	second  chan struct{} // closed by the second signal, if hurry was called
	stopped chan struct{} // closed by stop
	done    chan struct{} // closed when the goroutine has ended
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. Then
// a second SIGINT kills the process, because a person asks twice for a reason, and
// SIGTERM and SIGHUP are ignored: timeout(1) sends SIGTERM to the process and again
// to its group, and a shell that ends sends SIGHUP beside the terminal.
func untilSignal() (context.Context, *signals) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &signals{caught: make(chan os.Signal, 1), cancel: cancel, second: make(chan struct{}), stopped: make(chan struct{}), done: make(chan struct{})}
	signal.Notify(s.caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(s.done)
		select {
		case caught := <-s.caught:
			s.first.Store(caught)
			s.end()
		case <-s.stopped:
		}
	}()
	return ctx, s
}

// end ends the work after the first signal.
func (s *signals) end() {
	signal.Ignore(syscall.SIGHUP)
	if s.drains.Load() {
		s.cancel()
		s.awaitSecond()
	} else {
		signal.Ignore(syscall.SIGTERM)
	}
	signal.Stop(s.caught)
	s.cancel()
}

// oneSignal is how long after the first signal another one counts as the same:
// timeout(1) sends two.
const oneSignal = 500 * time.Millisecond

// awaitSecond waits for the second signal. After it, SIGINT and SIGTERM kill the
// process.
func (s *signals) awaitSecond() {
	first := time.Now()
	for {
		select {
		case <-s.caught:
			if time.Since(first) > oneSignal {
				close(s.second)
				return
			}
		case <-s.stopped:
			return
		}
	}
}

// hurry returns a channel that is closed by a second SIGINT or SIGTERM: a service that
// ends shall end at once. The nil signals return nil.
func (s *signals) hurry() <-chan struct{} {
	if s == nil {
		return nil
	}
	s.drains.Store(true)
	return s.second
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
	close(s.stopped)
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
