package warden

import (
	"context"
	"slices"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/node"
)

// Backup backs devices up. The results are in the order of the devices.
func (l *queue) Backup(ctx context.Context, r api.Backup, events func(api.Event)) ([]api.BackupResult, error) {
	if err := CheckBackup(r); err != nil {
		return nil, err
	}
	needs := working
	if r.DryRun {
		needs = looking
	}
	n, selected, err := l.beginOn(ctx, needs, "backup", r.Select)
	if err != nil {
		return nil, err
	}
	devices, err := chosen(ctx, n, selected)
	if err != nil {
		return nil, err
	}
	if l.jobs() == nil && n.Shared() && !r.DryRun {
		return l.backupBesideOthers(ctx, n, devices, r, events)
	}
	if n, err = l.servedVault(ctx); err != nil {
		return nil, err
	}
	if u := l.jobs(); u != nil && !r.DryRun {
		return l.backupByQueue(ctx, u, devices, r, events)
	}
	return l.backup(ctx, n, devices, r, nil, events), nil
}

// CheckBackup refuses a request that contradicts itself or selects no device. A
// face may ask before it asks a person anything.
func CheckBackup(r api.Backup) error {
	if err := CheckSelect(r.Select, r.All); err != nil {
		return err
	}
	if r.Look && (r.Recopy || r.DryRun) {
		return wrongField("look", "a look neither copies files again nor makes a plan")
	}
	switch r.Files {
	case "", api.PolicyImage, api.PolicyRebuild, api.PolicyAll:
		return nil
	}
	return wrongField("files", "%q: want image, rebuild or all", string(r.Files))
}

// CheckSelect refuses a selection of no device, or of all devices and of some.
func CheckSelect(s api.Select, all bool) error {
	some := len(s.Names) > 0 || s.Group != "" || s.Site != ""
	switch {
	case all && some:
		p := wrongField("all", "already means every device")
		p.Fix = api.Say("leave out the names, ").Option("group", "").Say(" and ").Option("site", "")
		return p
	case !all && !some:
		p := Invalid("which devices?")
		p.Fix = api.Say("give names, ").Option("group", "").Say(", ").Option("site", "").Say(" or ").Option("all", "").Say("; ").
			Do("device list").Say(" shows them")
		return p
	}
	return nil
}

// chosen returns the devices that s selects, in natural order. None is a problem.
func chosen(ctx context.Context, n *node.Node, s api.Select) ([]api.Device, error) {
	devices, err := n.Catalog.Devices(ctx, s)
	slices.SortFunc(devices, func(a, b api.Device) int { return api.CompareNames(a.Name, b.Name) })
	if err == nil && len(devices) == 0 {
		err = noneMatches(ctx, n, s)
	}
	return devices, err
}

// noneMatches returns the problem of a selection without any device. It names the
// groups or sites that there are for this actor.
func noneMatches(ctx context.Context, n *node.Node, s api.Select) error {
	a := actorOf(ctx)
	devices, err := n.Catalog.Devices(ctx, api.Select{Group: a.Group, Site: a.Site})
	if err != nil {
		return err
	}
	groups := each(devices, func(d api.Device) string { return d.Group })
	sites := each(devices, func(d api.Device) string { return d.Site })
	switch {
	case len(devices) == 0:
		return unknown(api.Do("device add", "NAME").With("address", "HOST").With("username", "USER"), "the inventory has no devices yet")
	case s.Group != "" && !slices.Contains(groups, s.Group):
		return unknown(namesOf("groups", groups), "no device has the group %q%s", s.Group, meant(groups, s.Group))
	case s.Site != "" && !slices.Contains(sites, s.Site):
		return unknown(namesOf("sites", sites), "no device has the site %q%s", s.Site, meant(sites, s.Site))
	}
	return unknown(api.Do("device list").Say(" shows the devices"), "no device matches")
}

// shortened is the length from which a wrong name may be the begin of the right one.
const shortened = 8

// meant asks about the names that are similar to a wrong one, or begin with it.
func meant(names []string, wrong string) string {
	similar := catalog.Similar(names, wrong)
	if len(similar) == 0 && len(wrong) >= shortened {
		similar = slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, wrong) })
		similar = similar[:min(len(similar), 3)]
	}
	if len(similar) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(similar, ", ") + "?"
}

// namesOf lists the groups or the sites that there are.
func namesOf(kind string, names []string) api.Fix {
	if len(names) == 0 {
		return api.Say("the devices have no %s yet; ", kind).Do("device list").Say(" shows them")
	}
	return api.Say("the %s are %s", kind, strings.Join(names, ", "))
}
