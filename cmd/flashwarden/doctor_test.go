package main

import "testing"

// TestForSudo: sudo finds a program by its name only in the directories of the system.
func TestForSudo(t *testing.T) {
	for path, want := range map[string]string{
		"/usr/local/bin/flashwarden": "flashwarden",
		"/home/ann/flashwarden":      "/home/ann/flashwarden",
	} {
		if got := forSudo(path, nil); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
