package iossim

// c2500 is a router of the 2500 series with IOS 11.3/12.0: the oldest copy
// dialogue, no digests, no directories, a line that asks for the password
// alone when there is no user name. Its questions and answers are the examples
// of the Configuration Fundamentals Command Reference, "copy"; no real text of
// a whole session is known.
func c2500() *profile {
	p := c3500xl()
	p.name, p.like, p.hostname = "c2500", "", "rt-museum"
	p.summary = "2500 router, IOS 12.0: the old copy dialogue, no digests"
	p.features = []feature{verifyFlash, showBootvar, oldCopy}
	p.asksSource, p.uplink, p.bootList = false, "Ethernet0", true
	p.image = "flash:" + c2500Image
	p.systems = func() []*fileSystem {
		return withOthers(
			&fileSystem{prefix: "flash:", kind: "flash", flags: "rw", total: 8388608, unit: 4},
			&fileSystem{prefix: "nvram:", kind: "nvram", flags: "rw", total: 32762, unit: 1})
	}
	p.entries = func(t *textMaker) []file {
		image := ClassicImage{Family: "C2500", Features: "I", Version: "12.0(9)",
			Description: "IOS (tm) 2500 Software (C2500-I-L), Version 12.0(9), RELEASE SOFTWARE (fc1)"}
		return append(t.configs(), file{index: 1, perm: "-rw-", date: "<no date>", path: "flash:" + c2500Image, body: image.content(65_540)})
	}
	return p
}

const c2500Image = "c2500-i-l.120-9.bin" // run from flash: the letter l
