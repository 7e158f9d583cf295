package httpapi

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// Live has the live events of the service.
type Live interface {
	Follow(ctx context.Context, s api.LiveSelect) (warden.Stream, error)
}

// Times of a stream of events.
const (
	beatEvery  = 15 * time.Second       // a line that keeps the connection open
	proveEvery = 5 * time.Second        // whether the token of the client is still valid
	gather     = 200 * time.Millisecond // between two writes: many events are one write
)

// Behind is the event after which a stream goes on.
type Behind struct {
	Header string `header:"Last-Event-ID" doc:"the id of the last event that the client has; empty: from now on"`
	Query  string `query:"after" doc:"as Last-Event-ID, for clients that cannot set it"`
}

func (r *resources) events() {
	resource(r, http.MethodGet, "/events", "Events of the service, as server-sent events", func(ctx context.Context, in *Behind) (*huma.StreamResponse, error) {
		return r.follow(ctx, api.LiveSelect{After: cmp.Or(in.Header, in.Query)})
	}, r.eventStream)
	resource(r, http.MethodGet, "/jobs/{id}/events", "Events of one job, until it ends, as server-sent events", func(ctx context.Context, in *struct {
		Behind
		ID string `path:"id"`
	}) (*huma.StreamResponse, error) {
		return r.follow(ctx, api.LiveSelect{Job: in.ID, After: cmp.Or(in.Header, in.Query)})
	}, r.eventStream)
}

// follow answers with a stream of events. A client that has all events of a job gets 204: then
// a browser does not ask again.
func (r *resources) follow(ctx context.Context, s api.LiveSelect) (*huma.StreamResponse, error) {
	stream, err := r.live.Follow(ctx, s)
	if errors.Is(err, io.EOF) {
		return &huma.StreamResponse{Body: func(hc huma.Context) { hc.SetStatus(http.StatusNoContent) }}, nil
	}
	if err != nil {
		return nil, failed(err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer stream.Close()
		req, w := humago.Unwrap(hc)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Accel-Buffering", "no") // for nginx
		control := http.NewResponseController(w)
		defer context.AfterFunc(req.Context(), func() { // a client that reads nothing must not keep the daemon
			if err := control.SetWriteDeadline(time.Now()); err != nil {
				r.log.Debug("end a stream of events", "err", err)
			}
		})()
		e := eventWriter{w: w, control: control, stream: stream, proved: time.Now()}
		if err := e.run(req.Context()); err != nil {
			r.log.Debug("a stream of events ended", "err", err)
		}
	}}, nil
}

// eventWriter writes events to one client.
type eventWriter struct {
	w       io.Writer
	control *http.ResponseController
	stream  warden.Stream
	proved  time.Time // when the token was last proved
	wrote   time.Time
}

// run writes events until the stream ends, the client goes, or its token is not valid any
// more.
func (e *eventWriter) run(ctx context.Context) error {
	if err := e.write([]byte("retry: 3000\n\n")); err != nil {
		return err
	}
	for {
		if err := e.prove(ctx); err != nil {
			return err
		}
		wait, cancel := context.WithTimeout(ctx, proveEvery)
		events, err := e.stream.Next(wait)
		cancel()
		switch {
		case errors.Is(err, io.EOF) || ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			err = e.send(ctx, events)
		case errors.Is(err, context.DeadlineExceeded):
			err = e.beat()
		}
		if err != nil {
			return err
		}
	}
}

// send sends events in one write, and lets others gather.
func (e *eventWriter) send(ctx context.Context, events []api.LiveEvent) error {
	if err := e.prove(ctx); err != nil { // Next may have waited for long
		return err
	}
	var text bytes.Buffer
	for _, one := range events {
		fmt.Fprintf(&text, "id: %s\nevent: %s\ndata: %s\n\n", one.ID, one.Kind, one.Data)
	}
	if err := e.write(text.Bytes()); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(gather):
	}
	return nil
}

// beat keeps the connection open. The ID lets a client resume behind events that it may not
// see.
func (e *eventWriter) beat() error {
	if time.Since(e.wrote) < beatEvery {
		return nil
	}
	return e.write(fmt.Appendf(nil, ": still here\nid: %s\n\n", e.stream.Place()))
}

// write writes within writeWithin: a client that reads nothing is cut off.
func (e *eventWriter) write(text []byte) error {
	e.wrote = time.Now()
	err := e.control.SetWriteDeadline(e.wrote.Add(writeWithin))
	if err == nil || errors.Is(err, http.ErrNotSupported) {
		_, err = e.w.Write(text)
	}
	if err == nil {
		err = e.control.Flush()
	}
	return err
}

// stillKey is the key of a function that asks whether the client may still do what it could
// at the begin of its request.
type stillKey struct{}

// errChanged is the error of a token that was made anew with other rights.
var errChanged = errors.New("the rights of the token have changed")

// prove proves now and then that the token of the client is still valid. Clients of the socket
// have none.
func (e *eventWriter) prove(ctx context.Context) error {
	still, ok := ctx.Value(stillKey{}).(func() error)
	if !ok || time.Since(e.proved) < proveEvery {
		return nil
	}
	e.proved = time.Now()
	return still()
}

// eventStream describes the answer of a stream.
func (r *resources) eventStream(o *huma.Operation) {
	schemas := r.api.OpenAPI().Components.Schemas
	var kinds []*huma.Schema
	for _, k := range []struct {
		kind string
		data reflect.Type
	}{
		{api.LiveJob, reflect.TypeFor[api.JobEvent]()}, {api.LiveTransfer, reflect.TypeFor[api.TransferEvent]()}, {api.LiveDevice, reflect.TypeFor[api.DeviceEvent]()},
		{api.LiveVault, reflect.TypeFor[api.VaultEvent]()}, {api.LiveReset, reflect.TypeFor[api.ResetEvent]()},
	} {
		kinds = append(kinds, &huma.Schema{Type: "object", Title: k.kind, Required: []string{"id", "event", "data"}, Properties: map[string]*huma.Schema{
			"id": {Type: "string"}, "event": {Type: "string", Enum: []any{k.kind}}, "data": schemas.Schema(k.data, true, k.data.Name()),
		}})
	}
	o.Responses = map[string]*huma.Response{
		"200": {Description: "Events, each with id, event and data in JSON", Content: map[string]*huma.MediaType{"text/event-stream": {
			Schema: &huma.Schema{Type: "array", Items: &huma.Schema{OneOf: kinds}}}}},
		"204": {Description: "The client has all events of the job, which has ended"},
	}
}
