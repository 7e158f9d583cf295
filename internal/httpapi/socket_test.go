package httpapi_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/api/client"
)

// untilCancelled answers an operation with a partial result once its context
// has ended. began is closed when it runs, ended when it returns.
func untilCancelled(began, ended chan struct{}) func(context.Context, string, any, func(api.Event)) error {
	return func(ctx context.Context, _ string, result any, _ func(api.Event)) error {
		close(began)
		<-ctx.Done()
		if r, ok := result.(*[]api.BackupResult); ok {
			*r = []api.BackupResult{{Device: "sw1", Status: api.StatusFailed, Cause: "cancelled"}}
		}
		close(ended)
		return nil
	}
}

// TestCancel ends a client's context: the operation ends, and the client still
// gets its results.
func TestCancel(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	c, _, _ := daemon(t, &fake{answer: untilCancelled(began, ended)}, time.Minute)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-began; cancel() }()
	results, err := c.Backup(ctx, api.Backup{All: true}, nil)
	if err != nil || len(results) != 1 || results[0].Cause != "cancelled" {
		t.Errorf("%+v, %v; want the results so far", results, err)
	}
}

// TestClientGone closes a client's connection, as kill -9 does: the operation
// ends. A body without a length must not hide that.
func TestClientGone(t *testing.T) {
	for _, body := range []string{"Content-Length: 12\r\n\r\n{\"all\":true}", "Transfer-Encoding: chunked\r\n\r\nc\r\n{\"all\":true}\r\n0\r\n\r\n"} {
		began, ended := make(chan struct{}), make(chan struct{})
		_, dir, _ := daemon(t, &fake{answer: untilCancelled(began, ended)}, time.Minute)
		conn := raw(t, dir, "POST /api/v1/operations/backup HTTP/1.1\r\nHost: x\r\n"+body)
		<-began
		conn.Close()
		<-ended
	}
}

// raw connects to a daemon and sends text.
func raw(t *testing.T, dir, text string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(dir, "flashwarden.sock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := fmt.Fprint(conn, text); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestDaemonGone breaks the connection in the midst of an operation.
func TestDaemonGone(t *testing.T) {
	f := &fake{answer: func(context.Context, string, any, func(api.Event)) error { panic(http.ErrAbortHandler) }}
	c, _, _ := daemon(t, f, time.Minute)
	_, err := c.Backup(t.Context(), api.Backup{}, nil)
	var p *api.Problem
	if !errors.As(err, &p) || p.Exit != api.ExitError || len(p.Fix) == 0 || !strings.Contains(p.Detail, "the daemon") {
		t.Errorf("%#v; want a problem with a next step", err)
	}
}

// TestLateEvents sends events from a goroutine that outlives its operation.
func TestLateEvents(t *testing.T) {
	var late func(api.Event)
	f := &fake{answer: func(_ context.Context, _ string, _ any, events func(api.Event)) error { late = events; return nil }}
	c, _, _ := daemon(t, f, time.Minute)
	if _, err := c.Backup(t.Context(), api.Backup{}, nil); err != nil {
		t.Fatal(err)
	}
	late(api.Event{Step: api.StepDone})
}

// TestManyEvents sends more events than can wait, to a client that reads none
// before the operation has ended: the operation never waits for it, and the
// result arrives.
func TestManyEvents(t *testing.T) {
	ended := make(chan struct{})
	f := &fake{answer: func(_ context.Context, _ string, _ any, events func(api.Event)) error {
		defer close(ended)
		for range 100_000 {
			events(api.Event{Step: api.StepCopy})
		}
		return nil
	}}
	c, _, _ := daemon(t, f, time.Minute)
	if _, err := c.Backup(t.Context(), api.Backup{}, func(api.Event) { <-ended }); err != nil {
		t.Error(err)
	}
}

// TestDrain ends the daemon while operations run: they get the time of Drain,
// and are cancelled then. The client gets the results in either case.
func TestDrain(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	c, dir, stop := daemon(t, &fake{answer: untilCancelled(began, ended)}, time.Millisecond)
	go func() { <-began; stop() }()
	results, err := c.Backup(t.Context(), api.Backup{}, nil)
	if err != nil || len(results) != 1 {
		t.Errorf("%+v, %v; want the results so far", results, err)
	}
	<-ended
	stop()
	if _, running, err := client.Dial(t.Context(), dir); running || err != nil {
		t.Errorf("after its end: running %v, %v", running, err)
	}
}

// TestSocketOfDeadProcess leaves a socket as kill -9 does: a command finds no
// daemon, and the next daemon starts.
func TestSocketOfDeadProcess(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), strings.Repeat("long", 50))} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path, done, err := client.SocketPath(dir)
		if err != nil {
			t.Fatal(err)
		}
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		l.(*net.UnixListener).SetUnlinkOnClose(false)
		l.Close()
		done()
		if _, running, err := client.Dial(t.Context(), dir); running || err != nil {
			t.Errorf("a dead socket: running %v, %v", running, err)
		}
		stop := serve(t, &fake{}, dir, time.Minute)
		if _, err := connect(t, dir).Images(t.Context()); err != nil {
			t.Error(err)
		}
		info, err := os.Stat(filepath.Join(dir, "flashwarden.sock"))
		if err != nil || info.Mode().Perm() != 0o660 {
			t.Errorf("socket %v, %v; want mode 0660", info, err)
		}
		stop()
		if _, err := os.Stat(filepath.Join(dir, "flashwarden.sock")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is left: %v", err)
		}
	}
}

// TestBadRequests sends malformed requests: none reaches the warden.
func TestBadRequests(t *testing.T) {
	f := &fake{}
	_, dir, _ := daemon(t, f, time.Minute)
	for _, body := range []string{``, `{`, `[]`, `{"unknown":1}`, `{"all":true} {}`, `{"all":"yes"}`, `{"group":"` + strings.Repeat("x", 17<<20) + `"}`} {
		conn, err := net.Dial("unix", filepath.Join(dir, "flashwarden.sock"))
		if err != nil {
			t.Fatal(err)
		}
		go fmt.Fprintf(conn, "POST /api/v1/operations/backup HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%.20s: %v", body, err)
		} else if resp.StatusCode != http.StatusBadRequest || resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%.20s: %s, %v", body, resp.Status, resp.Header)
		}
		conn.Close()
	}
	if asked := f.asked(); len(asked) > 0 {
		t.Errorf("the warden was asked for %v", asked)
	}
}

// TestOtherVersion asks a daemon that does not know the operation.
func TestOtherVersion(t *testing.T) {
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "flashwarden.sock"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(l)
	t.Cleanup(func() { server.Close() })
	_, err = connect(t, dir).Images(t.Context())
	var p *api.Problem
	if !errors.As(err, &p) || !strings.Contains(p.Detail, "version") || len(p.Fix) == 0 {
		t.Errorf("%v; want a problem that names the version", err)
	}
}

// TestSecretsStayWhole sends a password that is no UTF-8, as old devices have
// them: it must not arrive as another one.
func TestSecretsStayWhole(t *testing.T) {
	f := &fake{}
	c, _, _ := daemon(t, f, time.Minute)
	for _, password := range []string{"p\xe4ss", "\xff", `\ufffd`, "\ufffd", "pässword"} {
		sent := api.DeviceChange{Device: api.Device{Name: "sw1"}, Password: &password}
		_, err := c.AddDevice(t.Context(), sent)
		asked := f.asked()
		switch {
		case err == nil && len(asked) == 1 && reflect.DeepEqual(asked[0], sent):
		case err != nil && len(asked) == 0:
			var p *api.Problem
			if !errors.As(err, &p) || len(p.Fix) == 0 {
				t.Errorf("%q: %v has no next step", password, err)
			}
		default:
			t.Errorf("%q arrived as %s, error %v", password, asJSON(t, asked), err)
		}
	}
}

// TestLeave ends a client's context with each cause. The operation gets the cause where
// that matters, and a client that quits does not wait for its end.
func TestLeave(t *testing.T) {
	for why, want := range map[error]error{api.ErrLeft: api.ErrLeft, api.ErrQuit: context.Canceled, errors.New("another"): context.Canceled} {
		began, cause, release := make(chan struct{}), make(chan error, 1), make(chan struct{})
		f := &fake{answer: func(ctx context.Context, _ string, _ any, _ func(api.Event)) error {
			close(began)
			<-ctx.Done()
			cause <- context.Cause(ctx)
			<-release
			return nil
		}}
		c, _, _ := daemon(t, f, time.Minute)
		ctx, end := context.WithCancelCause(t.Context())
		failed := make(chan error, 1)
		go func() {
			_, err := c.Backup(ctx, api.Backup{All: true}, nil)
			failed <- err
		}()
		<-began
		end(why)
		if got := <-cause; got != want {
			t.Errorf("%v: the operation ended because of %v; want %v", why, got, want)
		}
		if why != api.ErrQuit {
			close(release)
		}
		if err := <-failed; (err != nil) != (why == api.ErrQuit) {
			t.Errorf("%v: the client got %v", why, err)
		}
		if why == api.ErrQuit {
			close(release)
		}
	}
}

// TestOnlyBackupsAreLeft refuses to leave another operation, which goes on.
func TestOnlyBackupsAreLeft(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	_, dir, _ := daemon(t, &fake{answer: untilCancelled(began, ended)}, time.Minute)
	body := "Content-Length: 2\r\n\r\n{}"
	check := raw(t, dir, "POST /api/v1/operations/check HTTP/1.1\r\nHost: x\r\n"+body)
	<-began
	lines := bufio.NewScanner(check)
	id := ""
	for id == "" && lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), `{"id":"`); ok {
			id, _, _ = strings.Cut(after, `"`)
		}
	}
	for _, test := range []struct{ end, want string }{{"leave", " 400 "}, {"cancel", " 204 "}} {
		answer := bufio.NewScanner(raw(t, dir, "POST /api/v1/operations/"+id+"/"+test.end+" HTTP/1.1\r\nHost: x\r\n"+body))
		if !answer.Scan() || !strings.Contains(answer.Text(), test.want) {
			t.Errorf("%s: %q; want%s", test.end, answer.Text(), test.want)
		}
	}
	<-ended
}
