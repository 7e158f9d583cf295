package terminal

import (
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
)

// Inventory is how an import changes the inventory, for people.
type Inventory api.InventoryDiff

// Format returns a line for each device that changes, and a summary. Settings that all
// new devices have are one line.
func (d Inventory) Format(l Layout) string {
	changes := slices.Clone(d.Changes)
	slices.SortStableFunc(changes, func(a, b api.InventoryChange) int { return api.CompareNames(a.Device, b.Device) })
	counts := map[string]int{}
	var b strings.Builder
	shared := sharedSettings(changes)
	if len(shared) > 0 {
		b.WriteString(l.Prose("", "every new device: "+settingsText(api.InventoryChange{Change: api.InventoryAdded, Settings: shared})))
	}
	for _, c := range changes {
		counts[c.Change]++
		sign, tone := "+", Good
		switch c.Change {
		case api.InventoryAdded:
			c.Settings = slices.DeleteFunc(slices.Clone(c.Settings), func(s api.SettingChange) bool { return slices.Contains(shared, s) })
		case api.InventoryChanged:
			sign, tone = "~", Warn
		case api.InventoryRemoved:
			sign, tone = "-", Bad
		case api.InventoryExtra, api.InventoryKept:
			continue
		}
		b.WriteString(l.Prose("", strings.TrimSpace(l.Palette.Paint(tone, sign+" "+OneLine(c.Device))+"  "+settingsText(c))))
	}
	verb := ""
	if d.DryRun {
		verb = "dry run: "
	}
	summary := fmt.Sprintf("%s%d added, %d changed, %d removed; %d unchanged", verb, counts[api.InventoryAdded], counts[api.InventoryChanged], counts[api.InventoryRemoved], d.Unchanged)
	if n := counts[api.InventoryExtra]; n > 0 {
		summary += api.Say("; %s not in the list, kept (", Count(n, "device")).Option("prune", "").Say(" removes)").String()
	}
	if n := counts[api.InventoryKept]; n > 0 {
		summary += fmt.Sprintf("; %s added by hand or by other lists, kept", Count(n, "device"))
	}
	b.WriteString(l.Palette.Paint(Strong, summary) + "\n")
	if counts[api.InventoryAdded] > 0 && !d.DryRun {
		b.WriteString(l.Prose("", "next: "+api.Do("device test").With("all", "").Say(" logs in to each device and reads facts only").String()))
	}
	return b.String()
}

// sharedSettings returns the settings that all new devices have, if there are several.
func sharedSettings(changes []api.InventoryChange) []api.SettingChange {
	var shared []api.SettingChange
	added := 0
	for _, c := range changes {
		if c.Change != api.InventoryAdded {
			continue
		}
		if added++; added == 1 {
			shared = slices.Clone(c.Settings)
		}
		shared = slices.DeleteFunc(shared, func(s api.SettingChange) bool { return !slices.Contains(c.Settings, s) })
	}
	if added < 2 {
		return nil
	}
	return shared
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
