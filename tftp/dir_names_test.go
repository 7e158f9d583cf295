//go:build linux

package tftp

import (
	"crypto/rand"
	"strings"
	"testing"
)

// TestNamesOfUploads: Sweep takes only names that an upload can have had.
func TestNamesOfUploads(t *testing.T) {
	temp := tempPrefix + rand.Text()
	for name, want := range map[string][2]bool{
		temp:                       {true, false},
		temp + "A":                 {},
		temp[:len(temp)-1]:         {},
		temp[:len(temp)-1] + "1":   {},
		strings.ToLower(temp):      {},
		"A" + temp:                 {},
		completePrefix + "64-1234": {false, true},
		completePrefix + "1234":    {false, true},
		completePrefix:             {},
		completePrefix + "64-":     {},
		completePrefix + "-1234":   {},
		completePrefix + "6-1-2":   {},
		completePrefix + "64a":     {},
	} {
		if got := [2]bool{isTempName(name), isCompleteName(name)}; got != want {
			t.Errorf("%s: incomplete, complete are %v, want %v", name, got, want)
		}
	}
}
