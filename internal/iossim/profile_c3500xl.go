package iossim

// c3500xl is a Catalyst 3500XL with IOS 12.0(5)WC10: no cryptography, hence
// Telnet; no verify /md5; TFTP in blocks of 512 bytes without options.
func c3500xl() *profile {
	return &profile{
		name:      "c3500xl",
		summary:   "Catalyst 3500XL, IOS 12.0: Telnet, no digests",
		hostname:  "sw-cellar",
		transport: transportTelnet,
		features:  []feature{verifyFlash, showBoot},

		dirFormat:  "%3d  %s  %10d   %20s  %s",
		dateLayout: "Jan 02 2006 15:04:05",
		fsHeading:  "     Size(b)     Free(b)      Type  Flags  Prefixes",
		fsFormat:   "%s %10s  %10s %9s  %5s   %s\n",

		asksSource: true,
		wholeSecs:  true,
		uplink:     "VLAN1",
		image:      "flash:" + c3500xlImage,
		systems:    c3500xlSystems,
		entries:    c3500xlFiles,
	}
}

func c3500xlSystems() []*fileSystem {
	return []*fileSystem{
		{prefix: "flash:", kind: "flash", flags: "rw", total: 3612672, unit: 512},
		{prefix: "system:", kind: "opaque", flags: "ro"},
		{prefix: "bs:", kind: "opaque", flags: "ro"},
		{prefix: "nvram:", kind: "nvram", flags: "rw", total: 32768, unit: 1},
		{prefix: "null:", kind: "opaque", flags: "rw"},
		{prefix: "tftp:", kind: "network", flags: "rw"},
		{prefix: "rcp:", kind: "network", flags: "rw"},
		{prefix: "ftp:", kind: "network", flags: "rw"},
	}
}

const c3500xlImage = "c3500xl-c3h2s-mz.120-5.WC10.bin"

func c3500xlFiles(t *textMaker) []file {
	image := ClassicImage{
		Family: "C3500XL", Features: "C3H2S", Version: "12.0(5)WC10",
		Description: "IOS (tm) C3500XL Software (C3500XL-C3H2S-M), Version 12.0(5)WC10, RELEASE SOFTWARE (fc1)",
	}
	return []file{
		{index: 2, perm: "-rwx", date: "May 17 2004 08:41:12", path: "flash:" + c3500xlImage,
			body: image.content(1809168)},
		{index: 4, perm: "drwx", date: "May 17 2004 08:41:55", path: "flash:html", size: 704},
		{index: 20, perm: "-rwx", date: "Mar 02 2004 07:15:33", path: "flash:snmpengineid", body: textContent([]byte("80000009030000D0BA5A17C0\n"))},
		{index: 5, perm: "-rwx", date: "May 17 2004 08:41:56", path: "flash:info", body: t.file("info")},
		{index: 113, perm: "-rwx", date: "Jan 14 2020 16:02:21", path: "flash:vlan.dat", body: t.made("vlan.dat", 2212, vlanMagic)},
		{index: 16, perm: "-rwx", date: "May 17 2004 08:41:56", path: "flash:info.ver", body: t.file("info")},
		{index: 18, perm: "-rwx", date: "Feb 20 2019 11:37:04", path: "flash:config.text", body: t.file("running-config")},
		{index: 3, perm: "-rwx", date: "May 17 2004 08:40:01", path: "flash:env_vars", body: t.file("env_vars")},
		{index: 6, perm: "-rwx", date: "May 17 2004 08:41:57", path: "flash:html/homepage.htm", body: t.file("homepage")},
		{index: 7, perm: "-rwx", date: "May 17 2004 08:41:58", path: "flash:html/toolbar.js", body: t.made("toolbar.js", 9381, "/* tool bar */\n")},
		{index: 1, perm: "-rw-", date: "<no date>", path: "nvram:startup-config", body: t.file("running-config")},
		{index: 2, perm: "----", date: "<no date>", path: "nvram:private-config", body: textContent([]byte("\x00\x00\x00\x00\n"))},
		{index: 1, perm: "-rw-", date: "<no date>", path: "system:running-config", body: t.file("running-config")},
	}
}

// vlanMagic begins every vlan.dat.
const vlanMagic = "\xBA\xDB\x10\x0D\x00\x00\x00\x02"
