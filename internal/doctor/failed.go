package doctor

import (
	"flashwarden/api"
	"flashwarden/internal/cause"
)

// Failed reports an error that ended the examination of the device name.
func Failed(name string, err error) api.Report {
	return api.Report{Findings: []api.Finding{{
		Cause: cause.Of(err), Seen: name + ": " + cause.Text(err), Next: cause.FixOf(err), Where: name}}}
}
