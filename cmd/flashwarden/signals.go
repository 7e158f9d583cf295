package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"flashwarden/api"
)

// errGoOn is the answer to a question that the work goes on as if there was no signal.
var errGoOn = errors.New("go on")

// question asks a person what Ctrl-C means, until ctx ends. The answer is the cause with
// which the work ends, or errGoOn.
type question struct {
	ctx context.Context
	ask func(context.Context) error
}

// signals ends the work of a command with the first signal that asks for it, so
// that everything is cleaned up.
type signals struct {
	caught  chan os.Signal
	first   atomic.Value // of os.Signal
	cancel  context.CancelCauseFunc
	drains  atomic.Bool   // hurry was called
	second  chan struct{} // closed by the second signal, if hurry was called
	stopped chan struct{} // closed by stop
	done    chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex
	question *question // nil: Ctrl-C ends the work
}

// untilSignal returns a context that ends with the first SIGINT or SIGTERM. Then
// a second SIGINT kills the process, because a person asks twice for a reason, and
// SIGTERM and SIGHUP are ignored: timeout(1) sends SIGTERM to the process and again
// to its group, and a shell that ends sends SIGHUP beside the terminal.
func untilSignal() (context.Context, *signals) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &signals{caught: make(chan os.Signal, 1), cancel: cancel, second: make(chan struct{}), stopped: make(chan struct{}), done: make(chan struct{})}
	signal.Notify(s.caught, os.Interrupt, syscall.SIGTERM)
	go func() {
		defer close(s.done)
		for {
			select {
			case caught := <-s.caught:
				caught, why := s.asked(caught)
				if why == errGoOn {
					continue
				}
				s.first.Store(caught)
				s.end(why)
			case <-s.stopped:
			}
			return
		}
	}()
	return ctx, s
}

// ask makes Ctrl-C ask a question from now on. withdraw ends that, and the question that
// waits for its answer. The nil signals never ask.
func (s *signals) ask(ask func(context.Context) error) (withdraw func()) {
	if s == nil {
		return func() {}
	}
	ctx, end := context.WithCancel(context.Background())
	s.mu.Lock()
	defer s.mu.Unlock()
	s.question = &question{ctx, ask}
	return func() {
		end()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.question = nil
	}
}

// asked returns the signal that ends the work, and its cause, after asking if there is a
// question. A second signal is an answer.
func (s *signals) asked(caught os.Signal) (os.Signal, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := s.question
	if q == nil || caught != os.Interrupt {
		return caught, nil
	}
	ctx, end := context.WithCancel(q.ctx)
	defer end()
	answer := make(chan error, 1)
	go func() { answer <- q.ask(ctx) }()
	select {
	case why := <-answer:
		return caught, why
	case again := <-s.caught:
		end()
		<-answer
		if again != os.Interrupt {
			return again, nil
		}
		return again, api.ErrQuit
	}
}

// end ends the work after the first signal, with a cause.
func (s *signals) end(why error) {
	signal.Ignore(syscall.SIGHUP)
	if s.drains.Load() {
		s.cancel(why)
		s.awaitSecond()
	} else {
		signal.Ignore(syscall.SIGTERM)
	}
	signal.Stop(s.caught)
	s.cancel(why)
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
	s.cancel(nil)
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
