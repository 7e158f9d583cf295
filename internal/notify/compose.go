package notify

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

// identity is the same for one message whenever it is sent.
func identity(target string, m message) string {
	h := sha256.New()
	fmt.Fprintf(h, "%s %s\n", target, m.event)
	for _, n := range slices.Concat(m.put, m.forget) {
		at := n.Began
		if m.event == api.NotifySummary {
			at = n.Sent
		}
		fmt.Fprintf(h, "%s %s %d\n", n.Event, n.Subject, at.UnixMilli())
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// shortened returns the first items in natural order, at most so many, and how many are left out.
func shortened(items []api.NotifyItem, most int) (first []api.NotifyItem, more int) {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b api.NotifyItem) int {
		return cmp.Or(api.CompareNames(a.Subject, b.Subject), cmp.Compare(a.Event, b.Event))
	})
	if len(items) > most {
		return items[:most], len(items) - most
	}
	return items, 0
}

// compose writes a message about items for people.
func compose(m message, items []api.NotifyItem, more int, v View) api.Notification {
	n := api.Notification{Event: m.event, Time: v.Time.UTC(), Items: items, More: more}
	n.Title = title(m.event, items, len(items)+more)
	n.Text = list(items, more, m.event == api.NotifyRecovered)
	return n
}

// titles are what one or several subjects of an event have in common.
var titles = map[string]struct{ one, many string }{
	api.NotifyFailed:       {"%s: the backup failed", "%d backups failed"},
	api.NotifyAtRisk:       {"%s is not protected", "%d devices are not protected"},
	api.NotifyImageMissing: {"%s runs an image that is not in the vault", "%d devices run an image that is not in the vault"},
	api.NotifyImageDiffers: {"%s is not the published image", "%d images are not the published ones"},
	api.NotifyCareFailed:   {"%s failed or is late", "%d tasks failed or are late"},
	api.NotifyRecovered:    {"%s is in order again", "%d problems have ended"},
	api.NotifyTesting:      {"%s: a test", "%d tests"},
}

func title(event string, items []api.NotifyItem, all int) string {
	words := titles[event]
	if all == 1 {
		return fmt.Sprintf(words.one, shown(items[0]))
	}
	return fmt.Sprintf(words.many, all)
}

// shown is the name of an item for people.
func shown(i api.NotifyItem) string {
	if i.Device != "" {
		return i.Device
	}
	if len(i.Subject) == sha256.Size*2 {
		return "image " + i.Subject[:12] + "…"
	}
	return strings.Replace(strings.TrimPrefix(i.Subject, "/"), "/", " ", 1)
}

// ended says which condition has ended.
var ended = map[string]string{
	api.NotifyFailed:       "the backup succeeds again",
	api.NotifyAtRisk:       "is protected again",
	api.NotifyImageMissing: "the vault has its image",
	api.NotifyImageDiffers: "no longer differs from the published image",
	api.NotifyCareFailed:   "succeeds again",
}

// list writes items in lines.
func list(items []api.NotifyItem, more int, recovered bool) string {
	var b strings.Builder
	for _, i := range items {
		message := i.Message
		if recovered {
			message = ended[i.Event]
		}
		if i.Cause != "" && !recovered {
			message = string(i.Cause) + ": " + message
		}
		fmt.Fprintf(&b, "%s: %s\n", shown(i), oneLine(message))
		if i.Hint != "" && !recovered {
			fmt.Fprintf(&b, "  next: %s\n", oneLine(i.Hint))
		}
	}
	if more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	return b.String()
}

// oneLine makes a text of any origin safe for one line.
func oneLine(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return '?'
		}
		return r
	}, text)
	return strings.Join(strings.Fields(text), " ")
}

// Part is a part of the daily summary.
type Part struct {
	Head  string
	Items []api.NotifyItem
	More  int // so many further ones are not in Items
}

// Summarize writes the daily summary. The parts are in the order of their importance.
func Summarize(s api.StatusSummary, parts []Part, at time.Time) api.Notification {
	n := api.Notification{Event: api.NotifySummary, Time: at.UTC(), Summary: &s}
	switch {
	case s.Devices == 0:
		n.Title = "There are no devices"
	case s.AtRisk == 0:
		n.Title = fmt.Sprintf("All %d devices are protected", s.Devices)
	default:
		n.Title = fmt.Sprintf("%d of %d devices are at risk", s.AtRisk, s.Devices)
	}
	var b strings.Builder
	for _, p := range parts {
		if len(p.Items) == 0 {
			continue
		}
		items, more := shortened(p.Items, api.MostNamed)
		n.Items, n.More = append(n.Items, items...), n.More+more+p.More
		fmt.Fprintf(&b, "%s (%d):\n%s\n", p.Head, len(p.Items)+p.More, list(items, more+p.More, false))
	}
	fmt.Fprintf(&b, "%d devices: %d protected, %d at risk; the last backup of %d failed\n", s.Devices, s.Protected, s.AtRisk, s.Failed)
	n.Text = b.String()
	return n
}

// notices are those of one target.
func notices(all []catalog.Notice, target string) (some []catalog.Notice) {
	for _, n := range all {
		if n.Target == target {
			some = append(some, n)
		}
	}
	return some
}
