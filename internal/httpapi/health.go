package httpapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"flashwarden/api/client"
	"flashwarden/internal/warden"
)

// readyWithin is how long /readyz waits for an answer.
const readyWithin = 10 * time.Second

// health adds the routes for programs that watch the service. /healthz says that it
// answers. /readyz says whether operations can succeed, and else why not.
func (h *handler) health(ready func(context.Context) error) {
	h.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	h.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		if ready == nil {
			w.WriteHeader(http.StatusNoContent)
		} else if err := ready(ctx); err != nil {
			h.answer(w, http.StatusServiceUnavailable, warden.AsProblem(err))
		} else {
			w.WriteHeader(http.StatusNoContent)
		}
	})
}

// Answers connects to the socket as a command does, and returns nil if the service
// answers before ctx ends.
func (s Socket) Answers(ctx context.Context) error {
	path, done, err := client.SocketPath(s.Data)
	if err != nil {
		return err
	}
	defer done()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://flashwarden/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := transport.RoundTrip(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if resp.StatusCode != http.StatusNoContent {
		err = errors.Join(err, fmt.Errorf("the socket answers %s", resp.Status))
	}
	return errors.Join(err, resp.Body.Close())
}
