package terminal

import (
	"fmt"
	"strings"

	"flashwarden/api"
)

// FormatNotifySent names the targets that got a test message.
func FormatNotifySent(results []api.NotifyTestResult) string {
	var b strings.Builder
	for _, r := range results {
		if r.OK {
			fmt.Fprintf(&b, "%s: sent (%s)\n", Printable(r.Name), r.Type)
		}
	}
	return b.String()
}

// FormatNotifyFailure says why a target did not get a test message, and what to do.
func FormatNotifyFailure(r api.NotifyTestResult, l Layout) string {
	text := l.Prose("", fmt.Sprintf("%s: not sent: %s", Printable(r.Name), Printable(r.Message)))
	if r.Hint != "" {
		text += l.Prose("  ", "next: "+Printable(r.Hint))
	}
	return text
}
