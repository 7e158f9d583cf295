package catalog

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Select returns those of all devices that s selects. Names in s that are not
// among them are an ErrNotFound that lists them all.
func Select(all []api.Device, s api.Select) ([]api.Device, error) {
	known := make(map[string]bool, len(all))
	for _, d := range all {
		known[d.Name] = true
	}
	wanted := make(map[string]bool, len(s.Names))
	var unknown []error
	for _, name := range s.Names {
		if !known[name] && !wanted[name] {
			unknown = append(unknown, NotFound(all, name))
		}
		wanted[name] = true
	}
	if len(unknown) > 0 {
		return nil, errors.Join(unknown...)
	}
	return slices.DeleteFunc(slices.Clone(all), func(d api.Device) bool {
		return len(wanted) > 0 && !wanted[d.Name] || s.Group != "" && d.Group != s.Group || s.Site != "" && d.Site != s.Site
	}), nil
}

// NotFound returns the ErrNotFound for a name that is not among all devices,
// with the names that were perhaps meant.
func NotFound(all []api.Device, name string) error {
	err := fmt.Errorf("device %q is %w", name, ErrNotFound)
	if len(all) == 0 {
		return cause.WithFix(fmt.Errorf("%w, which is empty", err), api.Say("add one: ").Do("device add", "NAME").With("address", "HOST"))
	}
	names := closest(all, name)
	if len(names) == 0 {
		return cause.WithFix(err, api.Say("see what it has: ").Do("device list"))
	}
	return fmt.Errorf("%w; did you mean %s?", err, strings.Join(names, ", "))
}

// closest returns up to three names within a few typing errors of name,
// nearest first.
func closest(all []api.Device, name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	limit := max(1, min(3, len(name)/3))
	for _, d := range all {
		if n := distance(strings.ToLower(d.Name), strings.ToLower(name)); n <= limit {
			found = append(found, candidate{d.Name, n})
		}
	}
	slices.SortStableFunc(found, func(a, b candidate) int { return a.distance - b.distance })
	var names []string
	for _, f := range found[:min(3, len(found))] {
		names = append(names, f.name)
	}
	return names
}

// distance is the Levenshtein distance of two texts in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
