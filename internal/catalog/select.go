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
// among them are an ErrNotFound that lists them all. where names the catalog,
// for the error.
func Select(where string, all []api.Device, s api.Select) ([]api.Device, error) {
	known := make(map[string]bool, len(all))
	for _, d := range all {
		known[d.Name] = true
	}
	wanted := make(map[string]bool, len(s.Names))
	var unknown []error
	for _, name := range s.Names {
		if !known[name] && !wanted[name] {
			unknown = append(unknown, NotFound(where, all, name))
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

// NotFound returns the ErrNotFound for a name that is not among all devices of
// the catalog in the place where, with the names that were perhaps meant. The
// place is named because a user and root have different ones.
func NotFound(where string, all []api.Device, name string) error {
	err := &notFoundError{fmt.Sprintf("no device %q in %s", name, where)}
	if len(all) == 0 {
		err.text += ", which has no devices"
		return cause.WithFix(err, api.Say("add it: ").Do("device add", name).With("address", "HOST").With("username", "USER").
			Say("; or choose another directory with ").Option("data", "DIR").Say(": root and other users have different ones"))
	}
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Name
	}
	similar := Similar(names, name)
	if len(similar) == 0 {
		return cause.WithFix(err, api.Do("device list").Say(" shows its devices"))
	}
	err.text += "; did you mean " + strings.Join(similar, ", ") + "?"
	return err
}

// notFoundError is an ErrNotFound with a text of its own.
type notFoundError struct{ text string }

// Error returns the text.
func (e *notFoundError) Error() string { return e.text }

// Is makes the error an ErrNotFound.
func (e *notFoundError) Is(target error) bool { return target == ErrNotFound }

// Similar returns up to three of all names that are within a few typing errors
// of name, nearest first.
func Similar(all []string, name string) []string {
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	limit := max(1, min(3, len(name)/3))
	for _, one := range all {
		if n := distance(strings.ToLower(one), strings.ToLower(name)); n <= limit {
			found = append(found, candidate{one, n})
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
