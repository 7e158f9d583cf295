package accept_test

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/accept"
)

// script is a listener that answers with these errors in turn, and then with the last one.
// nil: a connection.
type script struct {
	net.Listener
	answers []error
	asked   int
}

func (s *script) Accept() (net.Conn, error) {
	err := s.answers[min(s.asked, len(s.answers)-1)]
	s.asked++
	if err != nil {
		return nil, err
	}
	return &net.UnixConn{}, nil
}

func (s *script) Addr() net.Addr { return &net.UnixAddr{Name: "socket"} }

// failure is an error as the package net returns it.
func failure(number syscall.Errno) error {
	return &net.OpError{Op: "accept", Net: "unix", Err: os.NewSyscallError("accept4", number)}
}

// TestErrorsThatPass waits for the end of errors that pass, and says so once.
func TestErrorsThatPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		l := accept.Listener{Listener: &script{answers: []error{
			failure(syscall.EMFILE), failure(syscall.ENFILE), nil, failure(syscall.ENOBUFS), failure(syscall.ENOMEM), failure(syscall.EHOSTUNREACH), failure(syscall.EPERM), nil,
		}}, Log: slog.New(slog.NewTextHandler(&log, nil))}
		for range 2 {
			if c, err := l.Accept(); c == nil || err != nil {
				t.Errorf("%v, error %v", c, err)
			}
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 || !strings.Contains(log.String(), "too many open files") {
			t.Errorf("the log:\n%s", &log)
		}
	})
}

// TestErrorsThatLast gives up after a while, with an error that net/http does not wait for: it goes
// on after each one that calls itself temporary.
func TestErrorsThatLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		l := accept.Listener{Listener: &script{answers: []error{failure(syscall.EMFILE)}}, Log: slog.New(slog.DiscardHandler)}
		_, err := l.Accept()
		if took := time.Since(begun); !errors.Is(err, syscall.EMFILE) || took < accept.Patience || took > 2*accept.Patience {
			t.Errorf("after %s: %v", took, err)
		}
		if _, ok := err.(net.Error); ok {
			t.Errorf("%T is an error of the network", err)
		}
	})
}

// TestPatienceBeginsAnew: the time counts from the first error after a connection.
func TestPatienceBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []error{failure(syscall.EMFILE), nil, failure(syscall.EMFILE)}}
		l := accept.Listener{Listener: s, Log: slog.New(slog.DiscardHandler)}
		if _, err := l.Accept(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(accept.Patience / 2)
		begun := time.Now()
		if _, err := l.Accept(); err == nil || time.Since(begun) < accept.Patience {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// TestErrorsOfTheListener returns errors at once that no time heals.
func TestErrorsOfTheListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, want := range []error{net.ErrClosed, syscall.EINVAL, syscall.EBADF, syscall.ENOTSOCK, os.ErrInvalid} {
			answer := want
			if number, ok := want.(syscall.Errno); ok {
				answer = failure(number)
			}
			begun := time.Now()
			l := accept.Listener{Listener: &script{answers: []error{answer}}, Log: slog.New(slog.DiscardHandler)}
			if _, err := l.Accept(); !errors.Is(err, want) || time.Since(begun) > 0 {
				t.Errorf("%v: after %s, %v", want, time.Since(begun), err)
			}
		}
	})
}
