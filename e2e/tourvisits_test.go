package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// nothingYet are commands of the first day: there is no device and no backup.
func nothingYet() []visit {
	list := []visit{
		{args: words("device add sw1 --address 192.0.2.1 --username backup --password-file login"), acts: true, after: "device remove sw1"},
		{args: words("device edit sw1 --site hq"), acts: true, before: "device add sw1 --address 192.0.2.1 --username backup --password-file login", after: "device remove sw1"},
		{args: words("device remove sw1"), acts: true, before: "device add sw1 --address 192.0.2.1 --username backup --password-file login"},
		{args: words("device import switches.csv --username backup --password-file login --dry-run"), acts: true},
		{args: words("device import switches.csv --username backup --password-file login"), acts: true, after: "device remove sw1 sw2"},
		{args: words("credential list")},
		{args: words("credential set access --username backup --password-file login"), acts: true, after: "credential remove access"},
		{args: words("credential test access"), acts: true, before: "credential set access --username backup --password-file login", after: "credential remove access"},
		{args: words("credential remove access"), acts: true, before: "credential set access --username backup --password-file login"},
		{args: words("user add anna --role admin --password-file login"), acts: true, after: "user remove anna"},
		{args: words("user edit anna --role viewer"), acts: true, before: "user add anna --role admin --password-file login", after: "user remove anna"},
		{args: words("user passwd anna --password-file login"), acts: true, before: "user add anna --role admin --password-file login", after: "user remove anna"},
		{args: words("user remove anna"), acts: true, before: "user add anna --role admin --password-file login"},
		{args: words("token add grafana --role viewer"), acts: true, after: "token revoke grafana"},
		{args: words("token revoke grafana"), acts: true, before: "token add grafana --role viewer"},
		{args: words("notify test"), code: 2},
		{args: words("import tftpboot"), acts: true, moving: true},
		{args: words("mirror copy"), acts: true, moving: true}, {args: words("rebuild"), acts: true, moving: true},
		{args: words("doctor"), varies: true, acts: true, code: hostCode},
		{args: words("setup --device sw1 --address 192.0.2.1 --username backup --user anna --dry-run --yes"), varies: true, acts: true},
		{args: words("firewall nft"), code: 5}, {args: words("backup --all"), acts: true, code: 5}, {args: words("device test --all"), acts: true, code: 5},
	}
	for line, code := range map[string]int{"status nope": 5, "device show nope": 5, "snapshots nope": 5, "show nope": 5, "diff nope": 5, "jobs show nope": 5, "export nope -o out": 5,
		"restore nope": 5, "backup nope": 5, "device test nope": 5, "device edit nope --site hq": 5, "device remove nope": 5, "offer nope --to 192.0.2.1": 5, "receive --from nope": 5,
		"user edit nope --role admin": 5, "user remove nope": 5, "token remove nope": 5, "jobs cancel nope": 5, "jobs retry nope": 5, "doctor nope": 5} {
		list = append(list, visit{args: words(line), code: code, acts: true})
	}
	slices.SortFunc(list, func(a, b visit) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// ofStack are the commands on one device.
func ofStack() []visit {
	return []visit{
		{args: words("firewall nft")}, {args: words("firewall iptables"), loose: true}, {args: words("firewall ufw"), loose: true},
		{args: words("device show sw1")}, {args: words("status sw1")}, {args: words("show sw1")}, {args: words("snapshots sw1")}, {args: words("diff sw1"), code: 5},
		{args: words("device test sw1"), acts: true, moving: true},
		{args: words("backup sw1 --dry-run"), acts: true, moving: true, space: true},
		{args: words("restore sw1 --dry-run"), acts: true, moving: true},
		{args: words("doctor sw1"), acts: true, moving: true, varies: true, code: hostCode},
		{args: words("offer c2960x-universalk9-mz.152-2.E6.bin --to sw1 --for 1s"), acts: true, moving: true, code: 1},
		{args: words("receive --from sw1 --for 1s"), acts: true, moving: true, code: 1},
		{args: words("export sw1 -o out"), acts: true}, {args: words("export sw1:config.text -o out"), acts: true},
		{args: words("mirror copy"), acts: true, moving: true},
		{args: words("prune --keep-last 1"), acts: true},
		{args: words("rebuild"), acts: true, moving: true},
		{args: words("backup sw1"), acts: true, moving: true},
		{args: words("backup sw1 -v"), acts: true, moving: true, loose: true, varies: true},
	}
}

// ofThree are the commands on three unlike devices.
func ofThree() []visit {
	return []visit{
		{args: words("firewall nft")}, {args: words("firewall iptables"), loose: true}, {args: words("firewall ufw"), loose: true},
		{args: words("device show hq-core1")}, {args: words("status hq-core1 hq-sw1")}, {args: words("show attic-sw1")}, {args: words("show hq-core1")}, {args: words("show hq-core1 -o wide")},
		{args: words("diff hq-sw1"), code: 1}, {args: words("device list --site hq")}, {args: words("snapshots hq-sw1")},
		{args: words("prune --dry-run")}, {args: words("jobs list --state queued")}, {args: words("jobs show JOB")},
		{args: words("jobs cancel JOB"), acts: true, after: "jobs retry JOB"}, {args: words("jobs retry JOB"), acts: true, before: "jobs cancel JOB"},
		{args: words("device test --all"), acts: true, moving: true, code: 3},
		{args: words("backup --all --dry-run"), acts: true, moving: true, space: true, code: 3},
		{args: words("restore hq-sw1 --dry-run"), acts: true, moving: true, space: true},
		{args: words("restore hq-sw1 --file vlan.dat"), acts: true, moving: true, code: 4, typed: "n\n"},
		{args: words("restore hq-core1"), acts: true, moving: true, code: 3},
		{args: words("backup --all"), acts: true, moving: true, code: 3},
		{args: words("backup attic-sw1 hq-sw1 --quiet"), acts: true},
	}
}

// ofForty are the commands on a fleet.
func ofForty() []visit {
	return []visit{
		{args: words("firewall nft"), varies: true}, {args: words("firewall iptables"), loose: true, varies: true}, {args: words("firewall ufw"), loose: true, varies: true},
		{args: words("status --site hq")}, {args: words("status sw7 sw1 sw30")}, {args: words("status sw40"), code: 1}, {args: words("device show sw7")}, {args: words("device show sw40")}, {args: words("device list --site branch")},
		{args: words("device test --all"), acts: true, few: true, moving: true, code: 3},
		{args: words("backup --all --dry-run"), acts: true, moving: true, few: true, space: true, code: 3},
		{args: words("doctor --all"), acts: true, few: true, moving: true, varies: true, code: hostCode},
		{args: words("backup --all"), acts: true, few: true, moving: true, code: 3},
		{args: words("backup --all --quiet"), acts: true, few: true, code: 3},
	}
}

// hostCode is the exit code of a command whose result depends on this host.
const hostCode = -1

// commands are all commands, by their help texts: "", "device", "device add".
func commands() []string {
	files, err := filepath.Glob("../cmd/flashwarden/help/*.txt")
	if err != nil || len(files) == 0 {
		panic("no help texts")
	}
	var list []string
	for _, file := range files {
		name := strings.ReplaceAll(strings.TrimSuffix(filepath.Base(file), ".txt"), "-", " ")
		list = append(list, strings.TrimPrefix(name, "flashwarden"))
	}
	return list
}

// TestTourIsComplete wants a visit for each command that does something.
func TestTourIsComplete(t *testing.T) {
	elsewhere := map[string]string{"demo": "TestDemo", "catalog move": "TestSeveralMachines",
		"man": "TestManualPages", "completion fish": "as bash", "completion powershell": "as bash", "completion zsh": "as bash"}
	all := commands()
	for _, command := range all {
		group := slices.ContainsFunc(all, func(other string) bool { return strings.HasPrefix(other, command+" ") })
		if group || command == "" || elsewhere[command] != "" {
			continue
		}
		visited := func(v visit) bool {
			return strings.HasPrefix(strings.Join(v.args, " ")+" ", command+" ") && !slices.Contains(v.args, "--help")
		}
		if !slices.ContainsFunc(tourFleets, func(f tourFleet) bool {
			return slices.ContainsFunc(append(f.visits(), fixedVisits(f.devices)...), visited)
		}) {
			t.Errorf("the tour does not visit %q", command)
		}
	}
}

// fixedVisits are the commands that print the same for every inventory: the tour shows them
// once.
func fixedVisits(devices int) []visit {
	if devices != 0 {
		return nil
	}
	list := []visit{{args: words("help backup")}, {args: words("version"), varies: true}, {args: words("--version"), varies: true}, {args: words("tftpd --version"), varies: true}, {args: words("completion bash"), varies: true, loose: true}}
	for _, command := range commands() {
		list = append(list, visit{args: words(command + " --help"), varies: true}) // the texts are files of their own
	}
	for _, line := range []string{"bakcup", "help bakcup", "device lst", "backup", "backup --al", "restore", "show", "export sw1", "firewall nftables", "check --share many", "offer", "receive --for never",
		"prune --keep-last none", "device add sw1", "diff", "serve now", "tftpd"} {
		list = append(list, visit{args: words(line), code: 2})
	}
	for _, v := range []visit{
		{args: words("simulate --tftp-port 9069"), until: "Ctrl-C ends", code: 130, varies: true},
		{args: words("serve"), until: "serving", code: 130, varies: true},
		{args: words("tftpd -a 127.0.0.1:0 ."), until: "serving", code: 130, varies: true},
	} {
		v.moving, v.loose = true, true
		list = append(list, v)
	}
	for i := range list {
		list[i].fixed = true
	}
	return list
}
