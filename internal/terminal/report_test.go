package terminal_test

import (
	"fmt"
	"testing"

	"flashwarden/api"
	"flashwarden/internal/terminal"
)

// TestReportOfAFleet has one block for devices with the same problem, and one for
// each other problem.
func TestReportOfAFleet(t *testing.T) {
	refused := func(name, address string) api.Finding {
		return api.Finding{Cause: "connect_refused", Device: name, Where: api.OnHost, Seen: fmt.Sprintf("%s refused the connection to %s", name, address),
			Fix: "x", Hint: fmt.Sprintf("`flashwarden device edit %s --address %s:PORT`", name, address)}
	}
	r := terminal.Report{Findings: []api.Finding{
		{Cause: "spool_full", Where: api.OnHost, Seen: "the disk is full", Hint: "remove files"},
		{Cause: "spool_full", Where: api.OnHost, Seen: "the other disk is full", Hint: "remove files"},
		refused("sw1", "192.0.2.1"), refused("sw2", "192.0.2.2"),
		{Cause: "auth_failed", Device: "sw3", Where: api.OnHost, Seen: "sw3 refused the password", Hint: "type it again"}, refused("sw10", "192.0.2.10")}}
	const want = `6 problems found

spool_full: the disk is full
  next: remove files

spool_full: the other disk is full
  next: remove files

connect_refused on 3 devices: sw1, sw2, sw10
  for example sw1 refused the connection to 192.0.2.1
  next, for sw1: ` + "`flashwarden device edit sw1 --address 192.0.2.1:PORT`" + `

auth_failed: sw3 refused the password
  next: type it again
`
	if got := r.Problems(terminal.Layout{}); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
