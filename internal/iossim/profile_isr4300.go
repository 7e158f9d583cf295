package iossim

// isr4300 is a 4331 router with IOS-XE 3.16S in bundle mode: bootflash:, and
// show bootflash: with absolute paths (/bootflash/x), in the form of a real
// one.
func isr4300() *profile {
	p := xe()
	p.name, p.hostname = "isr4300", "rt-edge"
	p.summary = "4300 router, IOS-XE 3.16: bootflash:, bundle mode"
	p.features = append(p.features, showBootvar, showBootflash)
	p.home, p.mount = "bootflash:", "/bootflash/"
	p.image = "bootflash:/" + isr4300Image
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "bootflash:", aliases: []string{"flash:"}, kind: "disk", flags: "rw", total: 14244356096, unit: 4096},
			&fileSystem{prefix: "usb0:", kind: "usbflash", flags: "rw"},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 33554432, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		return append(t.configs(), []file{
			{index: 11, perm: "drwx", date: "Apr 20 2017 23:08:16", path: "bootflash:lost+found", size: 16384},
			{index: 12, perm: "-rw-", date: "Apr 20 2017 23:18:43", path: "bootflash:" + isr4300Image, body: packageContent(isr4300Image, 350_003)},
			{index: 64897, perm: "drwx", date: "Oct 9 2020 03:35:54", path: "bootflash:tracelogs", size: 8192},
			{index: 64898, perm: "-rw-", date: "Oct 12 2020 07:27:04", path: "bootflash:tracelogs/boottime", body: t.made("boottime", 1664, "boot\n")},
			{index: 13, perm: "-rw-", date: "Oct 26 2017 06:06:43", path: "bootflash:throughput_monitor_params", body: t.made("throughput_monitor_params", 30, "")},
		}...)
	}
	return p
}

const isr4300Image = "isr4300-universalk9.03.16.04b.S.155-3.S4b-ext.SPA.bin"
