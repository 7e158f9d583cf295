package httpapi

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"flashwarden/api"
)

// maxWaiting is how many events wait for a slow client. More are left out: an
// operation never waits for whoever watches it.
const maxWaiting = 1024

// lastWords is how long a client may take to read the rest of an answer, once
// the operation has ended.
const lastWords = 30 * time.Second

// stream sends server-sent events. One goroutine writes until close, so that an
// operation never waits for its client.
type stream struct {
	w      http.ResponseWriter
	log    *slog.Logger
	wait   chan message
	once   sync.Once
	closed chan struct{}
	done   chan struct{} // closed when the goroutine has ended
}

// message is one server-sent event.
type message struct {
	kind  string
	value any
}

// newStream begins an answer with the event "started".
func newStream(w http.ResponseWriter, log *slog.Logger, begin started) *stream {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	s := &stream{w: w, log: log, wait: make(chan message, maxWaiting), closed: make(chan struct{}), done: make(chan struct{})}
	s.wait <- message{"started", begin}
	go s.run()
	return s
}

func (s *stream) run() {
	defer close(s.done)
	for {
		select {
		case m := <-s.wait:
			s.send(m)
		case <-s.closed:
			for len(s.wait) > 0 {
				s.send(<-s.wait)
			}
			return
		}
	}
}

// event takes one event; it never waits. An event after close is discarded.
func (s *stream) event(e api.Event) {
	select {
	case s.wait <- message{"progress", e}:
	default:
	}
}

// close sends the messages that wait. It may be called more than once.
func (s *stream) close() {
	s.once.Do(func() {
		hurry(s.w, s.log)
		close(s.closed)
	})
	<-s.done
}

// end closes the stream with its last message.
func (s *stream) end(kind string, v any) {
	s.close()
	s.send(message{kind, v})
}

// send sends one message. A client that has gone ends the request's context,
// and with it the operation: its error is only logged.
func (s *stream) send(m message) {
	text, err := json.Marshal(m.value)
	if err != nil {
		s.log.Error("encode an event", "kind", m.kind, "err", err)
		return
	}
	if _, err := fmt.Fprintf(s.w, "event: %s\ndata: %s\n\n", m.kind, text); err != nil {
		s.log.Debug("the client has gone", "err", err)
		return
	}
	if err := http.NewResponseController(s.w).Flush(); err != nil {
		s.log.Debug("the client has gone", "err", err)
	}
}

// hurry ends an answer soon, however slowly its client reads.
func hurry(w http.ResponseWriter, log *slog.Logger) {
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(lastWords)); err != nil {
		log.Debug("limit the rest of an answer", "err", err)
	}
}
