package ios_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/cause"
	"flashwarden/internal/ios"
	"flashwarden/internal/vty"
)

// FuzzDialogue tests a device that prints anything during a copy. The copy
// ends, a failure has a cause, and no dangerous question gets a yes.
func FuzzDialogue(f *testing.F) {
	for _, text := range []string{
		"Source filename []?", "Do you want to over write? [confirm]", "Copy 'x' from Flash to server\n  as 'x'? [yes/no]",
		"Erase flash: before copying? [confirm]", "%LINK-3-UPDOWN: x, changed state to upDestination filename [x]?", "--More--", "SW1#\n", "\x1b[2J\a\xff\xfb\x01?",
	} {
		f.Add(text, text)
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		for _, c := range []ios.Copy{ios.Backup, ios.Restore} {
			steps := []step{{first, true}, {second, true}, {"!!!!\n10 bytes copied in 1.0 secs\n", false}}
			typed := play(t, 1, disturb{}, "SW1#", steps, func(t *testing.T, cfg vty.Config) {
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Hour, cause.New(cause.Stalled, "nothing moves", nil))
				defer cancel()
				line, err := vty.Dial(ctx, cfg)
				if err != nil {
					t.Fatal(err)
				}
				defer line.Close()
				if _, err := line.RunLong(ctx, c.Command(), 0, c.Answer); err != nil && cause.Of(err) == cause.Internal {
					t.Errorf("no cause: %v", err)
				}
			})
			printed := strings.ToLower(first + second)
			if slices.Contains(typed, "yes") && !strings.Contains(printed, "copy '") || slices.Contains(typed, "y") && !strings.Contains(printed, "write file") {
				t.Errorf("%s: typed %q to %q and %q", c.Command(), typed, first, second)
			}
		}
	})
}
