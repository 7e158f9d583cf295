package warden

import (
	"context"
	"log/slog"
	"time"

	"flashwarden/api"
)

// outcome is how an operation on one device ended.
type outcome struct {
	device, status string
	cause          api.Cause
	message        string
	bytes          int64
	seconds        float64
}

func ofBackup(r api.BackupResult) outcome {
	return outcome{r.Device, r.Status, r.Cause, r.Message, r.BytesCopied, r.Seconds}
}

func ofRestore(r api.RestoreResult) outcome {
	return outcome{r.Device, r.Status, r.Cause, r.Message, r.BytesCopied, r.Seconds}
}

// logResult notifies the watcher of a result, and writes one log line about the device if
// Options.LogResults is set.
func (l *core) logResult(operation string, o outcome) {
	took := time.Duration(o.seconds * float64(time.Second))
	if l.watcher != nil {
		l.watcher.Ended(operation, o.status, o.cause, o.bytes, took)
	}
	if !l.opts.LogResults {
		return
	}
	level := slog.LevelInfo
	args := []any{"operation", operation, "device", o.device, "status", o.status, "bytes", o.bytes, "dur", took}
	if o.cause != "" {
		level = slog.LevelWarn
		args = append(args, "cause", o.cause, "err", o.message)
	}
	l.log().Log(context.Background(), level, operation+" ended", args...)
}
