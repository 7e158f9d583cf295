// Package testlevel says how much a run of the tests has to prove.
//
// There are three levels. Each contains the one before it:
//
//	quick  go test ./...   the default: every kind of test, with small numbers
//	full   make test       FLASHWARDEN_TEST=full: everything that we promise
//	soak   make soak       FLASHWARDEN_TEST=soak: the same with large numbers, about an hour
//
// A run in CI ($CI is "true") also has to prove that all peers are there: what
// is missing fails the test there and skips it elsewhere.
//
// Only tests use this package.
package testlevel

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"testing"
)

// Variable is the environment variable that chooses the level.
const Variable = "FLASHWARDEN_TEST"

// Level is how much a run proves.
type Level int

// The levels, in rising order.
const (
	Quick Level = iota
	Full
	Soak
)

// Current returns the level of this run. It panics if the variable names no
// level: a misspelt level must not pass as a quick run.
func Current() Level {
	level, err := parse(os.Getenv(Variable))
	if err != nil {
		panic(err)
	}
	return level
}

func parse(name string) (Level, error) {
	switch name {
	case "", "quick":
		return Quick, nil
	case "full":
		return Full, nil
	case "soak":
		return Soak, nil
	}
	return 0, fmt.Errorf("%s=%s: the levels are quick, full and soak", Variable, name)
}

// NeedFull skips the test at the level quick. The reason says why the test is
// not for every run.
func NeedFull(t testing.TB, reason string) {
	t.Helper()
	if Current() < Full {
		t.Skipf("%s: wants %s=full", reason, Variable)
	}
}

// Of returns the value for the level of this run, such as how many cases a
// test makes.
func Of[T any](quick, full, soak T) T {
	return [...]T{quick, full, soak}[Current()]
}

// SeedVariable is the environment variable with the seed of tests that choose at random.
const SeedVariable = "FLASHWARDEN_SEED"

// Seed returns the seed for a test that chooses at random: 1, so that each run chooses the
// same, or that of the environment.
func Seed(t testing.TB) uint64 {
	t.Helper()
	text := os.Getenv(SeedVariable)
	if text == "" {
		return 1
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", SeedVariable, err)
	}
	return seed
}

// SideBySide makes a package run more parallel tests at once than there are
// processors, for tests that wait more than they work. TestMain calls it.
func SideBySide() {
	flag.Parse()
	if err := flag.Set("test.parallel", "48"); err != nil {
		panic(err)
	}
}

// InCI reports whether this run has to find every peer.
func InCI() bool { return os.Getenv("CI") == "true" }

// Missing ends a test whose peer is not there, such as another program, a
// right or other people's data: it fails in CI and skips elsewhere.
func Missing(t testing.TB, reason string) {
	t.Helper()
	if InCI() {
		t.Fatalf("missing in CI: %s", reason)
	}
	t.Skip(reason)
}

// DeviceTexts returns the directory with texts of real devices that the
// environment variable names, or else fallback. They are other people's data:
// where they cannot be, the value "none" skips the test, in CI too.
func DeviceTexts(t testing.TB, variable, fallback string) string {
	t.Helper()
	dir := os.Getenv(variable)
	switch dir {
	case "none":
		t.Skipf("%s=none: without the texts of real devices", variable)
	case "":
		dir = fallback
	}
	if _, err := os.Stat(dir); err != nil {
		Missing(t, fmt.Sprintf("no texts of real devices: %v; set %s", err, variable))
	}
	return dir
}
