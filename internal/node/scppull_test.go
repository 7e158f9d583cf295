package node_test

import (
	"slices"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/testlevel"
)

// TestSCPPull backs switches up whose software refuses TFTP, and others by choice.
func TestSCPPull(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	on := iossim.Options{SCPServer: true, Privilege: 15, LargestImage: 100_000}
	level1, off := on, on
	level1.Privilege, off.SCPServer = 0, false
	quirks := on
	quirks.Faults.SCP = iossim.SCPFaults{Text: "\nCisco switch\nC3PO line 2\n\n", Mode: "-rw-", NoFinal: iossim.Always}
	for name, c := range map[string]struct {
		profile string
		o       iossim.Options
		by      string
		cause   cause.Cause
		files   int // about; each is a login of its own
	}{
		"secure-auto":   {"c9300-secure", on, "", "", 20},
		"secure-off":    {"c9300-secure", off, "", cause.TransportRestricted, 20},
		"secure-level1": {"c9300-secure", level1, api.CopySCPPull, cause.NotPermittedOnDevice, 20},
		"old-by-choice": {"c3750", on, api.CopySCPPull, "", 3},
		"quirks":        {"c9300", quirks, api.CopySCPPull, "", 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.files > 3 {
				testlevel.NeedFull(t, "many logins")
			}
			s := startSwitch(t, n, c.profile, c.o, false)
			d := deviceOf(t, n, name, s)
			d.CopyBy = c.by
			runner := n.Runner()
			runner.Prefer = []string{api.CopyTFTP, api.CopySCPPull}
			r := runner.Backup(t.Context(), d, backup.Options{Recopy: true})
			if r.Cause != c.cause || c.cause == "" && r.Status != api.StatusOK || r.Attempts != 1 {
				t.Fatalf("%s %q: %s; typed was %q", r.Status, r.Cause, r.Message, s.Commands())
			}
			if c.cause != "" {
				return
			}
			moved := s.Transfers()
			if len(moved) == 0 || slices.ContainsFunc(moved, func(x iossim.Transfer) bool { return !x.SCP || x.Err != nil }) {
				t.Errorf("transfers %+v", moved)
			}
			if s.PeakSessions() > 2 {
				t.Errorf("%d lines at once", s.PeakSessions())
			}
		})
	}
}
