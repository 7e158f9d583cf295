package terminal

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// Report is the result of doctor, for people.
type Report api.Report

// Format returns a summary, each check, and a block for each problem. Problems stand
// before the checks that passed.
func (r Report) Format(l Layout) string {
	var b strings.Builder
	b.WriteString(r.summary(l, len(r.Remarks)))
	for _, part := range []struct {
		tone   Tone
		word   string
		checks []string
	}{{Warn, "note", r.Remarks}, {Faint, "not checked", r.Skipped}, {Good, "ok", r.Notes}} {
		checks := part.checks
		if !l.Verbose {
			checks = alike(checks)
		}
		for _, check := range checks {
			b.WriteString(l.Prose("", l.Palette.Paint(part.tone, part.word)+"  "+OneLine(check)))
		}
	}
	return b.String() + r.blocks(l)
}

// mostAlike is how many checks that differ only in names and numbers are printed without -v.
const mostAlike = 2

// alike returns checks, and of those that differ only in names and numbers the first one: a
// fleet has the same check for each device.
func alike(checks []string) []string {
	count := map[string]int{}
	for _, check := range checks {
		count[pattern(check, "")]++
	}
	var list []string
	for _, check := range checks {
		switch n := count[pattern(check, "")]; {
		case n > mostAlike:
			list = append(list, fmt.Sprintf("%s; and %d more like this (-v prints all)", check, n-1))
			count[pattern(check, "")] = 0
		case n > 0:
			list = append(list, check)
		}
	}
	return list
}

// Problems returns a summary and the blocks of the problems. It is empty if there
// are none.
func (r Report) Problems(l Layout) string {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.summary(l, 0) + r.blocks(l)
}

// summary says how many problems there are, and how many notes follow.
func (r Report) summary(l Layout, notes int) string {
	found := "no problems found"
	if n := len(r.Findings); n > 0 {
		found = Count(n, "problem") + " found"
	}
	if notes > 0 {
		found += ", and " + Count(notes, "note") + " to read"
	}
	return l.Palette.Paint(Strong, found) + "\n"
}

// blocks returns a block for each problem: the observation, and numbered steps. The
// lines to type are never broken. Devices with the same problem share a block.
func (r Report) blocks(l Layout) string {
	var b strings.Builder
	for _, same := range r.grouped() {
		f, next := same.first, "next: "
		problem := l.Palette.Paint(Bad, label(f.Cause))
		if len(same.devices) == 1 {
			b.WriteString("\n" + l.Prose("", problem+": "+OneLine(f.Seen)))
		} else {
			b.WriteString("\n" + l.Prose("", problem+" on "+Count(len(same.devices), "device")+": "+same.names(api.Do("doctor").With("all", "").With("json", ""))))
			b.WriteString(l.Prose("  ", "for example "+OneLine(f.Seen)))
			next = "next, for " + f.Device + ": "
		}
		if f.Hint != "" {
			b.WriteString(l.Prose("  ", Printable(next+f.Hint)))
			continue
		}
		for i, step := range stepsOf(f, l) {
			b.WriteString(fmt.Sprintf("  %d. ", i+1) + step)
		}
	}
	return b.String()
}

// label is the first word of the block of a problem. No cause but internal leads to a page.
func label(c api.Cause) string {
	if c == "internal" {
		return "problem"
	}
	return string(c)
}

// sameFindings are findings with one cause and one next step, each of another device.
type sameFindings struct {
	group
	first api.Finding
}

// grouped returns the findings by problem, in the order of the first of each.
func (r Report) grouped() []*sameFindings {
	var list []*sameFindings
	for _, f := range r.Findings {
		key := strings.Join([]string{string(f.Cause), pattern(f.Fix+" "+f.Hint+" "+f.Then, f.Device)}, "\n")
		i := slices.IndexFunc(list, func(s *sameFindings) bool {
			return s.key == key && f.Device != "" && !slices.Contains(s.devices, f.Device)
		})
		if i < 0 {
			list = append(list, &sameFindings{group: group{key: key}, first: f})
			i = len(list) - 1
		}
		list[i].devices = append(list[i].devices, f.Device)
	}
	return list
}

// stepsOf returns the steps of a finding, each behind its number: the lines to type,
// with what they change, and the step after them.
func stepsOf(f api.Finding, l Layout) []string {
	const indent = "     " // as wide as a number
	var steps []string
	if f.Fix != "" {
		where := f.Where
		if where == api.OnHost {
			where = "this host"
		}
		step := "on " + OneLine(where) + ":\n" + indent + "  " + strings.ReplaceAll(Printable(f.Fix), "\n", "\n"+indent+"  ") + "\n"
		if changes := strings.TrimPrefix(f.Changes, api.NothingChanges); changes != "" {
			step += l.Prose(indent, "("+OneLine(changes)+")")
		}
		steps = append(steps, step)
	}
	if f.Then != "" {
		steps = append(steps, strings.TrimPrefix(l.Prose(indent, OneLine(f.Then)), indent))
	}
	return steps
}
