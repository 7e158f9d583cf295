package node_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/backup"
	"flashwarden/internal/cause"
	"flashwarden/internal/iossim"
)

// TestAccounts backs devices up with accounts that may not do all, or that come
// to a question instead of a prompt. Each is tried once, and no question gets an
// answer.
func TestAccounts(t *testing.T) {
	t.Parallel()
	n := openNode(t)
	tests := map[string]struct {
		profile string
		o       iossim.Options
		status  string
		cause   cause.Cause
		missing string // the only file that is not saved
	}{
		"privilege-7": {"c2960", iossim.Options{Privilege: 7}, api.StatusIncomplete, cause.NotPermittedOnDevice, api.RunningConfigPath},
		"odd-row":     {"c2960", iossim.Options{Faults: iossim.Faults{OddRow: iossim.Always}}, api.StatusIncomplete, cause.Internal, "flash:/"},
		"no-session":  {"c2960", iossim.Options{Faults: iossim.Faults{NoSession: iossim.Always}}, api.StatusFailed, cause.AuthFailed, ""},
		"menu":        {"c2960", iossim.Options{Menu: "\n 1  Reload\n 2  Exit\nSelection: "}, api.StatusFailed, cause.PromptUnrecognised, ""},
		"telnet-menu": {"c3500xl", iossim.Options{Menu: "\n 1  Reload\n 2  Exit\nEnter your choice [1]: "}, api.StatusFailed, cause.PromptUnrecognised, ""},
		"token":       {"c3500xl", iossim.Options{Token: "Enter PASSCODE: "}, api.StatusFailed, cause.PromptUnrecognised, ""},
	}
	var devices []api.Device
	switches := map[string]*iossim.Switch{}
	for name, c := range tests {
		c.o.Listen = fmt.Sprintf("127.0.3.%d:0", len(devices)+1)
		switches[name] = startSwitch(t, n, c.profile, c.o, false)
		devices = append(devices, deviceOf(t, n, name, switches[name]))
	}
	for _, r := range n.Runner().All(t.Context(), devices, backup.Options{}) {
		want := tests[r.Device]
		if r.Status != want.status || r.Cause != want.cause || r.Attempts != 1 || r.Hint == "" {
			t.Errorf("%s: %s %q after %d attempts: %s", r.Device, r.Status, r.Cause, r.Attempts, r.Message)
		}
		for _, f := range r.Files {
			if f.Cause != "" && f.Cause == want.cause && strings.HasSuffix(f.Path, "/") {
				continue // a listing with an unreadable line
			}
			if (f.Cause != "") != (f.Path == want.missing) {
				t.Errorf("%s: %s has the cause %q", r.Device, f.Path, f.Cause)
			}
		}
		answered := func(line string) bool {
			return strings.Contains(line, "Selection") || strings.Contains(line, "choice") || strings.Contains(line, "PASSCODE")
		}
		if typed := switches[r.Device].Commands(); slices.ContainsFunc(typed, answered) {
			t.Errorf("%s: an answer in %q", r.Device, typed)
		}
	}
}
