package job_test

import (
	"os"
	"regexp"
	"testing"
)

// TestRiverHasOneVersion wants all modules of River at one version: they mix silently, and
// their tables then differ.
func TestRiverHasOneVersion(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`(github.com/riverqueue/\S+) (v\S+)`).FindAllStringSubmatch(string(text), -1)
	for _, module := range found {
		if module[2] != found[0][2] {
			t.Errorf("%s has version %s, %s has %s", module[1], module[2], found[0][1], found[0][2])
		}
	}
	if len(found) < 3 {
		t.Errorf("%d modules of River; want the client and its drivers", len(found))
	}
}
