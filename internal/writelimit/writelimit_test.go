package writelimit_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/writelimit"
)

// one listens for one connection.
type one struct {
	net.Listener
	conn net.Conn
}

func (l one) Accept() (net.Conn, error) { return l.conn, nil }

// TestNobodyReads ends each write after the limit, or at the deadline that was set.
func TestNobodyReads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c, err := writelimit.Listener{Listener: one{conn: near}, Within: 10 * time.Second}.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, step := range []struct {
			set  func(time.Time) error
			to   time.Duration // 0: no deadline
			want time.Duration
		}{
			{c.SetWriteDeadline, 0, 10 * time.Second},
			{c.SetWriteDeadline, time.Second, time.Second},
			{c.SetDeadline, time.Minute, time.Minute},
			{c.SetDeadline, 0, 10 * time.Second},
			{c.SetReadDeadline, time.Second, 10 * time.Second},
		} {
			began, deadline := time.Now(), time.Time{}
			if step.to > 0 {
				deadline = began.Add(step.to)
			}
			if err := step.set(deadline); err != nil {
				t.Fatal(err)
			}
			_, err := c.Write([]byte("x"))
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != step.want {
				t.Errorf("a deadline of %s: ended after %s with %v", step.to, took, err)
			}
		}
	})
}

// TestSlowReader goes on as long as the client reads within the limit.
func TestSlowReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		c := writelimit.New(near, 10*time.Second)
		defer c.Close()
		go func() {
			for range 20 {
				time.Sleep(9 * time.Second)
				if _, err := far.Read(make([]byte, 1)); err != nil {
					t.Error(err)
				}
			}
		}()
		for range 20 {
			if _, err := c.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestFromThen lets a client pause before the limit begins, and ends the write that waits then.
func TestFromThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		from, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		c, err := writelimit.Listener{Listener: one{conn: near}, Within: 10 * time.Second, From: from}.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, want := range []time.Duration{time.Hour + 10*time.Second, 10 * time.Second} {
			began := time.Now()
			_, err := c.Write([]byte("x"))
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took != want {
				t.Errorf("ended after %s with %v, want %s", took, err, want)
			}
		}
	})
}
