package cause_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"flashwarden/internal/cause"
)

// TestText makes the errors of Go's libraries and wants none of their words.
func TestText(t *testing.T) {
	words := regexp.MustCompile(`context |dial |\btcp\b|ssh:|strconv|i/o timeout|greeting|EOF|connection refused|lookup|closed network|time: (invalid|missing|unknown)`)
	for want, err := range map[string]error{
		"sw1 refused the connection: 127.0.0.1:ANY: nothing listens there": cause.Wrap(cause.ConnectRefused, dialNothing(t), "sw1 refused the connection", nil),
		"sw1: no answer in time":                                   fmt.Errorf("sw1: %w", readNothing(t)),
		"sw1: the connection ended":                                fmt.Errorf("sw1: %w", io.EOF),
		"handshake: the connection ended":                          fmt.Errorf("handshake: %w", talkToNobody(t)),
		"read the image: it ended too early":                       fmt.Errorf("read the image: %w", io.ErrUnexpectedEOF),
		"back up sw1: cancelled":                                   fmt.Errorf("back up sw1: %w", context.Canceled),
		"log in: no answer in time":                                fmt.Errorf("log in: %w", context.DeadlineExceeded),
		"sw1 sent nothing":                                         cause.Wrap(cause.ConnectTimeout, cause.ErrSilent, "sw1 sent nothing", nil),
		`--times "x" is not a number`:                              fmt.Errorf("--times %w", second(strconv.Atoi("x"))),
		`--times "99999999999999999999" is too large or too small`: fmt.Errorf("--times %w", second(strconv.Atoi("99999999999999999999"))),
		`"5" has no unit: use 30s, 10m or 2h`:                      second(time.ParseDuration("5")),
		`"5x" is not a time: use 30s, 10m or 2h`:                   second(time.ParseDuration("5x")),
		"sw1 refused the user: tried none password":                errors.New("sw1 refused the user: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none password], no supported methods remain"),
		"no address for the name nope.invalid":                     &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "nope.invalid", Server: "192.0.2.53:53", IsNotFound: true}},
		"open x: permission denied":                                &fs.PathError{Op: "open", Path: "x", Err: os.ErrPermission},
		"":                                                         nil,
	} {
		got := regexp.MustCompile(`:\d+: nothing`).ReplaceAllString(cause.Text(err), ":ANY: nothing")
		if got != want || words.MatchString(got) {
			t.Errorf("%v became %q; want %q", err, got, want)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func listener(t *testing.T) net.Listener {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// dialNothing connects to a port on which nothing listens.
func dialNothing(t *testing.T) error {
	l := listener(t)
	l.Close()
	return second(net.Dial("tcp", l.Addr().String()))
}

// readNothing reads from a peer that sends nothing.
func readNothing(t *testing.T) error {
	conn, err := net.Dial("tcp", listener(t).Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetReadDeadline(time.Now()); err != nil {
		t.Fatal(err)
	}
	return second(conn.Read(make([]byte, 1)))
}

// talkToNobody begins an SSH handshake with a peer that closes the connection.
func talkToNobody(t *testing.T) error {
	ours, theirs := net.Pipe()
	go func() {
		_, _ = theirs.Read(make([]byte, 100)) // our version
		theirs.Close()
	}()
	_, _, _, err := ssh.NewClientConn(ours, "sw1", &ssh.ClientConfig{HostKeyCallback: ssh.InsecureIgnoreHostKey()})
	return err
}
