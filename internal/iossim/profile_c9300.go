package iossim

// c9300 is a Catalyst 9300 with IOS-XE 17.9 in install mode: no bootable .bin,
// but packages.conf and the packages that it names. The largest is over 40 MB,
// so that block numbers of 512 bytes pass 65535.
func c9300() *profile {
	p := xe()
	p.name, p.hostname = "c9300", "sw-core"
	p.summary = "Catalyst 9300, IOS-XE 17.9: install mode"
	p.features = append(p.features, stackable, showBoot, installMode)
	p.image = "flash:packages.conf"
	p.systems = c9300Systems
	p.entries = c9300Files
	return p
}

func c9300Systems() []*fileSystem {
	return []*fileSystem{
		{prefix: "system:", kind: "opaque", flags: "rw"},
		{prefix: "tmpsys:", kind: "opaque", flags: "rw"},
		{prefix: "crashinfo:", aliases: []string{"crashinfo-1:"}, kind: "disk", flags: "rw", total: 1651314688, unit: 4096},
		{prefix: "flash:", aliases: []string{"bootflash:", "flash-1:"}, kind: "disk", flags: "rw", total: 11353194496, unit: 4096},
		{prefix: "webui:", kind: "disk", flags: "ro", total: 3846701056, unit: 4096},
		{prefix: "null:", kind: "opaque", flags: "rw"},
		{prefix: "tar:", kind: "opaque", flags: "ro"},
		{prefix: "tftp:", kind: "network", flags: "rw"},
		{prefix: "nvram:", kind: "nvram", flags: "rw", total: 2097152, unit: 1},
		{prefix: "opcn:", kind: "opaque", flags: "rw"},
		{prefix: "rcp:", kind: "network", flags: "rw"},
		{prefix: "http:", kind: "network", flags: "rw"},
		{prefix: "ftp:", kind: "network", flags: "rw"},
		{prefix: "scp:", kind: "network", flags: "rw"},
		{prefix: "sftp:", kind: "network", flags: "rw"},
		{prefix: "https:", kind: "network", flags: "rw"},
		{prefix: "cns:", kind: "opaque", flags: "ro"},
	}
}

func c9300Files(t *textMaker) []file {
	pkg := func(index int, name string, size int64) file {
		name = "cat9k-" + name + ".17.09.04a.SPA.pkg"
		return file{index: index, perm: "-rw-", date: "Feb 6 2024 08:14:52", path: "flash:" + name,
			body: packageContent(name, size)}
	}
	return []file{
		{index: 16385, perm: "drwx", date: "Feb 6 2024 08:16:40", path: "flash:.installer", size: 4096},
		{index: 16386, perm: "-rw-", date: "Feb 6 2024 08:16:31", path: "flash:.installer/watchlist", body: textContent([]byte("rp_base\nrp_boot\n"))},
		{index: 32770, perm: "drwx", date: "Feb 6 2024 08:20:03", path: "flash:.prst_sync", size: 4096},
		{index: 32771, perm: "drwx", date: "Oct 12 2023 06:51:27", path: "flash:core", size: 4096},
		{index: 32772, perm: "drwx", date: "Feb 6 2024 08:18:22", path: "flash:dc_profile_dir", size: 4096},
		{index: 32773, perm: "-rw-", date: "Feb 6 2024 08:18:22", path: "flash:dc_profile_dir/dc_default_profiles.txt", body: t.made("dc_default_profiles.txt", 134458, "# device classifier profiles\n")},
		{index: 131074, perm: "-rw-", date: "Feb 6 2024 08:18:30", path: "flash:bootloader_evt_handle.log", body: t.made("bootloader_evt_handle.log", 16872, "bootloader events\n")},
		pkg(131075, "cc_srdriver", 1327109),
		pkg(131076, "espbase", 2933771),
		pkg(131077, "guestshell", 412677),
		pkg(131078, "rpbase", 42000013),
		pkg(131079, "rpboot", 3071541),
		pkg(131080, "sipbase", 1904645),
		pkg(131081, "sipspa", 998405),
		pkg(131082, "srdriver", 612357),
		pkg(131083, "webui", 1277957),
		pkg(131084, "wlc", 104453),
		{index: 131085, perm: "-rw-", date: "Feb 6 2024 08:15:01", path: "flash:packages.conf", body: t.file("packages.conf")},
		{index: 131086, perm: "-rw-", date: "Mar 5 2024 15:40:19", path: "flash:vlan.dat", body: t.made("vlan.dat", 3496, vlanMagic)},
		{index: 131087, perm: "-rw-", date: "Mar 5 2024 15:41:02", path: "flash:nvram_config", body: t.made("nvram_config", 2097152, "\xAB\xCD\x00\x01")},
		{index: 131088, perm: "-rw-", date: "Feb 6 2024 08:19:11", path: "flash:boothelper.log", body: textContent([]byte("BOOTHELPER: start\nBOOTHELPER: packages.conf found\n"))},
		{index: 11, perm: "drwx", date: "Oct 12 2023 06:44:53", path: "crashinfo:tracelogs", size: 4096},
		{index: 12, perm: "-rw-", date: "Feb 6 2024 08:17:59", path: "crashinfo:koops.dat", body: t.made("koops.dat", 357, "")},
		{index: 255, perm: "-rw-", date: "<no date>", path: "nvram:startup-config", body: t.file("running-config")},
		{index: 256, perm: "----", date: "<no date>", path: "nvram:private-config", body: t.made("private-config", 4219, "\x00\x00\x10\x77")},
		{index: 1, perm: "-rw-", date: "<no date>", path: "system:running-config", body: t.file("running-config")},
	}
}
