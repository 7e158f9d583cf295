package doctor

import (
	"regexp"
	"strings"

	"flashwarden/internal/cause"
)

var typed = regexp.MustCompile("`([^`]+)`")

// CheckLogin judges how logging in to a device and reading show version went.
func CheckLogin(name string, err error) Report {
	var r Report
	if err == nil {
		r.note("%s can be logged in to, and tells what it is", name)
		return r
	}
	f := Finding{Cause: cause.Of(err), Seen: name + ": " + err.Error(), Where: name}
	if hint := cause.Hint(err); hint != "" {
		f.Changes = "what the next step is about: " + hint
		if m := typed.FindStringSubmatch(hint); m != nil {
			f.Fix = m[1]
		} else if strings.HasPrefix(hint, "flashwarden ") {
			f.Fix = hint
		}
	}
	if strings.HasPrefix(f.Fix, "flashwarden ") || strings.HasPrefix(f.Fix, "ssh-keygen ") {
		f.Where = Host
	}
	r.find(f)
	return r
}
