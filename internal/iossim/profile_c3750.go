package iossim

// c3750 is a Catalyst 3750 with IOS 15.0(2)SE8: SSH with the algorithms of its
// time only, and an image inside a directory of its own name, as archive
// download-sw leaves it.
func c3750() *profile {
	p := classicSwitch()
	p.name, p.hostname = "c3750", "sw-office"
	p.summary = "Catalyst 3750, IOS 15.0: SSH with old algorithms, the image in a directory"
	p.features = append(p.features, stackable)
	p.image = "flash:/" + c3750Image + "/" + c3750Image + ".bin"
	p.systems = c3750Systems
	p.entries = func(t *textMaker) []file { return c3750Files(t, "flash:") }
	return p
}

func c3750Systems() []*fileSystem {
	return []*fileSystem{
		{prefix: "flash:", aliases: []string{"flash1:"}, kind: "flash", flags: "rw", total: 32514048, unit: 512},
		{prefix: "system:", kind: "opaque", flags: "rw"},
		{prefix: "tmpsys:", kind: "opaque", flags: "rw"},
		{prefix: "bs:", kind: "opaque", flags: "ro"},
		{prefix: "null:", kind: "opaque", flags: "rw"},
		{prefix: "tar:", kind: "opaque", flags: "ro"},
		{prefix: "tftp:", kind: "network", flags: "rw"},
		{prefix: "nvram:", kind: "nvram", flags: "rw", total: 524288, unit: 1},
		{prefix: "xmodem:", kind: "opaque", flags: "ro"},
		{prefix: "ymodem:", kind: "opaque", flags: "ro"},
		{prefix: "rcp:", kind: "network", flags: "rw"},
		{prefix: "ftp:", kind: "network", flags: "rw"},
		{prefix: "scp:", kind: "network", flags: "rw"},
		{prefix: "http:", kind: "network", flags: "rw"},
		{prefix: "https:", kind: "network", flags: "rw"},
		{prefix: "cns:", kind: "opaque", flags: "ro"},
	}
}

const c3750Image = "c3750-ipservicesk9-mz.150-2.SE8"

// c3750Files is the flash of every member of a stack, the master's first, and
// what belongs to all.
func c3750Files(t *textMaker, members ...string) []file {
	image := ClassicImage{
		Family: "C3750", Features: "IPSERVICESK9", Version: "15.0(2)SE8",
		Description: "Cisco IOS Software, C3750 Software (C3750-IPSERVICESK9-M), Version 15.0(2)SE8, RELEASE SOFTWARE (fc1)",
	}
	body := image.content(18286080)
	var all []file
	for _, fs := range members {
		all = append(all, c3750Member(t, fs, body)...)
	}
	return append(all, []file{
		{index: 1, perm: "-rw-", date: "<no date>", path: "nvram:startup-config", body: t.file("running-config")},
		{index: 2, perm: "----", date: "<no date>", path: "nvram:private-config", body: t.made("private-config", 3096, "\x00\x00\x0c\x10")},
		{index: 3, perm: "-rw-", date: "<no date>", path: "nvram:multiple-fs", body: t.made("multiple-fs", 5824, "")},
		{index: 1, perm: "-rw-", date: "<no date>", path: "system:running-config", body: t.file("running-config")},
	}...)
}

// c3750Member is the flash of one switch of a stack.
func c3750Member(t *textMaker, fs string, image *content) []file {
	return []file{
		{index: 2, perm: "-rwx", date: "Mar 1 1993 00:02:41", path: fs + "multiple-fs", body: t.made("multiple-fs", 5824, "")},
		{index: 3, perm: "-rwx", date: "Jun 9 2021 13:20:08", path: fs + "vlan.dat", body: t.made("vlan.dat", 1096, vlanMagic)},
		{index: 4, perm: "-rwx", date: "Nov 3 2023 09:11:47", path: fs + "config.text", body: t.file("running-config")},
		{index: 5, perm: "-rwx", date: "Nov 3 2023 09:11:47", path: fs + "private-config.text", body: t.made("private-config.text", 3096, "\x00\x00\x0c\x10")},
		{index: 6, perm: "drwx", date: "Mar 1 1993 00:11:30", path: fs + c3750Image, size: 192},
		{index: 7, perm: "drwx", date: "Mar 1 1993 00:05:12", path: fs + c3750Image + "/html", size: 448},
		{index: 381, perm: "-rwx", date: "Mar 1 1993 00:09:35", path: fs + c3750Image + "/" + c3750Image + ".bin",
			body: image},
		{index: 382, perm: "-rwx", date: "Mar 1 1993 00:11:30", path: fs + c3750Image + "/info", body: t.file("info")},
		{index: 8, perm: "-rwx", date: "Mar 1 1993 00:05:14", path: fs + c3750Image + "/html/index.htm", body: t.file("index")},
	}
}
