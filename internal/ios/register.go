package ios

import (
	"strconv"
	"strings"
)

// Register is a config-register. Its bits decide how a device starts (Cisco,
// "Use of the Configuration Register on All Cisco Routers").
type Register uint16

// ParseRegister reads 0x2102. ok is false for any other text.
func ParseRegister(text string) (r Register, ok bool) {
	digits, hex := strings.CutPrefix(strings.ToLower(text), "0x")
	n, err := strconv.ParseUint(digits, 16, 16)
	return Register(n), hex && err == nil
}

// ignoresNVRAM is the two bits with which a device ignores its startup-config:
// 0x0040, for the recovery of a password, and 0x8000, which also prints diagnostic
// messages.
const ignoresNVRAM = 0x8040

// IgnoresStartup reports whether the device ignores its startup-config when it
// starts.
func (r Register) IgnoresStartup() bool { return r&ignoresNVRAM != 0 }

// ReadingStartup returns r without the bits for which IgnoresStartup is true.
func (r Register) ReadingStartup() Register { return r &^ ignoresNVRAM }

// BootField is the low four bits. 0: stay in ROMMON. 1: start the first image
// in flash, or the boot helper. 2 to 15: start the files of BOOT.
func (r Register) BootField() int { return int(r & 0x000F) }
