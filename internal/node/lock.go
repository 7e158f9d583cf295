package node

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Turn says how a process waits until it may serve the data directory. The zero
// Turn does not wait.
type Turn struct {
	Holder  string              // who this process is, for others that wait: "flashwarden backup"; empty: "flashwarden"
	Wait    time.Duration       // how long to wait for the process that serves the directory
	Waiting func(holder string) // is called once when the waiting begins, with that process in words; nil: discard
}

// retryLock is how often a process that waits looks whether the lock is free.
const retryLock = 200 * time.Millisecond

// takeLock makes this process the one that serves the data directory. The
// lock ends with the process, however it ends.
func takeLock(ctx context.Context, path string, turn Turn) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w", err)
	}
	if err := awaitLock(ctx, f, turn); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := writeHolder(f, turn.Holder); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), f.Close())
	}
	return f, nil
}

// awaitLock locks f, and waits as long as turn says.
func awaitLock(ctx context.Context, f *os.File, turn Turn) error {
	begun := time.Now()
	waiting := false
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return nil
		}
		holder, readErr := os.ReadFile(f.Name())
		if !errors.Is(err, unix.EWOULDBLOCK) || readErr != nil {
			return fmt.Errorf("lock the data directory: %w", errors.Join(err, readErr))
		}
		held := strings.TrimSpace(string(holder))
		if !waiting && turn.Wait > 0 && turn.Waiting != nil {
			turn.Waiting(held)
		}
		waiting = true
		left := turn.Wait - time.Since(begun)
		if left <= 0 {
			return inUse(held, turn.Wait)
		}
		select {
		case <-time.After(min(retryLock, left)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// inUse is the error of a data directory that another process serves.
func inUse(holder string, waited time.Duration) error {
	seen := "the data directory is in use by " + holder
	if waited > 0 {
		seen += fmt.Sprintf("; waited %s for it", waited)
	}
	return cause.New(cause.Internal, seen, api.Say("wait until it has ended, for example with ").Option("wait", "10m"))
}

// writeHolder says in the lock file who holds it, and since when.
func writeHolder(f *os.File, holder string) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt(fmt.Appendf(nil, "%s, process %d, since %s\n",
		cmp.Or(holder, "flashwarden"), os.Getpid(), time.Now().Format("2006-01-02 15:04:05 MST")), 0)
	return err
}
