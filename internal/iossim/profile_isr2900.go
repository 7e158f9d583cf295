package iossim

// isr2900 is a 2901 router with IOS 15.2(4)M: flash: is typed, flash0: is
// printed, and show file systems marks it flash:#. flash1: is an empty slot of
// the same router and no stack member. show version and the listing have the
// form of real ISRs of the second generation.
func isr2900() *profile {
	p := classicRouter()
	p.name, p.hostname = "isr2900", "rt-wan"
	p.summary = "2900 router, IOS 15.2: flash: is typed, flash0: printed"
	p.zone = " -05:00"
	p.image = "flash0:" + isr2900Image
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash0:", aliases: []string{"flash:"}, mark: "#", kind: "disk", flags: "rw", total: 255488000, unit: 4096},
			&fileSystem{prefix: "flash1:", kind: "disk", flags: "rw"},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 262136, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		image := ClassicImage{Family: "C2900", Features: "UNIVERSALK9", Version: "15.2(4)M1",
			Description: "Cisco IOS Software, C2900 Software (C2900-UNIVERSALK9-M), Version 15.2(4)M1, RELEASE SOFTWARE (fc1)"}
		return append(t.configs(), []file{
			{index: 1, perm: "-rw-", date: "Mar 5 2012 20:00:48", path: "flash0:" + isr2900Image, body: image.content(75_000)},
			{index: 2, perm: "-rw-", date: "Mar 5 2012 20:10:54", path: "flash0:cpconfig-29xx.cfg", body: t.made("cpconfig-29xx.cfg", 2903, "! configuration\n")},
			{index: 3, perm: "-rw-", date: "Jun 1 2018 18:08:20", path: "flash0:vlan.dat", body: t.made("vlan.dat", 616, vlanMagic)},
		}...)
	}
	return p
}

const isr2900Image = "c2900-universalk9-mz.SPA.152-4.M1.bin"
