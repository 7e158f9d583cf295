package terminal

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// Inventory is how an import changes the inventory, for people.
type Inventory api.InventoryDiff

// Format returns a line for each device that changes, and a summary.
func (d Inventory) Format(l Layout) string {
	changes := slices.Clone(d.Changes)
	slices.SortStableFunc(changes, func(a, b api.InventoryChange) int { return api.CompareNames(a.Device, b.Device) })
	counts := map[string]int{}
	var b strings.Builder
	for _, c := range changes {
		counts[c.Change]++
		sign, tone := "+", Good
		switch c.Change {
		case api.InventoryChanged:
			sign, tone = "~", Warn
		case api.InventoryRemoved:
			sign, tone = "-", Bad
		case api.InventoryExtra:
			continue
		}
		b.WriteString(l.Prose("", strings.TrimSpace(l.Palette.Paint(tone, sign+" "+OneLine(c.Device))+"  "+settingsText(c))))
	}
	verb := ""
	if d.DryRun {
		verb = "would be "
	}
	summary := fmt.Sprintf("%s%d added, %d changed, %d removed; %d unchanged", verb, counts[api.InventoryAdded], counts[api.InventoryChanged], counts[api.InventoryRemoved], d.Unchanged)
	if n := counts[api.InventoryExtra]; n > 0 {
		summary += api.Say("; %s not in the list, kept (", Count(n, "device")).Option("prune", "").Say(" removes)").String()
	}
	return b.String() + l.Palette.Paint(Strong, summary) + "\n"
}

// settingsText lists the settings of an added device, or the changes of another.
func settingsText(c api.InventoryChange) string {
	var list []string
	for _, s := range c.Settings {
		name := strings.ReplaceAll(s.Name, "_", "-")
		switch {
		case s.From == "" && s.To == "":
			list = append(list, name+" changed")
		case c.Change == api.InventoryAdded:
			list = append(list, name+" "+OneLine(s.To))
		default:
			list = append(list, fmt.Sprintf("%s %s -> %s", name, cellOf(s.From), cellOf(s.To)))
		}
	}
	return strings.Join(list, ", ")
}

// cellOf is a value that may be empty.
func cellOf(s string) string {
	if s == "" {
		return "(none)"
	}
	return OneLine(s)
}
