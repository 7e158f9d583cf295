package iossim

// c6500VSS is a virtual switching system of two Catalyst 6500 with IOS
// 12.2(33)SXJ: an image without .bin on sup-bootdisk:, the second chassis'
// disks begin with slave, vlan.dat is in const_nvram:. Written after the
// Catalyst 6500 release 12.2SX software configuration guide, "Configuring
// Virtual Switching Systems", and the Command Reference, "vtp"; the form of
// show version and of the image's name are a real 6500's.
func c6500VSS() *profile {
	p := classicRouter()
	p.name, p.hostname = "c6500-vss", "core-vss"
	p.summary = "two Catalyst 6500 as one (VSS), IOS 12.2: an image without .bin, const_nvram:"
	p.home = "disk0:"
	p.image = "sup-bootdisk:" + c6500Image
	p.systems = func() []*fileSystem {
		disk := func(prefix string, total int64) *fileSystem {
			return &fileSystem{prefix: prefix, kind: "disk", flags: "rw", total: total, unit: 4096}
		}
		nvram := func(prefix string, total int64) *fileSystem {
			return &fileSystem{prefix: prefix, kind: "nvram", flags: "rw", total: total, unit: 1}
		}
		return withOthers(
			nvram("nvram:", 1964024), nvram("const_nvram:", 129004),
			disk("disk0:", 512065536), disk("sup-bootdisk:", 1024589824),
			&fileSystem{prefix: "sup-image:", kind: "disk", flags: "ro"},
			disk("slavedisk0:", 512065536), disk("slavesup-bootdisk:", 1024589824),
			nvram("slavenvram:", 1964024), nvram("slaveconst_nvram:", 129004))
	}
	p.entries = c6500Files
	return p
}

const c6500Image = "s72033-ipservicesk9_wan-mz.122-33.SXJ10" // no .bin

func c6500Files(t *textMaker) []file {
	image := ClassicImage{Family: "S72033", Features: "IPSERVICESK9_WAN", Version: "12.2(33)SXJ10",
		Description: "Cisco IOS Software, s72033_rp Software (s72033_rp-IPSERVICESK9_WAN-M), Version 12.2(33)SXJ10, RELEASE SOFTWARE (fc3)"}.content(90_001)
	vlans := t.made("vlan.dat", 2724, vlanMagic)
	return append(t.configs(), []file{
		{index: 1, perm: "-rw-", date: "<no date>", path: "const_nvram:vlan.dat", body: vlans},
		{index: 1, perm: "-rw-", date: "<no date>", path: "slaveconst_nvram:vlan.dat", body: vlans},
		{index: 1, perm: "-rw-", date: "Mar 30 2016 07:11:52", path: "disk0:core-vss-confg", body: t.file("running-config")},
		{index: 1, perm: "-rw-", date: "Mar 30 2016 06:58:20", path: "sup-bootdisk:" + c6500Image, body: image},
		{index: 1, perm: "-rw-", date: "Mar 30 2016 07:03:44", path: "slavesup-bootdisk:" + c6500Image, body: image},
	}...)
}
