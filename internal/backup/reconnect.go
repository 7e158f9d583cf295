package backup

import (
	"context"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// line is the terminal line of one attempt. If a session is lost after it has saved a
// file, a new one replaces it immediately, but only once: a long copy can take longer
// than the idle timeout of the VTY.
type line struct {
	Device
	job    job
	useful bool   // a file was kept since the session began
	lost   bool   // the session is gone
	config []byte // the running-config, once it was read
}

// logIn opens the line.
func (j job) logIn(ctx context.Context) (*line, error) {
	l := &line{job: j}
	return l, l.dial(ctx)
}

func (l *line) dial(ctx context.Context) error {
	l.job.tell(api.Event{Device: l.job.device.Name, Step: api.StepLogin})
	d, err := l.job.Dial(ctx, l.job.device)
	if err == nil {
		l.Device, l.useful, l.lost = d, false, false
	}
	return err
}

// hangUp ends the session. All that had to be read was read: an error here
// changes nothing, and is only logged.
func (l *line) hangUp() {
	if err := l.Close(); err != nil {
		l.job.log().Debug("close terminal", "device", l.job.device.Name, "err", err)
	}
}

// try is one file that is taken over a line, and how the last try ended.
type try struct {
	taken
	err    error
	wanted api.File
	begun  bool
}

// again reports whether the file has to be tried: at first, and once more if the
// session was lost after it had been of use. It logs in anew where the session is lost.
func (l *line) again(ctx context.Context, t *try) bool {
	if t.begun {
		failed := cause.Of(t.err) == cause.SessionLost
		l.lost = failed || t.sessionLost
		if t.err == nil {
			l.useful = true
			l.job.tell(l.job.event(api.StepKept, t.file))
		}
		if !failed || !l.useful || ctx.Err() != nil {
			return false
		}
	}
	t.begun = true
	if l.lost {
		l.hangUp()
		t.taken, t.err = taken{file: t.wanted}, l.dial(ctx)
	}
	return t.err == nil
}

// RunningConfig reads the running-config once in an attempt: it says which files
// to save, and is one of them.
func (l *line) RunningConfig(ctx context.Context) ([]byte, error) {
	if l.config != nil {
		return l.config, nil
	}
	config, err := l.Device.RunningConfig(ctx)
	if err != nil {
		l.lost = l.lost || cause.Of(err) == cause.SessionLost
		return nil, err
	}
	l.config = config
	return config, nil
}
