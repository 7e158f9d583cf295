package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestLockNamesItsHolder wants the second process to learn who serves the
// directory, for what and since when.
func TestLockNamesItsHolder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	first, err := takeLock(t.Context(), path, Turn{Holder: "flashwarden backup"})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	_, err = takeLock(t.Context(), path, Turn{})
	want := fmt.Sprintf(`in use by flashwarden backup, process %d, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d [A-Z+0-9]+`, os.Getpid())
	if err == nil || !regexp.MustCompile(want).MatchString(err.Error()) {
		t.Errorf("%v, want %s", err, want)
	}
}

// TestLockIsAwaited wants a process to get its turn when the other one ends,
// to give up after its time, and to end at once when it is cancelled.
func TestLockIsAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "lock")
		first, err := takeLock(t.Context(), path, Turn{Holder: "flashwarden serve"})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		turn := Turn{Wait: 10 * time.Minute, Waiting: func(holder string) { told = append(told, holder) }}

		began := time.Now()
		if _, err := takeLock(t.Context(), path, turn); err == nil || !strings.Contains(err.Error(), "waited 10m0s") || time.Since(began) != turn.Wait {
			t.Errorf("after %s: %v", time.Since(began), err)
		}
		if len(told) != 1 || !strings.HasPrefix(told[0], "flashwarden serve, process ") {
			t.Errorf("told %q", told)
		}

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := takeLock(ctx, path, turn); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("cancelled: %v", err)
		}

		time.AfterFunc(3*time.Minute, func() { first.Close() })
		second, err := takeLock(t.Context(), path, turn)
		if err != nil {
			t.Fatal(err)
		}
		if err := second.Close(); err != nil {
			t.Error(err)
		}
	})
}
