package iossim

// c3750Stack is a stack of two Catalyst 3750 with IOS 15.0(2)SE8: one device
// with the flash of the master, flash: or flash1:, and that of the member,
// flash2:.
func c3750Stack() *profile {
	p := c3750()
	p.name, p.like, p.hostname = "c3750-stack", "c3750", "sw-stack"
	p.summary = "two Catalyst 3750, IOS 15.0: flash1: and flash2:"
	p.systems = func() []*fileSystem {
		member := &fileSystem{prefix: "flash2:", kind: "flash", flags: "rw", total: 32514048, unit: 512}
		return append(c3750Systems(), member)
	}
	p.entries = func(t *textMaker) []file { return c3750Files(t, "flash:", "flash2:") }
	return p
}
