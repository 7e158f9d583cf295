package iossim

import (
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// Every directory with a profile.yaml is in profileSummaries, and the other way
// round. Every profile has known features and a summary.
func TestProfiles(t *testing.T) {
	t.Parallel()
	var found []string
	entries, err := profileFiles.ReadDir("profiles")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := profileFiles.ReadFile(path.Join("profiles", e.Name(), "profile.yaml")); err == nil {
			found = append(found, e.Name())
		}
	}
	listed := slices.Sorted(slices.Values(Profiles()))
	if !slices.Equal(found, listed) {
		t.Errorf("profileSummaries has %q, the directories are %q", listed, found)
	}
	known := []feature{verifyMD5, verifySHA512, verifyImage, verifyFlash, dirRecursive, stackable, vrfCopy, showBoot, showBootvar, showBootflash, showInstall,
		installMode, reloadShelf, reloadOne, tftpBlocksize, oldCopy, romVariables, secureMode, noFilters, noFileSystems}
	for _, name := range found {
		p, err := findProfile(name)
		if err != nil {
			t.Fatal(err)
		}
		if Summary(name) == "" || p.Hostname == "" || p.Image == "" || len(p.Systems) == 0 || len(p.Files) == 0 {
			t.Errorf("%s: a key is missing", name)
		}
		for _, f := range p.Features {
			if !slices.Contains(known, f) {
				t.Errorf("%s has the unknown feature %q", name, f)
			}
		}
	}
}

// An unknown key in a profile is an error.
func TestProfileUnknownKey(t *testing.T) {
	t.Parallel()
	var p profile
	if err := yaml.UnmarshalWithOptions([]byte("sumary: x"), &p, yaml.Strict()); err == nil || !strings.Contains(err.Error(), "sumary") {
		t.Errorf("error %v", err)
	}
}
