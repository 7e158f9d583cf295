package iossim

// c2960xStack is a stack of two Catalyst 2960-X with IOS 15.2(2)E, which calls
// the flash of its members flash-1: and flash-2: (Catalyst 2960-X, "Working
// with the Cisco IOS File System", release 15.2(2)E). Its second member runs
// and boots an older image. The texts are written after those of a real stack
// with one image.
func c2960xStack() *profile {
	p := classicSwitch()
	p.name, p.hostname = "c2960x-stack", "sw-stack2"
	p.summary = "two Catalyst 2960-X, IOS 15.2: the second member has another image"
	p.features = append(p.features, stackable)
	p.image = "flash:/" + c2960xImage
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash:", aliases: []string{"flash-1:"}, kind: "flash", flags: "rw", total: 122185728, unit: 2048},
			&fileSystem{prefix: "flash-2:", kind: "flash", flags: "rw", total: 122185728, unit: 2048},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 524288, unit: 1})
	}
	p.entries = c2960xFiles
	return p
}

const (
	c2960xImage    = "c2960x-universalk9-mz.152-2.E6.bin"
	c2960xOldImage = "c2960x-universalk9-mz.150-2.EX5.bin"
)

func c2960xFiles(t *textMaker) []file {
	image := func(version string) *content {
		return ClassicImage{Family: "C2960X", Features: "UNIVERSALK9", Version: version,
			Description: "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version " + version + ", RELEASE SOFTWARE (fc1)",
		}.content(72_000)
	}
	all := t.configs()
	for _, fs := range []string{"flash:", "flash-2:"} {
		all = append(all, []file{
			{index: 2, perm: "-rwx", date: "Jan 2 2018 00:03:10", path: fs + "multiple-fs", body: t.made("multiple-fs", 2072, "")},
			{index: 3, perm: "-rwx", date: "Jan 2 2018 00:05:31", path: fs + "vlan.dat", body: t.made("vlan.dat", 1464, vlanMagic)},
			{index: 4, perm: "-rwx", date: "Jan 2 2018 00:07:02", path: fs + "config.text", body: t.file("running-config")},
			{index: 5, perm: "-rwx", date: "Jan 2 2018 00:07:02", path: fs + "private-config.text", body: t.made("private-config.text", 3096, "")},
		}...)
	}
	return append(all,
		file{index: 6, perm: "-rwx", date: "Jan 2 2018 00:02:09", path: "flash:" + c2960xImage, body: image("15.2(2)E6")},
		file{index: 6, perm: "-rwx", date: "Jan 2 2016 00:02:09", path: "flash-2:" + c2960xOldImage, body: image("15.0(2)EX5")})
}
