package audit

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"flashwarden/api"
	"flashwarden/internal/testlevel"
)

// trail returns a whole trail of so many lines.
func trail(t *testing.T, n int) []api.AuditLine {
	t.Helper()
	var lines []api.AuditLine
	before := ""
	for i := range n {
		l := api.AuditLine{Number: int64(i + 1), Time: time.UnixMilli(int64(i)), User: "anna", From: "socket", Operation: "backup", On: []string{"sw1"}, Result: api.AuditAllowed}
		hash, err := Hash(before, l)
		if err != nil {
			t.Fatal(err)
		}
		l.Hash, before = hash, hash
		lines = append(lines, l)
	}
	return lines
}

// TestPlain makes any text one that every catalog keeps, and leaves ordinary ones alone.
func TestPlain(t *testing.T) {
	ordinary := api.AuditLine{User: "token x", From: "192.0.2.7", Operation: "backup", On: []string{"sw1", "flash:/é.bin"}}
	if got := Plain(ordinary); !reflect.DeepEqual(got, ordinary) {
		t.Errorf("%+v", got)
	}
	for range testlevel.Of(30, 300, 30_000) {
		raw := func() string {
			text := make([]byte, rand.IntN(600))
			for i := range text {
				text[i] = byte(rand.IntN(256))
			}
			return string(text)
		}
		on := make([]string, rand.IntN(2*most))
		for i := range on {
			on[i] = raw()
		}
		got := Plain(api.AuditLine{User: raw(), From: raw(), Operation: raw(), On: on})
		for _, text := range append([]string{got.User, got.From, got.Operation}, got.On...) {
			if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) || utf8.RuneCountInString(text) > longest+1 {
				t.Fatalf("%q", text)
			}
		}
		if len(got.On) > most+1 || len(on) > 0 && len(got.On) == 0 {
			t.Fatalf("%d names of %d", len(got.On), len(on))
		}
	}
}

func TestTrail(t *testing.T) {
	forge := func(lines []api.AuditLine, i int) []api.AuditLine {
		hash, err := Hash(lines[i-1].Hash, lines[i])
		if err != nil {
			t.Fatal(err)
		}
		lines[i].Hash = hash
		return lines
	}
	for name, c := range map[string]struct {
		change func([]api.AuditLine) []api.AuditLine
		broken int64
	}{
		"whole":           {func(l []api.AuditLine) []api.AuditLine { return l }, 0},
		"another zone":    {func(l []api.AuditLine) []api.AuditLine { l[2].Time = l[2].Time.In(time.FixedZone("", 3600)); return l }, 0},
		"another user":    {func(l []api.AuditLine) []api.AuditLine { l[2].User = "otto"; return l }, 3},
		"another result":  {func(l []api.AuditLine) []api.AuditLine { l[0].Result = api.AuditRefused; return l }, 1},
		"a line is gone":  {func(l []api.AuditLine) []api.AuditLine { return slices.Delete(l, 1, 2) }, 2},
		"the first, too":  {func(l []api.AuditLine) []api.AuditLine { return l[1:] }, 1},
		"two exchanged":   {func(l []api.AuditLine) []api.AuditLine { l[1], l[2] = l[2], l[1]; return l }, 2},
		"its hash forged": {func(l []api.AuditLine) []api.AuditLine { l[2].User = "otto"; return forge(l, 2) }, 4},
	} {
		t.Run(name, func(t *testing.T) {
			var seen Trail
			lines := c.change(trail(t, 5))
			for _, l := range lines {
				if err := seen.Next(l); err != nil {
					t.Fatal(err)
				}
			}
			got := seen.Result()
			if got.Broken != c.broken || got.Lines != int64(len(lines)) || (got.Detail != "") != (c.broken > 0) {
				t.Errorf("%+v, want the first broken line to be %d", got, c.broken)
			}
			if c.broken == 0 && got.Hash != lines[4].Hash {
				t.Errorf("the hash of the last line is %q", got.Hash)
			}
		})
	}
}
