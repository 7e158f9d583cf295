// Package client runs the operations of flashwarden in the daemon that serves
// a data directory, over its Unix socket. Its methods are those of one process:
// the same requests, events, results and problems.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"flashwarden/api"
)

// socketName is the socket below the data directory.
const socketName = "flashwarden.sock"

// longestPath is the longest path that fits a socket address (unix(7)).
const longestPath = 100

// SocketPath returns the path of the socket of a data directory. For a long
// path it is one through a file descriptor, which done closes.
func SocketPath(data string) (path string, done func(), err error) {
	path = filepath.Join(data, socketName)
	if len(path) <= longestPath {
		return path, func() {}, nil
	}
	dir, err := os.Open(data)
	if err != nil {
		return "", nil, fmt.Errorf("open the data directory: %w", err)
	}
	return fmt.Sprintf("/proc/self/fd/%d/%s", dir.Fd(), socketName), func() { dir.Close() }, nil
}

// Client runs operations over one socket. Its methods may be used by several
// goroutines at once. Each of its parts has the operations of one part of the warden.
type Client struct {
	*conn
	devices
	work
	vault
	transfers
	hosts
	people
}

// The parts of a Client.
type (
	devices   struct{ *conn }
	work      struct{ *conn }
	vault     struct{ *conn }
	transfers struct{ *conn }
	hosts     struct{ *conn }
	people    struct{ *conn }
)

// conn sends requests over the socket.
type conn struct{ http http.Client }

// Dial connects to the daemon that serves the data directory; ok is false
// where none runs.
func Dial(ctx context.Context, data string) (c *Client, ok bool, err error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		path, done, err := SocketPath(data)
		if err != nil {
			return nil, err
		}
		defer done()
		var d net.Dialer
		return d.DialContext(ctx, "unix", path)
	}
	there, err := dial(ctx, "", "")
	switch {
	case errors.Is(err, os.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOTDIR):
		return nil, false, nil
	case errors.Is(err, os.ErrPermission):
		if _, statErr := os.Stat(filepath.Join(data, socketName)); statErr != nil {
			return nil, false, nil // the directory itself is closed to us, which whoever opens it explains
		}
		return nil, false, &api.Problem{Detail: "the daemon's socket is closed to this user: " + err.Error(), Exit: api.ExitError, Err: err,
			Fix: api.Say("run as root or as the service's user, or join its group: ").Type(api.OnHost, "ls -l "+filepath.Join(data, socketName))}
	case err != nil:
		return nil, false, fmt.Errorf("connect to the daemon: %w", err)
	}
	if err := there.Close(); err != nil {
		return nil, false, err
	}
	to := &conn{http.Client{Transport: &http.Transport{DialContext: dial}}}
	return &Client{to, devices{to}, work{to}, vault{to}, transfers{to}, hosts{to}, people{to}}, true, nil
}

// Close closes idle connections.
func (c *conn) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// base is the address of the API. The host is only a name.
const base = "http://flashwarden/api/v1/"

// endWithin is how long the daemon may take to acknowledge the end of an operation.
const endWithin = 10 * time.Second

// run runs one operation. When ctx ends the operation is cancelled, and run
// still returns its result. With the cause api.ErrLeft the jobs of a backup go on, and
// with api.ErrQuit run does not wait for the result.
func run[Res any](ctx context.Context, c *conn, operation string, request any, events func(api.Event)) (Res, error) {
	var res Res
	body, err := encode(request)
	if err != nil {
		return res, err
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodPost, base+"operations/"+operation, bytes.NewReader(body))
	if err != nil {
		return res, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return res, lost(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return res, refused(resp)
	}
	return res, c.follow(ctx, resp.Body, &res, events)
}

// notText matches what json.Marshal writes for bytes that are no UTF-8. A
// backslash of the text itself is always doubled.
var notText = regexp.MustCompile(`(^|[^\\])(\\\\)*\\ufffd`)

// encode returns a request as JSON. Text that JSON cannot carry, as a password
// in Latin-1, is refused: it would arrive as another one.
func encode(request any) ([]byte, error) {
	body, err := json.Marshal(request)
	if err == nil && notText.Match(body) {
		err = &api.Problem{Detail: "the request has text that is not UTF-8, which the daemon cannot take", Exit: api.ExitUsage,
			Fix: api.Say("write it in UTF-8; or stop the daemon, run the command again, and start it: ").Type(api.OnHost, "systemctl stop flashwarden")}
	}
	return body, err
}

// follow reads the stream of one operation to its end.
func (c *conn) follow(ctx context.Context, body io.ReadCloser, res any, events func(api.Event)) error {
	lines := bufio.NewReader(body)
	for {
		kind, data, err := next(lines)
		if err != nil {
			return lost(err)
		}
		switch kind {
		case "started":
			var started struct{ ID string }
			if err := json.Unmarshal(data, &started); err != nil {
				return lost(err)
			}
			stop := context.AfterFunc(ctx, func() { c.end(ctx, started.ID, body) })
			defer stop()
		case "progress":
			var e api.Event
			if err := json.Unmarshal(data, &e); err != nil {
				return lost(err)
			}
			if events != nil {
				events(e)
			}
		case "problem":
			return problem(bytes.NewReader(data))
		case "result":
			return json.Unmarshal(data, res)
		}
	}
}

// next reads one server-sent event of two lines.
func next(r *bufio.Reader) (kind string, data []byte, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		line = strings.TrimSuffix(line, "\n")
		name, value, _ := strings.Cut(line, ": ")
		switch {
		case line == "":
			return kind, data, nil
		case name == "event":
			kind = value
		case name == "data":
			data = []byte(value)
		}
	}
}

// end ends an operation, whose answer is body, as the cause of the end of ctx says. When
// that fails the stream is read on: the user can still end the program.
func (c *conn) end(ctx context.Context, id string, body io.Closer) {
	how := "cancel"
	switch context.Cause(ctx) {
	case api.ErrLeft:
		how = "leave"
	case api.ErrQuit:
		defer body.Close()
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), endWithin)
	defer stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, base+"operations/"+id+"/"+how, nil)
	if err != nil {
		return
	}
	if resp, err := c.http.Do(req); err == nil {
		resp.Body.Close()
	}
}

// refused is the problem of an answer that is no success.
func refused(resp *http.Response) error {
	if resp.Header.Get("Content-Type") == "application/problem+json" {
		return problem(resp.Body)
	}
	return &api.Problem{Cause: "internal", Detail: "the daemon does not know this operation (" + resp.Status + "): it is of another version", Exit: api.ExitError,
		Fix: api.Say("start it again with this version: ").Type(api.OnHost, "systemctl restart flashwarden")}
}

// problem reads a problem.
func problem(r io.Reader) error {
	var p api.Problem
	if err := json.NewDecoder(r).Decode(&p); err != nil {
		return lost(err)
	}
	return &p
}

// lost is the problem of a connection that ended before the result.
func lost(err error) error {
	return &api.Problem{Cause: "internal", Detail: "the connection to the daemon ended: " + err.Error(), Exit: api.ExitError, Err: err,
		Fix: api.Say("see its log, then run the command again: ").Type(api.OnHost, "journalctl -u flashwarden")}
}

// Open returns the bytes of one content of the vault. A content that breaks
// off ends with an error.
func (c *conn) Open(ctx context.Context, content api.Content) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"operations/content/"+content.SHA256, nil)
	if err != nil {
		return nil, err
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, lost(err)
	}
	if resp.StatusCode != http.StatusOK {
		defer resp.Body.Close()
		return nil, refused(resp)
	}
	return resp.Body, nil
}
