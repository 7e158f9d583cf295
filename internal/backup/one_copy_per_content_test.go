package backup

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/internal/cause"
)

// otherProcess has a content, or has it not, as the catalog would know it.
type otherProcess struct{ has atomic.Bool }

func (o *otherProcess) hold(context.Context, string) (release func(), ok bool) {
	if !o.has.CompareAndSwap(false, true) {
		return nil, false
	}
	return func() { o.has.Store(false) }, true
}

// TestContentOfAnotherProcess waits until another process has copied the content, and says once
// that it waits.
func TestContentOfAnotherProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := new(otherProcess)
		other.has.Store(true)
		contents := &Contents{Hold: other.hold}
		time.AfterFunc(time.Hour, func() { other.has.Store(false) })
		begun, waits := time.Now(), 0
		unlock, err := contents.lock(t.Context(), "md5", 7, func() { waits++ })
		if err != nil || waits != 1 {
			t.Fatalf("error %v, %d waits", err, waits)
		}
		if took := time.Since(begun); took < time.Hour || took > time.Hour+askAgain {
			t.Errorf("waited %s", took)
		}
		if !other.has.Load() {
			t.Error("the content is free for other processes")
		}
		unlock()
		if other.has.Load() {
			t.Error("the content stays taken")
		}
	})
}

// TestContentOfAnotherProcessCancelled leaves the content to backups of this process.
func TestContentOfAnotherProcessCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		other := new(otherProcess)
		other.has.Store(true)
		contents := &Contents{Hold: other.hold}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := contents.lock(ctx, "md5", 7, func() {})
		if got := cause.Of(err); got != cause.Cancelled {
			t.Fatalf("error %v, cause %s", err, got)
		}
		other.has.Store(false)
		unlock, err := contents.lock(t.Context(), "md5", 7, func() { t.Error("the content is not free") })
		if err != nil {
			t.Fatal(err)
		}
		unlock()
	})
}
