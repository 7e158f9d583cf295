package iossim

// c2950 is a Catalyst 2950 with IOS 12.1(22)EA: Telnet, no verify /md5, no
// recursive listing. Written after the Catalyst 2950 software configuration
// guide, appendix B, and the file names of real ones.
func c2950() *profile {
	p := classicSwitch()
	p.name, p.hostname = "c2950", "sw-lab"
	p.summary = "Catalyst 2950, IOS 12.1: Telnet, no verify /md5"
	p.features = []feature{verifyFlash, showBoot}
	p.transport, p.asksSource = transportTelnet, true
	p.image = "flash:/" + c2950Image
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash:", kind: "flash", flags: "rw", total: 7741440, unit: 512},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 32768, unit: 1})
	}
	p.entries = c2950Files
	return p
}

const c2950Image = "c2950-i6q4l2-mz.121-22.EA4a.bin"

func c2950Files(t *textMaker) []file {
	image := ClassicImage{Family: "C2950", Features: "I6Q4L2", Version: "12.1(22)EA4a",
		Description: "IOS (tm) C2950 Software (C2950-I6Q4L2-M), Version 12.1(22)EA4a, RELEASE SOFTWARE (fc1)"}
	return append(t.configs(), []file{
		{index: 2, perm: "-rwx", date: "Mar 1 1993 00:03:14", path: "flash:" + c2950Image, body: image.content(70_001)},
		{index: 3, perm: "-rwx", date: "Mar 1 1993 00:00:25", path: "flash:env_vars", body: t.file("env_vars")},
		{index: 4, perm: "-rwx", date: "Mar 2 1993 10:11:09", path: "flash:config.text", body: t.file("running-config")},
		{index: 5, perm: "-rwx", date: "Mar 2 1993 10:11:09", path: "flash:private-config.text", body: t.made("private-config.text", 24, "")},
		{index: 6, perm: "-rwx", date: "Mar 1 1993 00:04:40", path: "flash:vlan.dat", body: t.made("vlan.dat", 676, vlanMagic)},
		{index: 7, perm: "drwx", date: "Mar 1 1993 00:04:02", path: "flash:html", size: 832},
		{index: 8, perm: "-rwx", date: "Mar 1 1993 00:04:02", path: "flash:html/homepage.htm", body: t.made("homepage.htm", 1392, "<html>\n")},
	}...)
}
