package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/api/client"
	"flashwarden/internal/httpapi"
	"flashwarden/internal/warden"
)

// Both ways have the same operations.
var (
	_ warden.Warden = (*client.Client)(nil)
	_ warden.Warden = (*fake)(nil)
)

// daemon serves w on a socket of its own until the test ends, or until stop is
// called. It returns a client of it.
func daemon(t *testing.T, w warden.Warden, drain time.Duration) (c *client.Client, dir string, stop func()) {
	t.Helper()
	dir = t.TempDir()
	stop = serve(t, w, dir, drain)
	return connect(t, dir), dir, stop
}

func serve(t *testing.T, w warden.Warden, dir string, drain time.Duration) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ready, ended := make(chan struct{}), make(chan error, 1)
	limit, cut := context.WithCancel(context.Background())
	context.AfterFunc(ctx, func() { time.AfterFunc(drain, cut) })
	s := httpapi.Socket{Warden: w, Data: dir, Log: slog.New(slog.DiscardHandler)}
	go func() { ended <- s.Run(ctx, limit, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("the socket ended before it was ready: %v", err)
	}
	var once sync.Once
	stop = func() {
		cancel()
		once.Do(func() {
			if err := <-ended; err != nil {
				t.Errorf("the socket ended with %v", err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func connect(t *testing.T, dir string) *client.Client {
	t.Helper()
	c, running, err := client.Dial(context.Background(), dir)
	if err != nil || !running {
		t.Fatalf("no daemon: running %v, error %v", running, err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// operations are the names of the methods of a warden that have a route of
// their own.
func operations() []string {
	var names []string
	all := reflect.TypeFor[warden.Warden]()
	for i := range all.NumMethod() {
		if name := all.Method(i).Name; name != "Open" && name != "Close" {
			names = append(names, name)
		}
	}
	return names
}

// call calls an operation of w by its name. fill makes the request.
func call(w warden.Warden, op string, fill func(reflect.Value), events func(api.Event)) (request, result any, err error) {
	method := reflect.ValueOf(w).MethodByName(op)
	args := []reflect.Value{reflect.ValueOf(context.Background())}
	for i := 1; i < method.Type().NumIn(); i++ {
		if method.Type().In(i) == reflect.TypeFor[func(api.Event)]() {
			args = append(args, reflect.ValueOf(events))
			continue
		}
		r := reflect.New(method.Type().In(i)).Elem()
		fill(r)
		request = r.Interface()
		args = append(args, r)
	}
	out := method.Call(args)
	err, _ = out[1].Interface().(error)
	return request, out[0].Interface(), err
}

// TestEveryOperation runs every operation over a socket: the request reaches
// the method unchanged, the events arrive in order, and the result is the same,
// to the last byte of its JSON.
func TestEveryOperation(t *testing.T) {
	f := &fake{}
	c, _, _ := daemon(t, f, time.Minute)
	for name, fill := range map[string]func(reflect.Value){"full": full, "zero": func(reflect.Value) {}, "hollow": hollow} {
		for _, op := range operations() {
			var want any
			f.answer = func(_ context.Context, _ string, result any, events func(api.Event)) error {
				fill(reflect.ValueOf(result).Elem())
				want = reflect.ValueOf(result).Elem().Interface()
				for i := 0; events != nil && i < 3; i++ {
					events(api.Event{Step: api.StepCopy, Bytes: int64(i)})
				}
				return nil
			}
			var seen []int64
			sent, got, err := call(c, op, fill, func(e api.Event) { seen = append(seen, e.Bytes) })
			if err != nil {
				t.Errorf("%s %s: %v", name, op, err)
				continue
			}
			if asked := f.asked(); len(asked) != 1 || asJSON(t, asked[0]) != asJSON(t, sent) {
				t.Errorf("%s %s: sent %s, arrived %s", name, op, asJSON(t, sent), asJSON(t, asked))
			}
			if asJSON(t, got) != asJSON(t, want) {
				t.Errorf("%s %s: result %s; want %s", name, op, asJSON(t, got), asJSON(t, want))
			}
			if name == "full" && !reflect.DeepEqual(got, want) {
				t.Errorf("%s: result %+v; want %+v", op, got, want)
			}
			if seen != nil && !reflect.DeepEqual(seen, []int64{0, 1, 2}) {
				t.Errorf("%s %s: events %v", name, op, seen)
			}
		}
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestEvents names the operations whose events reach the client: those whose
// method takes events.
func TestEvents(t *testing.T) {
	f := &fake{}
	c, _, _ := daemon(t, f, time.Minute)
	var want api.Event
	full(reflect.ValueOf(&want).Elem())
	f.answer = func(_ context.Context, _ string, _ any, events func(api.Event)) error {
		if events != nil {
			events(want)
		}
		return nil
	}
	for _, op := range operations() {
		var got []api.Event
		if _, _, err := call(c, op, full, func(e api.Event) { got = append(got, e) }); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		method, _ := reflect.TypeFor[warden.Warden]().MethodByName(op)
		takes := method.Type.In(method.Type.NumIn()-1) == reflect.TypeFor[func(api.Event)]()
		if takes != (len(got) == 1) || takes && !reflect.DeepEqual(got[0], want) {
			t.Errorf("%s: events %+v", op, got)
		}
	}
}

// TestProblems sends problems through every operation.
func TestProblems(t *testing.T) {
	f := &fake{}
	c, _, _ := daemon(t, f, time.Minute)
	for exit := api.ExitError; exit <= api.ExitUnknown; exit++ {
		want := &api.Problem{Cause: "internal", Field: "name", Detail: "<detail> & more\nlines", Exit: exit,
			Fix: api.Say("add ").Option("for", "1h").Do("backup", "sw1").With("files", "all").Type(api.OnHost, "ls").Set("tftp.listen", ":69")}
		f.answer = func(context.Context, string, any, func(api.Event)) error { return errors.Join(want, nil) }
		for _, op := range operations() {
			_, _, err := call(c, op, full, nil)
			var got *api.Problem
			if !errors.As(err, &got) || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %#v; want %#v", op, err, want)
			}
		}
	}
}

func TestOpen(t *testing.T) {
	f := &fake{open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("content")), nil }}
	c, _, _ := daemon(t, f, time.Minute)
	body, err := c.Open(t.Context(), api.Content{SHA256: strings.Repeat("a", 64)})
	if err != nil {
		t.Fatal(err)
	}
	if text, err := io.ReadAll(body); err != nil || string(text) != "content" {
		t.Errorf("%q, %v", text, err)
	}
	body.Close()

	f.open = func() (io.ReadCloser, error) { return nil, warden.Invalid("no such content") }
	var p *api.Problem
	if _, err := c.Open(t.Context(), api.Content{SHA256: "x"}); !errors.As(err, &p) || p.Exit != api.ExitUsage {
		t.Errorf("error %v; want the problem of the daemon", err)
	}

	broken := io.MultiReader(bytes.NewReader(make([]byte, 1<<20)), errorReader{})
	f.open = func() (io.ReadCloser, error) { return io.NopCloser(broken), nil }
	body, err = c.Open(t.Context(), api.Content{SHA256: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, body); err == nil {
		t.Errorf("content that broke off ended well after %d bytes", n)
	}
	body.Close()
}

type errorReader struct{}

func (errorReader) Read([]byte) (int, error) { return 0, errors.New("the disk is broken") }
