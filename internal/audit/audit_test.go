package audit

import (
	"slices"
	"testing"
	"time"

	"flashwarden/api"
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
