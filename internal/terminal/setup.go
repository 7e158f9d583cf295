package terminal

import (
	"fmt"
	"strings"

	"flashwarden/api"
)

// FormatSetup returns what setup found on a host, and the steps of its plan, with each line that
// it will type. A plan that cannot be done shows why.
func FormatSetup(p api.SetupPlan, l Layout) string {
	var b strings.Builder
	h := p.Host
	say := func(indent, format string, args ...any) {
		b.WriteString(l.Prose(indent, Printable(fmt.Sprintf(format, args...))))
	}
	say("", "This host")
	say("  ", "addresses: %s", orNone(strings.Join(h.Addresses, ", ")))
	say("  ", "data directory: %s, %s free", h.Data, Bytes(h.Free))
	if h.Config != "" {
		say("  ", "configuration: %s", h.Config)
	}
	if h.Service != "" {
		say("  ", "service: %s", h.Service)
	}
	if o := h.Other; o != nil && o.Directory != "" {
		say("  ", "UDP %s: %s, which serves %s in %s (%s)", h.Listen, o.Name, Count(o.Files, "file"), o.Directory, Bytes(o.Bytes))
	}
	for _, remark := range h.Remarks {
		say("  ", "note: %s", remark)
	}
	for _, r := range p.Refusals {
		say("", "%s: %s", l.Palette.Paint(Bad, "refused"), r.Detail)
		if hint := r.Fix.String(); hint != "" {
			say("  ", "next: %s", hint)
		}
	}
	if len(p.Refusals) > 0 {
		say("", "Nothing was changed")
		return b.String()
	}
	say("", "Plan")
	for _, note := range p.Notes {
		say("  ", "%s", note)
	}
	if len(p.Steps) == 0 {
		say("  ", "nothing to change")
	}
	for i, s := range p.Steps {
		say("  ", "%d. %s", i+1, s.What)
		for _, line := range s.Lines {
			fmt.Fprintf(&b, "       %s\n", OneLine(line))
		}
	}
	return b.String()
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

// FormatSetupResult returns what the user needs after a setup: results, rules of the firewall, the
// address of the page, the next step.
func FormatSetupResult(r api.SetupResult, l Layout) string {
	var b strings.Builder
	if len(r.Imported) > 0 {
		b.WriteString(Imports(r.Imported).Failures())
		counts := map[string]int{}
		for _, f := range r.Imported {
			counts[f.Status]++
		}
		fmt.Fprintf(&b, "%s imported, %d known, %d failed\n", Count(counts[api.ImportedNew], "file"), counts[api.ImportedKnown], counts[api.StatusFailed])
	}
	if len(r.Tests) > 0 {
		b.WriteString(Tests(r.Tests).Format(l))
	}
	for _, rules := range r.Firewall {
		b.WriteString(l.Prose("", "\nIf a firewall runs on this host, load these rules; each firewall on the way needs the like:"))
		b.WriteString(rules.Rules)
	}
	b.WriteString("\n")
	if r.Page != "" {
		b.WriteString(l.Prose("", "Page: "+r.Page))
	}
	b.WriteString(l.Prose("", "Next: "+r.Next))
	return strings.TrimLeft(b.String(), "\n")
}
