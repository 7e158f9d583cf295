package testlevel

import "testing"

// TestLevels reads every name of a level, and none that is misspelt.
func TestLevels(t *testing.T) {
	for name, want := range map[string]Level{"": Quick, "quick": Quick, "full": Full, "soak": Soak} {
		t.Setenv(Variable, name)
		if got := Current(); got != want {
			t.Errorf("%q is level %d, want %d", name, got, want)
		}
		if got := Of(Quick, Full, Soak); got != want {
			t.Errorf("%q chooses the value of level %d, want that of %d", name, got, want)
		}
	}
	if _, err := parse("ful"); err == nil {
		t.Error("a misspelt level is taken")
	}
}

// TestNeedFull runs what needs the level full at full and soak alone.
func TestNeedFull(t *testing.T) {
	for name, want := range map[string]bool{"": false, "full": true, "soak": true} {
		t.Setenv(Variable, name)
		ran := false
		t.Run("level "+name, func(t *testing.T) {
			NeedFull(t, "a trial")
			ran = true
		})
		if ran != want {
			t.Errorf("at the level %q it ran: %v", name, ran)
		}
	}
}

// fakeTest is a test that remembers how it ended.
type fakeTest struct {
	testing.TB
	failed, skipped bool
}

func (f *fakeTest) Helper()               {}
func (f *fakeTest) Fatalf(string, ...any) { f.failed = true; panic(f) }
func (f *fakeTest) Skip(...any)           { f.skipped = true; panic(f) }

// TestMissing fails in CI and skips elsewhere.
func TestMissing(t *testing.T) {
	for ci, wantFailed := range map[string]bool{"true": true, "": false, "false": false} {
		t.Setenv("CI", ci)
		f := &fakeTest{TB: t}
		func() {
			defer func() {
				if recover() != any(f) {
					t.Error("the test went on")
				}
			}()
			Missing(f, "a peer")
		}()
		if f.failed != wantFailed || f.skipped == wantFailed {
			t.Errorf("CI=%q: failed %v, skipped %v", ci, f.failed, f.skipped)
		}
	}
}

// TestSeed: one by default, else that of the environment.
func TestSeed(t *testing.T) {
	for text, want := range map[string]uint64{"": 1, "7": 7} {
		t.Setenv(SeedVariable, text)
		if got := Seed(t); got != want {
			t.Errorf("%q: seed %d, want %d", text, got, want)
		}
	}
}
