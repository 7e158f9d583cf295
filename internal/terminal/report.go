package terminal

import (
	"strings"

	"flashwarden/api"
)

// Report is the result of doctor, for people.
type Report api.Report

// Format returns a summary, each check, and a block for each problem.
func (r Report) Format(l Layout) string {
	var b strings.Builder
	b.WriteString(r.summary(l))
	for _, part := range []struct {
		tone   Tone
		word   string
		checks []string
	}{{Good, "ok", r.Notes}, {Warn, "note", r.Remarks}, {Faint, "not checked", r.Skipped}} {
		for _, check := range part.checks {
			b.WriteString(l.Prose("", l.Palette.Paint(part.tone, part.word)+"  "+OneLine(check)))
		}
	}
	return b.String() + r.blocks(l)
}

// Problems returns a summary and the blocks of the problems. It is empty if there
// are none.
func (r Report) Problems(l Layout) string {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.summary(l) + r.blocks(l)
}

func (r Report) summary(l Layout) string {
	found := "no problems found"
	if n := len(r.Findings); n > 0 {
		found = Count(n, "problem") + " found"
	}
	return l.Palette.Paint(Strong, found) + "\n"
}

// blocks returns a block for each problem. The lines to type are never broken.
func (r Report) blocks(l Layout) string {
	var b strings.Builder
	for _, f := range r.Findings {
		where := f.Where
		if where == api.OnHost {
			where = "this host"
		}
		b.WriteString("\n" + l.Prose("", l.Palette.Paint(Bad, string(f.Cause))+": "+OneLine(f.Seen)))
		switch {
		case f.Hint != "":
			b.WriteString(l.Prose("  ", "next: "+Printable(f.Hint)))
		case f.Fix != "":
			b.WriteString("  type on " + where + ":\n    " + strings.ReplaceAll(Printable(f.Fix), "\n", "\n    ") + "\n")
		}
		if f.Changes != "" {
			b.WriteString(l.Prose("  ", "it changes: "+Printable(f.Changes)))
		}
	}
	return b.String()
}
