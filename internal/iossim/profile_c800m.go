package iossim

// c800m is a C841M router with IOS 15.5(3)M, whose flash is called sdflash:;
// flash: is another word for it. The listing has the form of a real C841M's
// ("Directory of sdflash:/"), the rest is written after it.
func c800m() *profile {
	p := classicRouter()
	p.name, p.hostname = "c800m", "rt-shop"
	p.summary = "800M router, IOS 15.5: sdflash: instead of flash:"
	p.zone = " +09:00"
	p.image = "flash:c800m-universalk9-mz.SPA.155-3.M10.bin"
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "sdflash:", aliases: []string{"flash:"}, kind: "disk", flags: "rw", total: 972046336, unit: 4096},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 262136, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		image := ClassicImage{Family: "C800M", Features: "UNIVERSALK9", Version: "15.5(3)M10",
			Description: "Cisco IOS Software, C800M Software (C800M-UNIVERSALK9-M), Version 15.5(3)M10, RELEASE SOFTWARE (fc2)"}
		return append(t.configs(), []file{
			{index: 407, perm: "-rw-", date: "May 10 2022 00:42:58", path: "sdflash:c800m-universalk9-mz.SPA.155-3.M10.bin", body: image.content(68_003)},
			{index: 408, perm: "-rw-", date: "May 10 2022 00:50:12", path: "sdflash:vlan.dat", body: t.made("vlan.dat", 660, vlanMagic)},
		}...)
	}
	return p
}
