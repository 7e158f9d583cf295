package inventory

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"flashwarden/api"
)

// An inventory of Ansible has hosts, groups and variables. We read the few variables that say how
// to reach a device, and evaluate nothing: a template and an encrypted value are errors where such a
// variable has one. Passwords are never taken from it.

// The limits of an inventory of Ansible. A short text can say much, by ranges and by groups in groups.
const (
	mostHosts    = 100_000
	mostMentions = 20 * mostHosts // of hosts in groups, and variables of hosts
	mostGroups   = 10_000
	mostChildren = 10 * mostGroups
	longestHost  = 255     // bytes of the name of a host, or of a range
	largestVars  = 1 << 20 // bytes of one file with variables
)

// The groups that every inventory of Ansible has.
const (
	groupAll       = "all"
	groupUngrouped = "ungrouped"
)

// place is where something stands.
type place struct {
	file string // relative to the inventory; empty: the inventory itself
	line int    // from 1
}

func (p place) String() string {
	if p.file == "" {
		return fmt.Sprintf("line %d", p.line)
	}
	return fmt.Sprintf("%s, line %d", p.file, p.line)
}

// variable is the value of one variable.
type variable struct {
	text    string
	problem string // why the value cannot be used; empty: it can
	at      place
}

// variables are those of a host, a group or a file.
type variables map[string]variable

// add adds variables; they replace those that are there.
func (v variables) add(more variables) {
	for name, value := range more {
		v[name] = value
	}
}

// ansibleGroup is a group of hosts and of other groups.
type ansibleGroup struct {
	name     string
	children []string
	hosts    []string
	lists    map[string]bool // hosts
	vars     variables
}

// ansibleHost is a host of the inventory.
type ansibleHost struct {
	name string
	vars variables
	at   place
}

// ansible is an inventory of Ansible.
type ansible struct {
	groups map[string]*ansibleGroup
	hosts  map[string]*ansibleHost
	listed []string             // hosts, in their order
	beside map[string]variables // of files: group_vars/NAME, host_vars/NAME
	notes  []string             // files and hosts that were left out

	mentions int // see mostMentions
}

func newAnsible() *ansible {
	return &ansible{groups: map[string]*ansibleGroup{}, hosts: map[string]*ansibleHost{}, beside: map[string]variables{}}
}

// group returns the group of a name, which it adds.
func (a *ansible) group(name string) *ansibleGroup {
	if a.groups[name] == nil {
		a.groups[name] = &ansibleGroup{name: name, lists: map[string]bool{}, vars: variables{}}
	}
	return a.groups[name]
}

// host adds a host, or a range of them such as sw[01:20], to a group. A port stands behind a colon.
func (a *ansible) host(group, pattern string, vars variables, at place) error {
	pattern, port := cutPort(pattern)
	if len(pattern) > longestHost {
		return fmt.Errorf("%v: a host has a name of more than %d bytes", at, longestHost)
	}
	names, err := expand(pattern, mostHosts)
	if err != nil {
		return fmt.Errorf("%v: %w", at, err)
	}
	if a.mentions += len(names) * (1 + len(vars)); a.mentions > mostMentions {
		return fmt.Errorf("%v: more than %d hosts and variables", at, mostMentions)
	}
	g := a.group(group)
	for _, name := range names {
		h := a.hosts[name]
		if h == nil {
			h = &ansibleHost{name: name, vars: variables{}, at: at}
			a.hosts[name], a.listed = h, append(a.listed, name)
		}
		if port != "" {
			h.vars["ansible_port"] = variable{text: port, at: at}
		}
		h.vars.add(vars)
		if !g.lists[name] {
			g.hosts, g.lists[name] = append(g.hosts, name), true
		}
	}
	if len(a.hosts) > mostHosts {
		return fmt.Errorf("%v: more than %d hosts", at, mostHosts)
	}
	return nil
}

// cutPort takes the port from HOST:PORT. A colon in a range, and those of an IPv6 address without
// brackets, belong to the host.
func cutPort(pattern string) (host, port string) {
	i := strings.LastIndexByte(pattern, ':')
	if i < 0 || strings.LastIndexByte(pattern, ']') > i {
		return pattern, ""
	}
	host, port = pattern[:i], pattern[i+1:]
	if _, err := strconv.ParseUint(port, 10, 16); err != nil || strings.Contains(host, ":") && !strings.HasSuffix(host, "]") {
		return pattern, ""
	}
	return host, port
}

// expand returns the names of a range: sw[01:20], sw[a:c], sw[1:9:2]. Several ranges are a product.
func expand(pattern string, most int) ([]string, error) {
	head, rest, ok := strings.Cut(pattern, "[")
	if !ok {
		return []string{pattern}, nil
	}
	inside, tail, ok := strings.Cut(rest, "]")
	if !ok {
		return nil, fmt.Errorf("the range in %q has no end", pattern)
	}
	members, err := rangeOf(inside, most)
	if err != nil {
		return nil, fmt.Errorf("the range in %q: %w", pattern, err)
	}
	tails, err := expand(tail, most)
	if err != nil {
		return nil, err
	}
	if len(members)*len(tails) > most {
		return nil, fmt.Errorf("more than %d hosts", mostHosts)
	}
	var names []string
	for _, m := range members {
		for _, t := range tails {
			names = append(names, head+m+t)
		}
	}
	return names, nil
}

// rangeOf returns the members of FIRST:LAST or FIRST:LAST:STEP, of numbers or of single letters.
func rangeOf(text string, most int) ([]string, error) {
	parts := strings.Split(text, ":")
	step := 1
	if len(parts) == 3 {
		var err error
		if step, err = strconv.Atoi(parts[2]); err != nil || step < 1 {
			return nil, fmt.Errorf("%q is not a step", parts[2])
		}
	}
	if len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("%q is not FIRST:LAST", text)
	}
	first, last := parts[0], parts[1]
	from, err1 := strconv.Atoi(cmp.Or(first, "0"))
	to, err2 := strconv.Atoi(last)
	format := func(n int) string { return fmt.Sprintf("%0*d", len(first), n) }
	if err1 != nil && err2 != nil && len(first) == 1 && len(last) == 1 {
		from, to, err1, err2 = int(first[0]), int(last[0]), nil, nil
		format = func(n int) string { return string(rune(n)) }
	}
	switch {
	case err1 != nil || err2 != nil || from < 0 || from > to:
		return nil, fmt.Errorf("%q is not FIRST:LAST", text)
	case (to-from)/step >= most:
		return nil, fmt.Errorf("more than %d hosts", mostHosts)
	}
	var members []string
	for n := from; n <= to; n += step {
		members = append(members, format(n))
	}
	return members, nil
}

// ReadAnsible reads an inventory of Ansible, INI or YAML. beside is the directory of the inventory,
// for group_vars and host_vars; nil: there is none. m names the variables that have settings:
// site=location.
func ReadAnsible(text []byte, yamlText bool, beside fs.FS, m Map) (List, error) {
	for name := range m {
		if !slices.Contains(Settings, name) {
			return List{}, fmt.Errorf("the map has %s: it gives settings to variables of Ansible, such as site=location; the settings are %s", name, strings.Join(Settings, ", "))
		}
	}
	if vaulted(text) {
		return List{}, errors.New("it is encrypted by ansible-vault. Give an inventory in clear: flashwarden needs no secret of it")
	}
	a := newAnsible()
	read := a.readINI
	if yamlText {
		read = a.readYAML
	}
	if err := read(text); err != nil {
		return List{}, err
	}
	if err := a.settle(); err != nil {
		return List{}, err
	}
	if beside != nil {
		for _, dir := range []string{"group_vars", "host_vars"} {
			if err := a.readBeside(beside, dir); err != nil {
				return List{}, err
			}
		}
	}
	return a.list(m)
}

// list returns the devices of the inventory.
func (a *ansible) list(m Map) (List, error) {
	list := List{Ignored: a.notes}
	groupsOf, direct := a.groupsOf(), a.direct()
	for _, name := range a.listed {
		h := a.hosts[name]
		vars := a.varsOf(h, groupsOf[name])
		reason, err := notCisco(vars)
		if err != nil {
			return List{}, err
		}
		if reason != "" {
			list.Skipped = append(list.Skipped, Skipped{name, h.at.line, reason})
			continue
		}
		e, err := ansibleEntry(h, vars, m, direct[name])
		if err != nil {
			return List{}, err
		}
		list.Entries = append(list.Entries, e)
	}
	return list, list.check()
}

// varsOf returns the variables of a host. Those of the inventory come before those of group_vars, and
// those of groups before those of the host, as Ansible orders them.
func (a *ansible) varsOf(h *ansibleHost, groups []string) variables {
	vars := variables{}
	for _, g := range groups {
		vars.add(a.groups[g].vars)
	}
	for _, g := range groups {
		vars.add(a.beside[path.Join("group_vars", g)])
	}
	vars.add(h.vars)
	vars.add(a.beside[path.Join("host_vars", h.name)])
	return vars
}

// value returns the first of several variables that is set.
func (v variables) value(names ...string) (string, error) {
	for _, name := range names {
		found, ok := v[name]
		if !ok {
			continue
		}
		if vaulted([]byte(found.text)) {
			found.problem = vaultedValue
		}
		if found.problem == "" && (strings.Contains(found.text, "{{") || strings.Contains(found.text, "{%")) {
			found.problem = "is a template, which flashwarden does not evaluate: write the value itself"
		}
		if found.problem != "" {
			return "", fmt.Errorf("%v: %s %s", found.at, name, found.problem)
		}
		if text := strings.TrimSpace(found.text); text != "" {
			return text, nil
		}
	}
	return "", nil
}

// ciscoSystems are the values of ansible_network_os of devices with IOS or IOS-XE.
var ciscoSystems = []string{"ios", "cisco.ios.ios", "iosxe", "cisco.iosxe"}

// notCisco says why a host is not imported; empty: it is.
func notCisco(vars variables) (string, error) {
	system, err := vars.value("ansible_network_os")
	switch {
	case err != nil:
		return "", err
	case system == "":
		return "it has no ansible_network_os", nil
	case !slices.Contains(ciscoSystems, strings.ToLower(system)):
		return fmt.Sprintf("ansible_network_os %q is not %s", system, strings.Join(ciscoSystems[:2], " or ")), nil
	}
	return "", nil
}

// ansibleEntry is a host as a device. Its group is the group that names it, if there is one alone.
func ansibleEntry(h *ansibleHost, vars variables, m Map, groups []string) (api.InventoryEntry, error) {
	e := api.InventoryEntry{Name: h.name, Line: h.at.line}
	address, err := vars.value("ansible_host", "ansible_ssh_host")
	if err != nil {
		return e, err
	}
	port, err := vars.value("ansible_port", "ansible_ssh_port")
	if err != nil {
		return e, err
	}
	user, err := vars.value("ansible_user", "ansible_ssh_user")
	if err != nil {
		return e, err
	}
	values := map[string]string{"address": withPort(cmp.Or(address, h.name), port), "username": user}
	if len(groups) == 1 {
		values["group"] = groups[0]
	}
	for setting, name := range m {
		value, err := vars.value(name)
		if err != nil {
			return e, err
		}
		values[setting] = value
	}
	for _, setting := range Settings {
		if values[setting] != "" {
			e.Settings = append(e.Settings, api.DeviceSetting{Name: setting, Value: values[setting]})
		}
	}
	return e, nil
}

// withPort adds a port to an address, unless it is that of SSH.
func withPort(address, port string) string {
	if port == "" || port == "22" {
		return address
	}
	if strings.Contains(address, ":") && !strings.HasPrefix(address, "[") {
		address = "[" + address + "]"
	}
	return address + ":" + port
}
