package iossim

// c4500Redundant is a Catalyst 4507R with two supervisors and IOS 12.2(54)SG:
// the flash of the second one is slavebootflash:, and vlan.dat is in
// cat4000_flash:. Written after the Catalyst 4500 software configuration
// guide, "Configuring Supervisor Engine Redundancy"; the form of show version
// and of the image's name are a real one's.
func c4500Redundant() *profile {
	p := classicRouter()
	p.name, p.hostname = "c4500-redundant", "sw-campus"
	p.summary = "Catalyst 4500, IOS 12.2: two supervisors, slavebootflash:"
	p.home = "bootflash:"
	p.image = "bootflash:" + c4500Image
	p.systems = func() []*fileSystem {
		flash := func(prefix string, total int64) *fileSystem {
			return &fileSystem{prefix: prefix, kind: "flash", flags: "rw", total: total, unit: 4}
		}
		return withOthers(
			flash("bootflash:", 60817408), flash("cat4000_flash:", 524288), flash("slavebootflash:", 60817408),
			&fileSystem{prefix: "slot0:", kind: "flash", flags: "rw"},
			&fileSystem{prefix: "slavenvram:", kind: "nvram", flags: "rw", total: 523248, unit: 1},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 523248, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		image := ClassicImage{Family: "CAT4500E", Features: "ENTSERVICESK9", Version: "12.2(54)SG1",
			Description: "Cisco IOS Software, Catalyst 4500 L3 Switch Software (cat4500e-ENTSERVICESK9-M), Version 12.2(54)SG1, RELEASE SOFTWARE (fc1)"}.content(80_000)
		return append(t.configs(), []file{
			{index: 1, perm: "-rw-", date: "Feb 2 2013 11:10:41", path: "bootflash:" + c4500Image, body: image},
			{index: 1, perm: "-rw-", date: "Feb 2 2013 11:24:06", path: "slavebootflash:" + c4500Image, body: image},
			{index: 1, perm: "-rw-", date: "Jun 7 2014 06:02:11", path: "cat4000_flash:vlan.dat", body: t.made("vlan.dat", 1216, vlanMagic)},
		}...)
	}
	return p
}

const c4500Image = "cat4500e-entservicesk9-mz.122-54.SG1.bin"
