package iossim

// c9300 is a Catalyst 9300 with IOS-XE 17.9 in install mode: no bootable .bin,
// but packages.conf and the packages that it names. The largest is over 40 MB,
// so that block numbers of 512 bytes pass 65535.
func c9300() *profile {
	return &profile{
		name:      "c9300",
		hostname:  "sw-core",
		transport: transportSSH,
		features:  []feature{verifyMD5, verifySHA512, verifyImage, dirRecursive, stackable, vrfCopy},

		sshVersion: "SSH-2.0-Cisco-1.25",
		keyExchanges: []string{"curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp384", "ecdh-sha2-nistp521",
			"diffie-hellman-group14-sha256", "diffie-hellman-group16-sha512"},
		ciphers:           []string{"chacha20-poly1305@openssh.com", "aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr"},
		macs:              []string{"hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"},
		hostKeyBits:       2048,
		hostKeyAlgorithms: []string{"rsa-sha2-512", "rsa-sha2-256"},

		dirFormat:  "%5d  %s%17d  %27s  %s",
		dateLayout: "Jan 2 2006 15:04:05",
		zone:       " +00:00",
		fsHeading:  "       Size(b)       Free(b)      Type  Flags  Prefixes",
		fsFormat:   "%s%13s%14s%10s%7s   %s\n",
		numbered:   true,
		imageCheck: "SHA1",

		blockSize: 8192,
		uplink:    "GigabitEthernet0/0",
		image:     "flash:packages.conf",
		bootList:  true,
		systems:   c9300Systems,
		entries:   c9300Files,
	}
}

func c9300Systems() []*fileSystem {
	return []*fileSystem{
		{prefix: "system:", kind: "opaque", flags: "rw"},
		{prefix: "tmpsys:", kind: "opaque", flags: "rw"},
		{prefix: "crashinfo:", aliases: []string{"crashinfo-1:"}, kind: "disk", flags: "rw", total: 1651314688, unit: 4096},
		{prefix: "flash:", aliases: []string{"bootflash:", "flash-1:"}, kind: "disk", flags: "rw", total: 11353194496, unit: 4096},
		{prefix: "webui:", kind: "disk", flags: "ro", total: 3846701056, unit: 4096},
		{prefix: "null:", kind: "opaque", flags: "rw"},
		{prefix: "tar:", kind: "opaque", flags: "ro"},
		{prefix: "tftp:", kind: "network", flags: "rw"},
		{prefix: "nvram:", kind: "nvram", flags: "rw", total: 2097152, unit: 1},
		{prefix: "opcn:", kind: "opaque", flags: "rw"},
		{prefix: "rcp:", kind: "network", flags: "rw"},
		{prefix: "http:", kind: "network", flags: "rw"},
		{prefix: "ftp:", kind: "network", flags: "rw"},
		{prefix: "scp:", kind: "network", flags: "rw"},
		{prefix: "sftp:", kind: "network", flags: "rw"},
		{prefix: "https:", kind: "network", flags: "rw"},
		{prefix: "cns:", kind: "opaque", flags: "ro"},
	}
}

func c9300Files(t *textMaker) []file {
	pkg := func(index int, name string, size int64) file {
		name = "cat9k-" + name + ".17.09.04a.SPA.pkg"
		return file{index: index, perm: "-rw-", date: "Feb 6 2024 08:14:52", path: "flash:" + name,
			body: packageContent(name, size)}
	}
	return []file{
		{index: 16385, perm: "drwx", date: "Feb 6 2024 08:16:40", path: "flash:.installer", size: 4096},
		{index: 16386, perm: "-rw-", date: "Feb 6 2024 08:16:31", path: "flash:.installer/watchlist", body: textContent([]byte("rp_base\nrp_boot\n"))},
		{index: 32770, perm: "drwx", date: "Feb 6 2024 08:20:03", path: "flash:.prst_sync", size: 4096},
		{index: 32771, perm: "drwx", date: "Oct 12 2023 06:51:27", path: "flash:core", size: 4096},
		{index: 32772, perm: "drwx", date: "Feb 6 2024 08:18:22", path: "flash:dc_profile_dir", size: 4096},
		{index: 32773, perm: "-rw-", date: "Feb 6 2024 08:18:22", path: "flash:dc_profile_dir/dc_default_profiles.txt", body: t.made("dc_default_profiles.txt", 134458, "# device classifier profiles\n")},
		{index: 131074, perm: "-rw-", date: "Feb 6 2024 08:18:30", path: "flash:bootloader_evt_handle.log", body: t.made("bootloader_evt_handle.log", 16872, "bootloader events\n")},
		pkg(131075, "cc_srdriver", 1327109),
		pkg(131076, "espbase", 2933771),
		pkg(131077, "guestshell", 412677),
		pkg(131078, "rpbase", 42000013),
		pkg(131079, "rpboot", 3071541),
		pkg(131080, "sipbase", 1904645),
		pkg(131081, "sipspa", 998405),
		pkg(131082, "srdriver", 612357),
		pkg(131083, "webui", 1277957),
		pkg(131084, "wlc", 104453),
		{index: 131085, perm: "-rw-", date: "Feb 6 2024 08:15:01", path: "flash:packages.conf", body: t.file("packages.conf")},
		{index: 131086, perm: "-rw-", date: "Mar 5 2024 15:40:19", path: "flash:vlan.dat", body: t.made("vlan.dat", 3496, vlanMagic)},
		{index: 131087, perm: "-rw-", date: "Mar 5 2024 15:41:02", path: "flash:nvram_config", body: t.made("nvram_config", 2097152, "\xAB\xCD\x00\x01")},
		{index: 131088, perm: "-rw-", date: "Feb 6 2024 08:19:11", path: "flash:boothelper.log", body: textContent([]byte("BOOTHELPER: start\nBOOTHELPER: packages.conf found\n"))},
		{index: 11, perm: "drwx", date: "Oct 12 2023 06:44:53", path: "crashinfo:tracelogs", size: 4096},
		{index: 12, perm: "-rw-", date: "Feb 6 2024 08:17:59", path: "crashinfo:koops.dat", body: t.made("koops.dat", 357, "")},
		{index: 255, perm: "-rw-", date: "<no date>", path: "nvram:startup-config", body: t.file("running-config")},
		{index: 256, perm: "----", date: "<no date>", path: "nvram:private-config", body: t.made("private-config", 4219, "\x00\x00\x10\x77")},
		{index: 1, perm: "-rw-", date: "<no date>", path: "system:running-config", body: t.file("running-config")},
	}
}
