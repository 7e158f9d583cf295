package httpapi

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
)

// A list of devices that somebody sends to the page may be longer than the requests of programs, and
// take longer.
const (
	maxUpload    = 3 << 20 // bytes
	uploadWithin = time.Minute
)

// whole reads the body of a request before it is answered, at most maxResource bytes, and
// ends the limit of time that patient set: a read deadline that stays would cancel an
// operation that takes longer. Who has logged in to the page may send up to maxUpload.
func whole(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control, most := http.NewResponseController(w), int64(maxResource)
		var err error
		if warden.ActorOf(r.Context()) != (warden.Actor{}) && !strings.HasPrefix(r.URL.Path, prefix+"/") {
			most, err = maxUpload, control.SetReadDeadline(time.Now().Add(uploadWithin))
		}
		var body []byte
		if err == nil {
			body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, most))
		}
		if err == nil {
			err = control.SetReadDeadline(time.Time{})
		}
		if err != nil {
			refuseBody(w, err, log)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}

// refuseBody answers a request whose body did not arrive, and ends its connection.
func refuseBody(w http.ResponseWriter, err error, log *slog.Logger) {
	status, detail := http.StatusRequestTimeout, "the body of the request did not arrive in time"
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		status, detail = http.StatusRequestEntityTooLarge, "the body of the request is too long"
	}
	w.Header().Set("Connection", "close")
	writeProblem(w, answerWith(status, &api.Problem{Detail: detail, Exit: api.ExitUsage}), log)
}

// writeWithin is how long a client may take to read one piece of an answer. Those that read
// nothing are cut off, but not those that read slowly.
const writeWithin = time.Minute

// patient cuts off clients that do not send their request within requestWithin.
func patient(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(requestWithin)); err != nil {
			log.Debug("limit the time of a request", "err", err)
		}
		next.ServeHTTP(w, r)
	})
}
