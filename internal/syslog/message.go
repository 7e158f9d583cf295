// Package syslog hears from devices that something on them has changed, and asks for one
// look at each.
package syslog

import (
	"slices"
	"strings"

	"flashwarden/internal/lazyregexp"
)

// mnemonic is the part of a message that says what it is about: %SYS-5-CONFIG_I:, and on a
// chassis with several processors %SYS-SP-5-RESTART: (Cisco, "System Log Message Format").
// What stands before it depends on the configuration of the device: a sequence number, a
// host name, a time.
var mnemonic = lazyregexp.New(`%([A-Z0-9_]+)(?:-[A-Z0-9_]+)*-[0-7]-([A-Z0-9_]+):`)

// maxBefore is how far into a message its mnemonic may begin, in bytes. Behind that it is
// part of the text.
const maxBefore = 200

// changes are the mnemonics of changes, by facility.
var changes = map[string][]string{
	"SYS":     {"CONFIG_I", "CONFIG_NV_I", "CONFIG_NV", "RELOAD", "RESTART", "BOOTTIME"},
	"PARSER":  {"CFGLOG_LOGGEDCMD"},
	"INSTALL": {"INSTALL_COMPLETED_INFO", "INSTALL_AUTO_ABORT_TIMER_EXPIRED"},
}

// Change returns the mnemonic of a message about a change of the configuration, a restart,
// or an installation; empty: it is about something else.
func Change(message string) string {
	at := mnemonic.FindStringSubmatchIndex(message[:min(len(message), maxBefore+100)])
	if at == nil || at[0] > maxBefore {
		return ""
	}
	facility, what := message[at[2]:at[3]], message[at[4]:at[5]]
	if !slices.Contains(changes[facility], what) {
		return ""
	}
	return strings.TrimSuffix(message[at[0]:at[1]], ":")
}
