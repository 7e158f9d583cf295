package iossim

// c9400Redundant is a Catalyst 9400 with two supervisors and IOS-XE 17.9 in
// install mode: the second one's flash is stby-bootflash:. Written after the
// show boot of a real pair and Cisco's forensic guide for IOS-XE.
func c9400Redundant() *profile {
	p := xe()
	p.name, p.hostname = "c9400-redundant", "sw-plant"
	p.summary = "Catalyst 9400, IOS-XE 17.9: two supervisors, stby-bootflash:"
	p.features = append(p.features, showBoot)
	p.home = "bootflash:"
	p.image = "bootflash:packages.conf"
	p.systems = func() []*fileSystem {
		disk := func(prefix string, aliases ...string) *fileSystem {
			return &fileSystem{prefix: prefix, aliases: aliases, kind: "disk", flags: "rw", total: 10307289088, unit: 4096}
		}
		return withOthers(
			disk("bootflash:", "flash:"), disk("stby-bootflash:"), disk("stby-crashinfo:"),
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 33554432, unit: 1},
			&fileSystem{prefix: "stby-nvram:", kind: "nvram", flags: "rw", total: 33554432, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		all := append(t.configs(), t.installed("bootflash:", "cat9k", "17.09.05", "rpbase", "rpboot", "sipbase", "webui")...)
		all = append(all, t.installed("stby-bootflash:", "cat9k", "17.09.05", "rpbase", "rpboot", "sipbase", "webui")...)
		return append(all, file{index: 131086, perm: "-rw-", date: "Mar 5 2024 15:40:19", path: "bootflash:vlan.dat", body: t.made("vlan.dat", 3496, vlanMagic)})
	}
	return p
}
