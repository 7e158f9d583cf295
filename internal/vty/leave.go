package vty

import (
	"context"
	"errors"
	"io"
	"net"
	"time"
)

const (
	// leaveTime limits the end of a session: the stop of a running command and
	// the logout.
	leaveTime = 3 * time.Second

	// exits is the number of times that we type exit: out of two modes of
	// configuration, and once more.
	exits = 3
)

// Close logs out, ends the session and waits for the line's goroutines. It may
// be called more than once. It takes at most leaveTime.
func (l *Line) Close() error {
	var err error
	l.once.Do(func() {
		if l.running.TryLock() { // no command runs
			ctx, cancel := context.WithTimeout(context.Background(), leaveTime)
			l.leave(ctx)
			cancel()
			l.running.Unlock()
		}
		close(l.closed)
		err = l.stream.Close()
	})
	<-l.pumped
	if errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) { // the device closed it first
		return nil
	}
	return err
}

// leave logs out of a device that waits at its prompt. A device has few lines,
// and a console behind a terminal server stays logged in after the connection
// ends. It types nothing anywhere else: at a question, exit and Return would be
// an answer.
func (l *Line) leave(ctx context.Context) {
	for n := 0; n < exits && l.atPrompt; n++ {
		l.atPrompt = false
		l.drain()
		l.screen.clear()
		l.question = ""
		if l.enter(ctx, "exit") != nil {
			return
		}
		l.atPrompt = l.promptAgain(ctx)
	}
}

// promptAgain reads until the device ends the session, or shows a prompt, as
// after the end of a mode of configuration. It needs less certainty than wait:
// what follows is one more exit.
func (l *Line) promptAgain(ctx context.Context) bool {
	for {
		limit := leaveTime
		if l.look().kind == endPrompt && l.echoed {
			limit = promptQuiet
		}
		if err := l.read(ctx, limit, false); err != nil {
			return err == errIdle && limit == promptQuiet
		}
	}
}
