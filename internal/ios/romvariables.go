package ios

import (
	"strings"

	"flashwarden/internal/lazyregexp"
)

// ROMVariables is the variables of the boot loader of a Catalyst with IOS-XE
// that are set, by their names.
type ROMVariables map[string]string

// SWITCH_IGNORE_STARTUP_CFG="1"
// ConfigReg = 0x142
var romVariable = lazyregexp.New(`^([A-Za-z][A-Za-z0-9_]*) ?= ?"?([^"]*)"?$`)

// ParseROMVariables reads show romvar. Lines of any other form, such as the
// refusal of a device without this command, give no variable.
func ParseROMVariables(text string) ROMVariables {
	variables := ROMVariables{}
	for _, line := range linesOf(text) {
		if m := romVariable.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			variables[m[1]] = m[2]
		}
	}
	return variables
}

// IgnoresStartup reports whether the switch does not read its startup-config
// when it starts, as during the recovery of a password (Cisco, "Perform Password
// Recovery on Catalyst 9000 Switches").
func (v ROMVariables) IgnoresStartup() bool {
	register, ok := ParseRegister(v["ConfigReg"])
	return v["SWITCH_IGNORE_STARTUP_CFG"] == "1" || ok && register.IgnoresStartup()
}
