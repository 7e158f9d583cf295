package doctor

import (
	"regexp"
	"strings"

	"flashwarden/internal/cause"
)

var (
	typed  = regexp.MustCompile("`([^`]+)`")
	onHost = regexp.MustCompile(`^(sudo |flashwarden |ssh-keygen |ssh-keyscan |nft |iptables |ufw |df |ip route |sysctl |modprobe )`)
)

// Failed is the report of something that had to succeed before more could be
// looked at, on or with the device name. The line to type is the first of the
// error's hint.
func Failed(name string, err error) Report {
	f := Finding{Cause: cause.Of(err), Seen: name + ": " + err.Error(), Where: name}
	if hint := cause.Hint(err); hint != "" {
		f.Changes = "what the next step is about: " + hint
		if m := typed.FindStringSubmatch(hint); m != nil {
			f.Fix = m[1]
		} else if onHost.MatchString(hint) {
			f.Fix = hint
		}
	}
	if onHost.MatchString(strings.TrimSpace(f.Fix)) {
		f.Where = Host
	}
	return Report{Findings: []Finding{f}}
}
