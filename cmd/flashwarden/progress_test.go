package main

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
)

// TestLinesOfLongDigests has digests that take seconds, which are not worth a
// line, and one that takes minutes.
func TestLinesOfLongDigests(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		l := newLines(&out)
		digest := func(file string, dots int) {
			for n := range dots + 1 {
				l.event(api.Event{Device: "sw1", Step: api.StepVerify, File: file, Marks: n})
				time.Sleep(time.Second)
			}
		}
		digest("flash:/a", 5)
		digest("flash:/b", 70)
		want := "sw1: the device computes a digest of flash:/b (30 dots)\n" +
			"sw1: the device computes a digest of flash:/b (60 dots)\n"
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	})
}
