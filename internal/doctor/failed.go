package doctor

import (
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Failed reports an error that ended the examination of the device name.
func Failed(name string, err error) api.Report {
	seen := cause.Text(err)
	if !strings.HasPrefix(seen, name+" ") {
		seen = name + ": " + seen
	}
	return api.Report{Findings: []api.Finding{{
		Cause: cause.Of(err), Seen: seen, Next: cause.FixOf(err), Where: name}}}
}
