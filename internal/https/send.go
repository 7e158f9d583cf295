package https

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// get sends the file that a request fetches. It returns the status of the answer and the reason if
// that is no success; otherwise 0.
func (s *Server) get(w http.ResponseWriter, c *http.ResponseController, r *http.Request) (status int, why string) {
	if r.ContentLength != 0 { // net/http would wait for it after the file
		return http.StatusBadRequest, "no body with GET"
	}
	d, err := s.Store.Get(request(r))
	if err != nil {
		return answer(err)
	}
	w.Header().Set("Connection", "close")
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(d.Size(), 10))
	err = s.send(c, w, d)
	if err != nil {
		s.Log.Info("download broke off", "remote", r.RemoteAddr, "err", err)
	}
	d.End(err)
	return 0, ""
}

// send writes a file. The client may take Idle for each piece.
func (s *Server) send(c *http.ResponseController, w io.Writer, file io.Reader) error {
	if err := c.SetReadDeadline(time.Time{}); err != nil { // nothing more is read
		return err
	}
	piece := make([]byte, 16<<10)
	for {
		n, err := file.Read(piece)
		if errors.Is(err, io.EOF) {
			return c.Flush()
		}
		if err != nil {
			return err
		}
		if err := c.SetWriteDeadline(time.Now().Add(s.Idle)); err != nil {
			return err
		}
		if _, err := w.Write(piece[:n]); err != nil {
			return err
		}
	}
}
