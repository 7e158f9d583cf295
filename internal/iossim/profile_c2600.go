package iossim

// c2600 is a router of the 2600 series that runs an image which is not in its
// flash any more: another one was put there since it booted, and BOOT names
// none. The shape is that of a real 2610 (show version names
// c2600-j1s3-mz.123-22.bin, its flash holds two others), the texts are written
// after the listings of 2600s.
func c2600() *profile {
	p := classicRouter()
	p.name, p.hostname = "c2600", "rt-branch"
	p.summary = "2600 router, IOS 12.3: the running image was removed from flash"
	p.features = []feature{verifyMD5, verifyImage, showBootvar}
	p.transport, p.uplink = transportTelnet, "FastEthernet0/0"
	p.image, p.boots = "flash:c2600-j1s3-mz.123-22.bin", []string{}
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash:", kind: "flash", flags: "rw", total: 16252928, unit: 4},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 29688, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		image := ClassicImage{Family: "C2600", Features: "I", Version: "12.2(12e)",
			Description: "IOS (tm) C2600 Software (C2600-I-M), Version 12.2(12e), RELEASE SOFTWARE (fc1)"}
		return append(t.configs(), file{index: 1, perm: "-rw-", date: "<no date>", path: "flash:c2600-i-mz.122-12e.bin", body: image.content(66_000)})
	}
	return p
}
