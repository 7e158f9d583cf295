package terminal_test

import (
	"testing"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// TestRestoreQuestion: the question names the device, and what the plan overwrites and deletes.
func TestRestoreQuestion(t *testing.T) {
	for _, test := range []struct {
		steps []api.PlanStep
		want  string
	}{
		{[]api.PlanStep{{Kind: api.PlanCopy, Path: "flash:/a.bin"}}, "Change sw1: copy 1 file (18.3 MB)?"},
		{[]api.PlanStep{{Kind: api.PlanHeld, Path: "flash:/vlan.dat"}, {Kind: api.PlanDelete, Path: "flash:/old.bin"}, {Kind: api.PlanCopy, Path: "flash:/a.bin"},
			{Kind: api.PlanCopy, Path: "flash:/vlan.dat", Overwrite: true}, {Kind: api.PlanBoot}, {Kind: api.PlanReload}},
			"Change sw1: delete flash:/old.bin, copy 2 files (18.3 MB), overwrite flash:/vlan.dat, set what it boots, restart it?"},
		{[]api.PlanStep{{Kind: api.PlanProve}}, "Change sw1 as planned?"},
	} {
		if got := terminal.RestoreQuestion("sw1", &api.Plan{Steps: test.steps, Bytes: 18_286_080}); got != test.want {
			t.Errorf("%q, want %q", got, test.want)
		}
	}
}
