package node_test

import (
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
	"flashwarden/internal/node"
)

// TestSCPTrial tries the SCP server of a device that is on, and one that is off.
func TestSCPTrial(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	for name, on := range map[string]bool{"on": true, "off": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startSwitch(t, n, "c9300-secure", iossim.Options{SCPServer: on, Privilege: 15, LargestImage: 100_000}, false)
			r := try(t, n, name, s, api.CopySCPPull)
			found := slices.ContainsFunc(r.Findings, func(f api.Finding) bool {
				return f.Cause == cause.TransportRestricted && strings.Contains(f.Fix+f.Next.String(), "ip scp server enable")
			})
			passed := slices.ContainsFunc(r.Notes, func(note string) bool { return strings.Contains(note, "by scp-pull from "+name) })
			if len(r.Findings) > 1 || found == on || passed != on {
				t.Errorf("findings %+v, notes %q", r.Findings, r.Notes)
			}
			if slices.ContainsFunc(s.Commands(), func(line string) bool { return strings.HasPrefix(line, "copy ") }) {
				t.Errorf("TFTP was tried: %q", s.Commands())
			}
		})
	}
}

// try makes the test transfers of doctor with a switch over one transport.
func try(t *testing.T, n *node.Node, name string, s *iossim.Switch, by string) api.Report {
	t.Helper()
	d := deviceOf(t, n, name, s)
	d.CopyBy = by
	session, err := n.Dial(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	r, err := n.Trial(d, session).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}
