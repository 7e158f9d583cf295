package iossim

// c3850TFTPBoot is a Catalyst 3850 with IOS-XE in bundle mode that booted over
// the network while BOOT names a file in flash. The URL of show version has
// the form of a real one ("tftp://10.1.6.241//auto/…"), the listing that of a
// real 3850.
func c3850TFTPBoot() *profile {
	p := xe()
	p.name, p.hostname = "c3850-tftpboot", "sw-staging"
	p.summary = "Catalyst 3850, IOS-XE 16.6: booted over the network, BOOT names an image in flash"
	p.features = append(p.features, stackable, showBoot)
	p.image = "tftp://192.0.2.9//images/cat3k_caa-universalk9.16.06.10.SPA.bin"
	p.boots = []string{"flash:cat3k_caa-universalk9.16.06.09.SPA.bin"}
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "crashinfo:", aliases: []string{"crashinfo-1:"}, kind: "disk", flags: "rw", total: 248512512, unit: 4096},
			&fileSystem{prefix: "flash:", aliases: []string{"flash-1:"}, kind: "disk", flags: "rw", total: 1598627840, unit: 4096},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 2097152, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		return append(t.configs(), []file{
			{index: 30530, perm: "-rw-", date: "Apr 10 2019 17:20:51", path: "flash:bootloader_evt_handle.log", body: t.made("bootloader_evt_handle.log", 1687, "events\n")},
			{index: 30532, perm: "drwx", date: "Apr 10 2019 14:35:35", path: "flash:.prst_sync", size: 4096},
			{index: 30548, perm: "-rw-", date: "Apr 10 2019 11:52:23", path: "flash:vlan.dat", body: t.made("vlan.dat", 3436, vlanMagic)},
			{index: 30550, perm: "-rw-", date: "Jan 16 2019 11:05:56", path: "flash:cat3k_caa-universalk9.16.06.09.SPA.bin",
				body: packageContent("cat3k_caa-universalk9.16.06.09.SPA.bin", 300_001)},
		}...)
	}
	return p
}
