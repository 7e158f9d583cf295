package https

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"flashwarden/internal/spool"
	"flashwarden/tftp"
)

// serve answers one request.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	c := http.NewResponseController(w)
	if c.SetReadDeadline(time.Now().Add(s.Idle)) != nil { // it also limits how long the rest of a refused body is read
		return
	}
	var status int
	var why string
	if r.Method == http.MethodGet {
		status, why = s.get(w, c, r)
	} else {
		status, why = s.put(c, r)
	}
	switch status {
	case 0: // answered
		return
	case http.StatusUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="flashwarden"`)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodGet+", "+http.MethodPut)
	}
	level := slog.LevelDebug // a client asks without a password first, and may ask again and again
	if status != http.StatusUnauthorized || r.Header.Get("Authorization") != "" {
		w.Header().Set("Connection", "close") // nothing follows; only who was asked for a password sends the same file again
		level = slog.LevelInfo
	}
	if status != http.StatusCreated {
		_ = c.SetReadDeadline(time.Now().Add(answerTime))
		s.Log.Log(r.Context(), level, "request refused", "remote", r.RemoteAddr, "method", fmt.Sprintf("%.20s", r.Method), "status", status, "err", why)
	}
	w.WriteHeader(status)
	if why != "" {
		_, _ = io.WriteString(w, why+"\n") // the status says it too
	}
}

// put receives the file of a request, of every method but GET. It returns the status of the answer, and the reason
// if that is no success.
func (s *Server) put(c *http.ResponseController, r *http.Request) (status int, why string) {
	switch {
	case r.Method != http.MethodPut:
		return http.StatusMethodNotAllowed, "only GET and PUT"
	case r.Header.Get("Content-Range") != "":
		return http.StatusBadRequest, "only whole files"
	case r.Header.Get("Content-Encoding") != "":
		return http.StatusUnsupportedMediaType, "only files as they are"
	}
	out, err := s.Store.Put(request(r))
	if err != nil {
		return answer(err)
	}
	if err := s.receive(c, r.Body, out); err != nil {
		out.Abort(err)
		return answer(err)
	}
	if err := out.Commit(); err != nil {
		return answer(err)
	}
	return http.StatusCreated, ""
}

// request returns what a request asks for. The path and the user are both the name of the
// ticket.
func request(r *http.Request) spool.Put {
	user, password, _ := r.BasicAuth()
	p := spool.Put{Name: user, Password: password, Size: r.ContentLength}
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		p.From = at.Addr()
	}
	if strings.TrimLeft(r.URL.Path, "/") != user && user != "" {
		p.Password = "" // no ticket has this one
	}
	return p
}

// slowest is what a client must send within Idle, in bytes.
const slowest = 1 << 10

// receive writes the body of a request to out.
func (s *Server) receive(c *http.ResponseController, body io.Reader, out io.Writer) error {
	piece := make([]byte, 16<<10) // TLS gives no more at once: RFC 8446 section 5.1
	arrived, since := 0, time.Now()
	for {
		n, err := body.Read(piece)
		if n > 0 {
			if _, err := out.Write(piece[:n]); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if arrived += n; arrived < slowest || time.Since(since) < s.Idle/64 {
			continue
		}
		arrived, since = 0, time.Now()
		if err := c.SetReadDeadline(since.Add(s.Idle)); err != nil {
			return err
		}
	}
}

// answer returns the status for an error, and its reason in the words for the device.
func answer(err error) (status int, why string) {
	var e *tftp.Error
	switch {
	case errors.Is(err, spool.ErrUnauthorised):
		return http.StatusUnauthorized, "not expected"
	case !errors.As(err, &e):
		return http.StatusBadRequest, "the file did not arrive whole"
	case e.Code == tftp.CodeAccess:
		return http.StatusForbidden, e.Message
	case e.Code == tftp.CodeDiskFull:
		return http.StatusInsufficientStorage, e.Message
	}
	return http.StatusConflict, e.Message
}
