package inventory

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// vaulted reports whether a text is encrypted by ansible-vault.
func vaulted(text []byte) bool { return strings.HasPrefix(string(text), "$ANSIBLE_VAULT;") }

// settle completes the groups: those without a parent belong to all. A group that contains itself is
// an error.
func (a *ansible) settle() error {
	child, children := map[string]bool{groupAll: true}, 0
	for _, g := range a.groups {
		children += len(g.children)
		for _, c := range g.children {
			child[c] = true
		}
	}
	if len(a.groups) > mostGroups || children > mostChildren {
		return fmt.Errorf("more than %d groups, or groups with more than %d groups in them", mostGroups, mostChildren)
	}
	all := a.group(groupAll)
	for _, name := range a.names() {
		if !child[name] {
			all.children = append(all.children, name)
		}
	}
	entered, left := map[string]bool{}, map[string]bool{}
	for _, name := range a.names() {
		if err := a.noCircle(name, entered, left); err != nil {
			return err
		}
	}
	for _, depth := range a.depths() {
		if depth > deepest {
			return fmt.Errorf("more than %d groups in each other", deepest)
		}
	}
	return nil
}

// noCircle refuses a group that is in itself. entered and left are the groups that it has seen.
func (a *ansible) noCircle(name string, entered, left map[string]bool) error {
	switch {
	case left[name]:
		return nil
	case entered[name]:
		return fmt.Errorf("the group %s contains itself", name)
	}
	entered[name] = true
	for _, c := range a.groups[name].children {
		if err := a.noCircle(c, entered, left); err != nil {
			return err
		}
	}
	left[name] = true
	return nil
}

// names returns the names of the groups, sorted.
func (a *ansible) names() []string { return slices.Sorted(maps.Keys(a.groups)) }

// depths returns how deep each group lies below all; of several ways, the longest.
func (a *ansible) depths() map[string]int {
	depth := map[string]int{}
	parents := a.parents()
	var of func(name string) int
	of = func(name string) int {
		if known, ok := depth[name]; ok {
			return known
		}
		deepest := 0
		for _, p := range parents[name] {
			deepest = max(deepest, of(p)+1)
		}
		depth[name] = deepest
		return deepest
	}
	for name := range a.groups {
		of(name)
	}
	return depth
}

// parents returns the groups that each group is a child of.
func (a *ansible) parents() map[string][]string {
	parents := map[string][]string{}
	for name, g := range a.groups {
		for _, c := range g.children {
			parents[c] = append(parents[c], name)
		}
	}
	return parents
}

// above returns each group with all groups that it is in.
func (a *ansible) above() map[string][]string {
	parents, above := a.parents(), map[string][]string{}
	var of func(name string) []string
	of = func(name string) []string {
		if above[name] == nil {
			list := []string{name}
			for _, p := range parents[name] {
				list = append(list, of(p)...)
			}
			slices.Sort(list)
			above[name] = slices.Compact(list)
		}
		return above[name]
	}
	for name := range a.groups {
		of(name)
	}
	return above
}

// order returns how the variables of two groups apply: those of the deeper one later, then by
// priority and name.
func (a *ansible) order() func(x, y string) int {
	depth, priority := a.depths(), map[string]int{}
	for name, g := range a.groups {
		n, err := strconv.Atoi(g.vars["ansible_group_priority"].text)
		if err != nil {
			n = 1
		}
		priority[name] = n
	}
	return func(x, y string) int {
		return cmp.Or(cmp.Compare(depth[x], depth[y]), cmp.Compare(priority[x], priority[y]), strings.Compare(x, y))
	}
}

// groupsOf returns the groups of each host, in the order in which their variables apply.
func (a *ansible) groupsOf() map[string][]string {
	of, above, order := map[string][]string{}, a.above(), a.order()
	for name, g := range a.groups {
		for _, host := range g.hosts {
			of[host] = append(of[host], above[name]...)
		}
	}
	for host, list := range of {
		slices.SortFunc(list, order)
		of[host] = slices.Compact(list)
	}
	return of
}

// direct returns the groups that list each host, without all and ungrouped.
func (a *ansible) direct() map[string][]string {
	direct := map[string][]string{}
	for _, name := range a.names() {
		for _, host := range a.groups[name].hosts {
			if name != groupAll && name != groupUngrouped {
				direct[host] = append(direct[host], name)
			}
		}
	}
	return direct
}
