package terminal

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// dryRun reports whether the results are plans.
func (r Results) dryRun() bool {
	return slices.ContainsFunc(r, func(r api.BackupResult) bool { return r.Plan != nil })
}

// plans are the plans of all devices that have one.
func (r Results) plans() (list []*api.BackupPlan) {
	for _, one := range r {
		if one.Plan != nil {
			list = append(list, one.Plan)
		}
	}
	return list
}

// plannedBytes says how much all plans copy together.
func (r Results) plannedBytes() string {
	plans := r.plans()
	if len(plans) < 2 {
		return "" // the plan says it
	}
	var most int64
	for _, p := range plans {
		most += p.Bytes
	}
	if likely := api.Likely(plans...); likely < most {
		return fmt.Sprintf("; would copy at most %s, probably %s: an image that the vault or another device has is not copied again", Bytes(most), Bytes(likely))
	}
	return "; " + wouldCopy(plans...) + Bytes(most)
}

// wouldCopy begins the bytes to copy. Where the last backup has digests, a file that looks
// changed may still be the same.
func wouldCopy(plans ...*api.BackupPlan) string {
	if slices.ContainsFunc(plans, func(p *api.BackupPlan) bool { return p.Known > 0 && p.Bytes > 0 }) {
		return "would copy at most "
	}
	return "would copy "
}

// formatPlans returns the plan of each device: a line, and the commands only of a single
// device or if the user wants them.
func (r Results) formatPlans(l Layout) string {
	if len(r.plans()) > 1 && !l.Verbose {
		return "\n" + r.planTable().Format(l) + "\n" +
			l.Prose("", fmt.Sprintf("%s free here. To see the commands, add -v, or name one device.", Bytes(r.plans()[0].Free)))
	}
	var b strings.Builder
	for _, one := range r {
		if one.Plan != nil {
			b.WriteString(formatPlan(one, l))
		}
	}
	return b.String()
}

// planTable has a line for each device.
func (r Results) planTable() Table {
	t := Table{Columns: []Column{{Head: "DEVICE", Keep: true}, {Head: "STATUS"}, {Head: "FILES", Right: true}, {Head: "COPY AT MOST", Right: true},
		{Head: "PROBABLY", Right: true}, {Head: "UNCHANGED", Right: true}, {Head: "IMAGE"}}}
	fewer := slices.ContainsFunc(r.plans(), func(p *api.BackupPlan) bool { return api.Likely(p) < p.Bytes })
	for _, one := range r {
		if one.NotTried {
			continue
		}
		row := make([]Cell, 5)
		if p := one.Plan; p != nil {
			row = Texts(fmt.Sprint(len(p.Copies)), Bytes(p.Bytes), Bytes(api.Likely(p)), Bytes(p.Known), imageName(one))
		}
		if !fewer {
			row[2] = Cell{} // the same number twice says nothing
		}
		t.Rows = append(t.Rows, append([]Cell{{Text: one.Device}, {Text: status(one), Tone: tone(one)}}, row...))
	}
	return t
}

// formatPlan returns the plan of one device, with its commands. A block above it says what else
// is to know about the device.
func formatPlan(r api.BackupResult, l Layout) string {
	text := wouldCopy(r.Plan) + ExactBytes(r.Plan.Bytes)
	if likely := api.Likely(r.Plan); likely < r.Plan.Bytes {
		text = fmt.Sprintf("would copy at most %s, probably %s: the vault has an image of the same size", ExactBytes(r.Plan.Bytes), Bytes(likely))
	}
	if r.Plan.Known > 0 {
		text += "; " + Bytes(r.Plan.Known) + " unchanged since the last backup"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s: plan\n", OneLine(r.Device))
	b.WriteString(l.Prose("  ", text+"; "+Bytes(r.Plan.Free)+" free here"))
	for _, c := range r.Plan.Commands {
		b.WriteString("    " + OneLine(c) + "\n")
	}
	return b.String()
}
