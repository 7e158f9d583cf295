package inventory

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
)

const ansibleINI = `# switches of two sites
jump.example.net ansible_host=192.0.2.200

[access]
acc[01:03].example.net
old1 ansible_host=192.0.2.9 ansible_port=2222 ansible_user='net admin' location=hq # in the cellar

[core]
core-[a:b]

[switches:children]
access
core

[switches:vars]
ansible_network_os=cisco.ios.ios
ansible_user = backup

[core:vars]
ansible_user=core
ansible_password=s3cret-inline

[firewalls]
fw1 ansible_network_os=asa
`

// The same inventory.
const ansibleYAML = `---
all:
  hosts:
    jump.example.net: {ansible_host: 192.0.2.200}
  children:
    switches:
      vars:
        ansible_network_os: cisco.ios.ios
        ansible_user: backup
      children:
        access:
          hosts:
            acc[01:03].example.net:
            old1:
              ansible_host: 192.0.2.9
              ansible_port: 2222
              ansible_user: net admin
              location: hq
        core:
          hosts:
            core-[a:b]:
          vars:
            ansible_user: core
            ansible_password: !vault |
              $ANSIBLE_VAULT;1.1;AES256
              3332
    firewalls:
      hosts:
        fw1: {ansible_network_os: asa}
`

func device(name string, line int, namesAndValues ...string) api.InventoryEntry {
	return api.InventoryEntry{Name: name, Line: line, Settings: settings(namesAndValues...)}
}

// TestReadAnsible reads one inventory in both forms.
func TestReadAnsible(t *testing.T) {
	for _, c := range []struct {
		text  string
		yaml  bool
		lines [5]int // of jump, acc, old1, core, fw1
	}{{ansibleINI, false, [5]int{2, 5, 6, 9, 24}}, {ansibleYAML, true, [5]int{4, 13, 14, 21, 29}}} {
		want := List{
			Entries: []api.InventoryEntry{
				device("acc01.example.net", c.lines[1], "address", "acc01.example.net", "username", "backup", "group", "access"),
				device("acc02.example.net", c.lines[1], "address", "acc02.example.net", "username", "backup", "group", "access"),
				device("acc03.example.net", c.lines[1], "address", "acc03.example.net", "username", "backup", "group", "access"),
				device("old1", c.lines[2], "address", "192.0.2.9:2222", "username", "net admin", "site", "hq", "group", "access"),
				device("core-a", c.lines[3], "address", "core-a", "username", "core", "group", "core"),
				device("core-b", c.lines[3], "address", "core-b", "username", "core", "group", "core")},
			Skipped: []Skipped{{"jump.example.net", c.lines[0], "it has no ansible_network_os"},
				{"fw1", c.lines[4], `ansible_network_os "asa" is not ios or cisco.ios.ios`}}}
		got, err := ReadAnsible([]byte(c.text), c.yaml, nil, Map{"site": "location"})
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("YAML %t: error %v, want(-) got(+):\n%s", c.yaml, err, diff)
		}
	}
}

// counted returns a text n times, each with its number and the next one.
func counted(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i+1)
	}
	return b.String()
}

func files(namesAndTexts ...string) fs.FS {
	all := fstest.MapFS{}
	for pair := range slices.Chunk(namesAndTexts, 2) {
		all[pair[0]] = &fstest.MapFile{Data: []byte(pair[1])}
	}
	return all
}

// TestAnsiblePrecedence: a variable of a child group has precedence over that of its parent, files
// beside the inventory over the inventory, and the host over its groups.
func TestAnsiblePrecedence(t *testing.T) {
	const inventory = "[leaf]\nsw1\n[top:children]\nmiddle\n[middle:children]\nleaf\n[all:vars]\nansible_network_os=ios\nv=inventory all\n"
	for _, c := range []struct {
		name, more string
		beside     fs.FS
		want       string
	}{
		{"all", "", nil, "inventory all"},
		{"parent", "[top:vars]\nv=top\n", nil, "top"},
		{"child", "[leaf:vars]\nv=leaf\n[middle:vars]\nv=middle\n[top:vars]\nv=top\n", nil, "leaf"},
		{"file of all", "[leaf:vars]\nv=leaf\n", files("group_vars/all.yml", "v: file of all"), "file of all"},
		{"file of a group", "", files("group_vars/all/a.yml", "v: a", "group_vars/all/b.yml", "v: b", "group_vars/top", "v: top", "group_vars/middle.yaml", "v: middle"), "middle"},
		{"files of a directory, by name", "", files("group_vars/all/b.yml", "v: b", "group_vars/all/a.yml", "v: a", "group_vars/all/c.txt", "v: c", "group_vars/all/.d.yml", "v: d"), "b"},
		{"host", "[more]\nsw1 v=host\n", files("group_vars/leaf.json", `{"v": "leaf"}`), "host"},
		{"file of the host", "[more]\nsw1 v=host\n", files("host_vars/sw1.yml", "v: file", "host_vars/sw2.yml", "v: other"), "file"},
		{"priority", "[b]\nsw1\n[a]\nsw1\n[a:vars]\nv=a\nansible_group_priority=10\n[b:vars]\nv=b\n", nil, "a"},
		{"name", "[b]\nsw1\n[a]\nsw1\n[a:vars]\nv=a\n[b:vars]\nv=b\n", nil, "b"},
	} {
		got, err := ReadAnsible([]byte(inventory+c.more), false, c.beside, Map{"site": "v"})
		if err != nil || len(got.Entries) != 1 || !slices.Contains(got.Entries[0].Settings, api.DeviceSetting{Name: "site", Value: c.want}) {
			t.Errorf("%s: %+v, error %v; want %s", c.name, got.Entries, err, c.want)
		}
	}
}

// TestAnsibleRefuses: what cannot be read is refused in plain words, with its place. An error has no
// secret, and what we do not need may be as it is.
func TestAnsibleRefuses(t *testing.T) {
	const vault = "$ANSIBLE_VAULT;1.1;AES256\n6162\n"
	one := "[g]\nsw1\n[g:vars]\nansible_network_os=ios\n"
	for _, c := range []struct {
		text   string
		yaml   bool
		beside fs.FS
		want   string // empty: no error
	}{
		{vault, false, nil, "it is encrypted by ansible-vault"},
		{one + "ansible_host={{ inventory_hostname }}.example.net\n", false, nil, "line 5: ansible_host is a template"},
		{one + "x={{ y }}\n", false, nil, ""},
		{one, false, files("host_vars/sw1.yml", "a: 1\nansible_user: !vault |\n  "+strings.ReplaceAll(vault, "\n", "\n  ")+"\n"), "host_vars/sw1.yml, line 2: ansible_user is encrypted by ansible-vault"},
		{one, false, files("host_vars/sw1.yml", "ansible_password: !vault |\n  "+strings.ReplaceAll(vault, "\n", "\n  ")+"\n"), ""},
		{one, false, files("group_vars/g.yml", "ansible_host: [192.0.2.1]\n"), "group_vars/g.yml, line 1: ansible_host is not a single plain value"},
		{one, false, files("group_vars/g.yml", "a: 1\n<<: *x\n"), "group_vars/g.yml, line 2"},
		{one, false, files("group_vars/g.yml", "a: {pw: topsecret\n"), "group_vars/g.yml, line"},
		{one, false, files("group_vars/g.yml", "- a\n"), "group_vars/g.yml, line 1: expected KEY: VALUE"},
		{"[g\nsw1\n", false, nil, "line 1"},
		{"[g:hosts:x]\n", false, nil, "line 1: a section of a group ends with"},
		{"[g]\nsw1 topsecret\n", false, nil, "line 2: want NAME=VALUE"},
		{"[g]\nsw1 pw='topsecret\n", false, nil, "line 2: a quote has no partner"},
		{"[g]\nsw[1:x]\n", false, nil, `line 2: the range in "sw[1:x]"`},
		{"[g]\nsw[000000:999999]\n", false, nil, "line 2: the range in"},
		{"[g]\nsw[00:99][00:99][00:99][00:99][00:99]\n", false, nil, "more than"},
		{"[g]\n" + strings.Repeat("x", 300) + "\n", false, nil, "line 2: a host has a name of more than 255 bytes"},
		{"[g]\nsw[" + strings.Repeat("0", 300) + ":9999]\n", false, nil, "line 2: a host has a name of more than 255 bytes"},
		{"[g]\nsw[1:9999]" + counted(300, " v%[1]d=1") + "\n", false, nil, "line 2: more than 2000000 hosts and variables"},
		{counted(10_001, "[g%[1]d]\n"), false, nil, "more than 10000 groups"},
		{counted(150, "[g%[1]d:children]\ng%[2]d\n"), false, nil, "more than 100 groups in each other"},
		{"[a:children]\nb\n[b:children]\na\n", false, nil, "contains itself"},
		{"", true, nil, "it is empty"},
		{"all:\n  host:\n    sw1:\n", true, nil, `line 2: a group has hosts, vars and children, not "host"`},
		{"all: [sw1]\n", true, nil, "line 1: expected KEY: VALUE"},
		{"all:\n  hosts:\n    sw1: *x\n", true, nil, "line 3: expected KEY: VALUE"},
		{"a: {}\n---\nb: {}\n", true, nil, "a second YAML document"},
		{strings.Repeat("a: {children: {", 150) + strings.Repeat("}}", 150) + "\n", true, nil, "in each other"},
	} {
		_, err := ReadAnsible([]byte(c.text), c.yaml, c.beside, nil)
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "topsecret")) {
			t.Errorf("%.80q: error %v; want %q", c.text, err, c.want)
		}
	}
	if _, err := ReadAnsible([]byte(one), false, nil, Map{"password": "x"}); err == nil {
		t.Error("a map gives a password")
	}
	list, err := ReadAnsible([]byte(one), false, files("group_vars/all/vault.yml", vault), nil)
	if err != nil || !slices.Equal(list.Ignored, []string{"group_vars/all/vault.yml (encrypted by ansible-vault)"}) {
		t.Errorf("a file of the vault: ignored %q, error %v", list.Ignored, err)
	}
}

// TestAnsibleMakesNoPaths: a name in an inventory leads to no file outside of group_vars and
// host_vars.
func TestAnsibleMakesNoPaths(t *testing.T) {
	beside := files("secret.yml", "v: leaked", "group_vars/x", "", "host_vars/x", "")
	text := "[../secret]\n../secret\n[../secret:vars]\nansible_network_os=ios\n"
	list, err := ReadAnsible([]byte(text), false, beside, Map{"site": "v"})
	if err != nil || len(list.Entries) != 1 || strings.Contains(list.Entries[0].Settings[0].Value, "leaked") || len(list.Entries[0].Settings) != 2 {
		t.Errorf("%+v, error %v", list, err)
	}
	if _, err := Merge(api.Device{}, list.Entries[0]); err == nil {
		t.Error("no error for a device of that name")
	}
}

func TestAnsibleWords(t *testing.T) {
	for text, want := range map[string][]string{
		`a b=c`: {"a", "b=c"}, `a b="c d" e='f "g"'`: {"a", "b=c d", `e=f "g"`}, `a b=c#d # e`: {"a", "b=c#d"}, `a b=c\ d`: {"a", "b=c d"}, "a\t b=": {"a", "b="},
	} {
		if got, err := iniWords(text); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, error %v", text, got, err)
		}
	}
	for pattern, want := range map[string][2]string{"sw1:2222": {"sw1", "2222"}, "sw[1:3]": {"sw[1:3]", ""}, "sw[1:3]:23": {"sw[1:3]", "23"}, "2001:db8::1": {"2001:db8::1", ""},
		"[2001:db8::1]:22": {"[2001:db8::1]", "22"}, "sw1": {"sw1", ""}} {
		if host, port := cutPort(pattern); [2]string{host, port} != want {
			t.Errorf("%s: %q %q", pattern, host, port)
		}
	}
	for pattern, want := range map[string]string{"sw[08:10]": "sw08 sw09 sw10", "sw[1:9:4]x": "sw1x sw5x sw9x", "[a:b][1:2]": "a1 a2 b1 b2"} {
		if got, err := expand(pattern, 100); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %q, error %v", pattern, got, err)
		}
	}
}

func FuzzReadAnsible(f *testing.F) {
	f.Add(ansibleINI, false)
	f.Add(ansibleYAML, true)
	f.Add("a:\n  hosts: {'sw[1:2]': !vault x, ? b : c}\n", true)
	f.Fuzz(func(t *testing.T, text string, yaml bool) {
		list, err := ReadAnsible([]byte(text), yaml, nil, nil)
		for _, e := range list.Entries {
			if err == nil && (e.Name == "" || e.Line < 1) {
				t.Errorf("%+v", e)
			}
		}
	})
}
