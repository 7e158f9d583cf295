package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"syscall"

	"flashwarden/internal/logqueue"
	"flashwarden/internal/terminal"
)

// log returns the log: text for a person, JSON for a service without a terminal.
func (p *program) log() *slog.Logger {
	o := &slog.HandlerOptions{Level: slog.LevelWarn}
	switch {
	case p.verbose:
		o.Level = slog.LevelDebug
	case p.service: // a daemon records who asked for which operation
		o.Level = slog.LevelInfo
	}
	if !logsJSON(p) {
		return slog.New(slog.NewTextHandler(logWriter(p), o))
	}
	journal := inJournal(p)
	o.ReplaceAttr = func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case journal && len(groups) == 0 && a.Key == slog.TimeKey:
			return slog.Attr{} // the journal has the time of each line
		case a.Value.Kind() == slog.KindDuration:
			return slog.String(a.Key, a.Value.Duration().String()) // not a number of nanoseconds
		}
		return a
	}
	return slog.New(slog.NewJSONHandler(logWriter(p), o))
}

func logsJSON(p *program) bool { return p.service && !terminal.IsTerminal(p.err) }

func logWriter(p *program) io.Writer {
	if p.logTo != nil {
		return p.logTo
	}
	return p.err
}

// inJournal reports whether standard error is the journal of systemd: systemd.exec(5),
// $JOURNAL_STREAM.
func inJournal(p *program) bool {
	var st syscall.Stat_t
	err := syscall.Fstat(int(os.Stderr.Fd()), &st)
	return err == nil && p.getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// queueLog lets the log lines of a service pass through a queue, so that a reader
// that stops does not stop the service. end writes the rest. Lines that nobody
// reads then are lost, and nobody would read a message about them either.
func (p *program) queueLog() (end func()) {
	q := logqueue.New(p.err)
	p.logTo = q
	return func() { _ = q.Close() }
}
