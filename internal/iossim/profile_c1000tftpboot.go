package iossim

// c1000TFTPBoot is a Catalyst 1000 that booted over the network: show version
// names a tftp: URL, BOOT nothing, and its flash holds no image at all. The
// form of the URL is that of real devices ("tftp://172.18.200.210/…"); the
// rest is written after a Catalyst 1000's listing.
func c1000TFTPBoot() *profile {
	p := classicSwitch()
	p.name, p.hostname = "c1000-tftpboot", "sw-spare"
	p.summary = "Catalyst 1000, IOS 15.2: booted over the network, no image in flash"
	p.image, p.boots = "tftp://192.0.2.9/c1000-universalk9-mz.152-7.E4.bin", []string{}
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash:", kind: "flash", flags: "rw", total: 229810176, unit: 4096},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 524288, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		return append(t.configs(), []file{
			{index: 2, perm: "-rwx", date: "Jan 2 2021 00:03:46", path: "flash:config.text", body: t.file("running-config")},
			{index: 3, perm: "-rwx", date: "Jan 2 2021 00:03:46", path: "flash:private-config.text", body: t.made("private-config.text", 3096, "")},
			{index: 4, perm: "-rwx", date: "Jan 2 2021 00:02:18", path: "flash:vlan.dat", body: t.made("vlan.dat", 1096, vlanMagic)},
		}...)
	}
	return p
}
