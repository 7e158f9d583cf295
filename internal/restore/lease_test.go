package restore_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
)

// TestLostLease takes the device away from a restore, before each of its steps: it types
// nothing more, and says what it has done and what to look at.
func TestLostLease(t *testing.T) {
	t.Parallel()
	first := newBench(t, "c2950", api.PolicyRebuild)
	lostBefore := func(step int, done string) func(*testing.T) {
		return func(t *testing.T) {
			b := first.another(t, "c2950", iossim.Faults{})
			b.remove("flash:/vlan.dat")
			b.remove("flash:/config.text")
			p := b.plan(api.Restore{}, "vlan.dat", "config.text")
			asked, typed := 0, 0
			ctx := catalog.Fenced(t.Context(), func(context.Context) error {
				if asked++; asked <= step {
					return nil
				}
				typed = len(b.changes())
				return fmt.Errorf("%w: sw1", catalog.ErrLeaseLost)
			})
			r := b.runner().Apply(ctx, b.device, b.snapshot, p, nil)
			if r.Status == api.StatusOK || r.Cause != cause.Cancelled || !strings.Contains(r.Message, "another process may work on") || !strings.Contains(r.Message, done) || !strings.Contains(r.Hint, "jobs") {
				t.Errorf("result %q %q: %q, hint %q; want %q in it", r.Status, r.Cause, r.Message, r.Hint, done)
			}
			if asked != step+1 || len(b.changes()) != typed {
				t.Errorf("asked %d times; typed afterwards: %q", asked, b.changes()[typed:])
			}
		}
	}
	cases(t, map[string]func(*testing.T){
		"before the first step":  lostBefore(0, ""),
		"before the second step": lostBefore(1, "is restored"),
	})
}
