package web_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

// TestDoctor examines a device or this host, and shows what it finds.
func TestDoctor(t *testing.T) {
	a := full("sw1")
	h := page(a, api.RoleOperator, false)
	for _, device := range []string{"sw1", ""} {
		if resp, body := post(t, h, "/doctor", url.Values{"device": {device}}); resp.Header.Get("Location") != "/jobs/new?done=doctor" {
			t.Errorf("%q: %s to %q\n%s", device, resp.Status, resp.Header.Get("Location"), body)
		}
	}
	if len(a.asked) != 2 || a.asked[0].Kind != api.JobDoctor || len(a.asked[0].Names) != 1 || a.asked[1].Names != nil || a.asked[1].All {
		t.Errorf("asked for %+v", a.asked)
	}
	for result, wants := range map[string][]string{
		`{"findings":[]}`: {"✓ No problems found"},
		`{"findings":[{"cause":"tid_blocked","seen":"<b>lost</b>","fix":"nft add rule","where":"host","changes":"the rules","then":"try again"},{"seen":"x","where":"sw1","fix":"ip tftp source-interface"},{"seen":"y","hint":"type ` + "`dir`" + `"}],
			"notes":["the clock is right"],"skipped":["the rules"],"remarks":["old"]}`: {"! tid_blocked", "&lt;b&gt;lost&lt;/b&gt;", "On this host:", "<pre tabindex=\"0\">nft add rule</pre>", "It changes the rules", "<p>try again</p>", "On sw1:", "Next: type <code>dir</code>", "✓ ok</span> the clock", "not checked</span> the rules", "note</span> old"},
	} {
		a.job = api.Job{ID: "new", Kind: api.JobDoctor, Device: "sw1", State: api.JobDone, Result: []byte(result)}
		_, body := get(t, h, "/jobs/new?done=doctor")
		for _, want := range append(wants, "This page shows what it finds") {
			if !strings.Contains(body, want) {
				t.Errorf("%s: no %q in\n%s", result, want, body)
			}
		}
	}
}

// TestPermitForms lets devices fetch and send files, as the command line does, and ends that.
func TestPermitForms(t *testing.T) {
	a := full("sw1")
	h := page(a, api.RoleOperator, false)
	for path, form := range map[string]url.Values{
		"/offers":     {"image": {"abc"}, "to": {" sw1 "}, "name": {" x.bin"}, "for": {"1h"}, "times": {"3"}},
		"/receptions": {"from": {"192.0.2.9"}, "name": {""}, "for": {"15m"}, "md5": {" 00112233445566778899aabbccddeeff "}},
	} {
		if resp, body := post(t, h, path, form); !strings.HasPrefix(resp.Header.Get("Location"), "/transfers?done=") {
			t.Errorf("%s: %s to %q\n%s", path, resp.Status, resp.Header.Get("Location"), body)
		}
		form.Set("for", "soon")
		if resp, body := post(t, h, path, form); resp.StatusCode != 400 || !strings.Contains(body, "is not a time") {
			t.Errorf("%s, open for soon: %s", path, resp.Status)
		}
	}
	if resp, _ := post(t, h, "/offers", url.Values{"for": {"1h"}, "times": {"many"}}); resp.StatusCode != 400 {
		t.Errorf("many times: %s", resp.Status)
	}
	if want := (api.Offer{Image: "abc", To: "sw1", Name: "x.bin", For: time.Hour, Times: 3}); len(a.offered) != 1 || a.offered[0] != want {
		t.Errorf("offered %+v", a.offered)
	}
	if want := (api.Receive{From: "192.0.2.9", For: 15 * time.Minute, MaxSize: 2_000_000_000, MD5: "00112233445566778899aabbccddeeff"}); len(a.received) != 1 || a.received[0] != want {
		t.Errorf("received %+v", a.received)
	}
	for _, path := range []string{"/offers/o1/end", "/receptions/r1/end"} {
		if resp, _ := post(t, h, path, nil); resp.Header.Get("Location") != "/transfers?done=end" {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
	if got := strings.Join(a.ended, ", "); got != "end offer o1, end reception r1" {
		t.Errorf("ended %s", got)
	}
	if _, body := get(t, h, "/transfers?image=abc&device=sw7"); !strings.Contains(body, `<option value="abc" selected>`) || !strings.Contains(body, `name="to" value="sw7"`) || !strings.Contains(body, `name="from" value="sw7"`) {
		t.Errorf("the forms do not begin with the image and the device:\n%s", body)
	}
}

// TestCredentialForms adds, changes, tests and removes a credential. No page has a secret.
func TestCredentialForms(t *testing.T) {
	a := full("sw1")
	h := page(a, api.RoleAdmin, false)
	const secret, other = " my secret ", "enable it"
	var shown strings.Builder
	do := func(path string, form url.Values, next string) string {
		t.Helper()
		resp, body := post(t, h, path, form)
		if resp.Header.Get("Location") != next {
			t.Errorf("%s: %s to %q, want %q\n%s", path, resp.Status, resp.Header.Get("Location"), next, body)
		}
		shown.WriteString(body + resp.Header.Get("Location"))
		return body
	}
	do("/add-credential", url.Values{"name": {" core "}, "username": {"backup"}, "password": {secret}}, "/credentials/core?done=credential")
	if body := do("/add-credential", url.Values{"name": {"x"}, "password": {secret}}, ""); !strings.Contains(body, "there is a credential x already") {
		t.Errorf("a second one of the name:\n%s", body)
	}
	do("/credentials/x", url.Values{"username": {"u"}, "enable_password": {other}, "old": {"keep"}}, "/credentials/x?done=credential")
	do("/credentials/x", url.Values{"username": {"u"}, "old": {"drop"}}, "/credentials/x?done=credential")
	do("/credentials/nope", url.Values{"password": {secret}}, "")
	if len(a.credentials) != 3 || a.credentials[0].Name != "core" || *a.credentials[0].Username != "backup" || a.credentials[0].Password.Text != secret || a.credentials[0].EnablePassword != nil ||
		a.credentials[1].Password != nil || a.credentials[1].EnablePassword.Text != other || !a.credentials[1].KeepOld || a.credentials[1].DropOld || !a.credentials[2].DropOld {
		t.Errorf("set %+v", a.credentials)
	}
	for device, want := range map[string]string{" sw1 ": "sw1 takes this login", "": "The secrets are found"} {
		if body := do("/credentials/x/test", url.Values{"device": {device}}, ""); !strings.Contains(body, want) || !strings.Contains(body, "password: stored") || !strings.Contains(body, "It took the old login") {
			t.Errorf("test on %q:\n%s", device, body)
		}
	}
	for exit, want := range map[api.Exit]string{api.ExitFailed: "200 OK", api.ExitUsage: "200 OK", api.ExitRefused: "403 Forbidden"} {
		a.refusal = &api.Problem{Detail: "it refuses <the login>", Exit: exit, Fix: api.Say("set another password"), Err: errors.New("x")}
		resp, body := post(t, h, "/credentials/x/test", url.Values{"device": {"sw1"}})
		if resp.Status != want || !strings.Contains(body, "it refuses &lt;the login&gt;") || !strings.Contains(body, "set another password") {
			t.Errorf("a test that fails with %d: %s\n%s", exit, resp.Status, body)
		}
	}
	do("/credentials/x/remove", nil, "/settings?done=removed")
	if got := a.ended[len(a.ended)-1]; got != "remove x" {
		t.Errorf("%q", got)
	}
	for _, path := range []string{"/settings", "/credentials/x", "/add-credential", "/settings?done=removed"} {
		_, body := get(t, h, path)
		shown.WriteString(body)
	}
	for _, word := range []string{secret, other} {
		if strings.Contains(shown.String(), word) {
			t.Errorf("a page shows %q", word)
		}
	}
}
