package iossim

// c2960 is a Catalyst 2960 with IOS 12.2(25)FX whose image lies in a directory
// that ends in .bin itself, as a public listing shows it: drwx …
// c2960-lanbase-mz.122-25.FX.bin. The texts are written after the Catalyst
// 2960 software configuration guide.
func c2960() *profile {
	p := classicSwitch()
	p.name, p.hostname = "c2960", "sw-floor2"
	p.summary = "Catalyst 2960, IOS 12.2: the image in a directory that ends in .bin"
	p.features = []feature{verifyMD5, verifyImage, showBoot} // no recursive listing: directory by directory
	p.image = "flash:" + c2960Image + "/" + c2960Image
	p.boots = []string{"flash:" + c2960Image}
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash:", kind: "flash", flags: "rw", total: 32514048, unit: 512},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 65536, unit: 1})
	}
	p.entries = c2960Files
	return p
}

const c2960Image = "c2960-lanbase-mz.122-25.FX.bin"

func c2960Files(t *textMaker) []file {
	image := ClassicImage{Family: "C2960", Features: "LANBASE", Version: "12.2(25)FX",
		Description: "Cisco IOS Software, C2960 Software (C2960-LANBASE-M), Version 12.2(25)FX, RELEASE SOFTWARE (fc1)"}
	return append(t.configs(), []file{
		{index: 2, perm: "-rwx", date: "Mar 1 1993 00:01:07", path: "flash:multiple-fs", body: t.made("multiple-fs", 1048, "")},
		{index: 3, perm: "-rwx", date: "Mar 4 1993 02:27:53", path: "flash:config.text", body: t.file("running-config")},
		{index: 4, perm: "-rwx", date: "Mar 4 1993 02:27:53", path: "flash:private-config.text", body: t.made("private-config.text", 5, "")},
		{index: 5, perm: "-rwx", date: "Mar 1 1993 00:06:30", path: "flash:vlan.dat", body: t.made("vlan.dat", 736, vlanMagic)},
		{index: 6, perm: "drwx", date: "Mar 1 1993 00:05:16", path: "flash:" + c2960Image, size: 192},
		{index: 7, perm: "drwx", date: "Mar 1 1993 00:03:22", path: "flash:" + c2960Image + "/html", size: 320},
		{index: 8, perm: "-rwx", date: "Mar 1 1993 00:03:22", path: "flash:" + c2960Image + "/html/index.htm", body: t.made("index.htm", 560, "<html>\n")},
		{index: 261, perm: "-rwx", date: "Mar 1 1993 00:05:14", path: "flash:" + c2960Image + "/" + c2960Image, body: image.content(69_632)},
		{index: 262, perm: "-rwx", date: "Mar 1 1993 00:05:16", path: "flash:" + c2960Image + "/info", body: t.made("info", 416, "version_suffix: lanbase-122-25.FX\n")},
	}...)
}
