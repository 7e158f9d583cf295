package web_test

import (
	"encoding/json"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

// toRestore is a plan that somebody may agree to.
func toRestore() *answers {
	a := full("sw1")
	a.plan.Refusals, a.plan.ID, a.plan.Digest = nil, "plan-1", "abc"
	a.plan.Commands = []string{"copy tftp://192.0.2.1/TICKET flash:/x.bin"}
	a.plan.Steps = []api.PlanStep{{Kind: api.PlanReload}}
	return a
}

// TestRestoreForm makes the plan that the form asks for, and shows it.
func TestRestoreForm(t *testing.T) {
	a := toRestore()
	h := page(a, api.RoleAdmin, false)
	if _, body := get(t, h, "/devices/sw1/restore"); !strings.Contains(body, `name="file" value="sw1"`) || !strings.Contains(body, "Make the plan") {
		t.Errorf("the form:\n%s", body)
	}
	form := url.Values{"snapshot": {"s1"}, "file": {"flash:/a.bin", "flash:/b.bin"}, "to": {"flash2:"}, "set-boot": {"yes"}, "reload": {"yes"}, "replace": {"yes"}}
	if resp, _ := post(t, h, "/devices/sw1/restore", form); resp.StatusCode != 303 || resp.Header.Get("Location") != "/plans/plan%201" {
		t.Errorf("%s to %q", resp.Status, resp.Header.Get("Location"))
	}
	want := []api.NewPlan{{Kind: "restore", Restore: api.Restore{Device: "sw1", Snapshot: "s1", Files: form["file"], To: "flash2:", SetBoot: true, Reload: true, Replace: true}}}
	if !reflect.DeepEqual(a.planned, want) || len(a.asked) > 0 {
		t.Errorf("planned %+v, asked for %+v", a.planned, a.asked)
	}
	_, body := get(t, h, "/plans/plan-1")
	for _, want := range []string{"copy tftp://192.0.2.1/TICKET flash:/x.bin", "the device restarts", `name="digest" value="abc"`, `name="consent"`, "! differs"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in the plan\n%s", want, body)
		}
	}
}

// TestConsent carries a plan out only for the name of its device, with the digest that was shown.
func TestConsent(t *testing.T) {
	a := toRestore()
	h := page(a, api.RoleAdmin, false)
	for _, typed := range []string{"", "yes", "SW1", "sw11", "sw"} {
		if resp, body := post(t, h, "/plans/plan-1", url.Values{"consent": {typed}, "digest": {"abc"}}); resp.StatusCode != 400 || !strings.Contains(body, "nothing was changed") || len(a.asked) > 0 {
			t.Errorf("%q: %s, %+v", typed, resp.Status, a.asked)
		}
	}
	resp, _ := post(t, h, "/plans/plan-1", url.Values{"consent": {" sw1 "}, "digest": {"abc"}})
	if want := []api.NewJobs{{Kind: "restore", Plan: "plan-1", Digest: "abc"}}; resp.Header.Get("Location") != "/jobs/new?done=restore" || !reflect.DeepEqual(a.asked, want) {
		t.Errorf("%s to %q, asked for %+v", resp.Status, resp.Header.Get("Location"), a.asked)
	}
}

// TestPlansNobodyMayAgreeTo have no form: with refusals, expired, with nothing to do, or for
// somebody who may not restore.
func TestPlansNobodyMayAgreeTo(t *testing.T) {
	for name, c := range map[string]struct {
		role   api.Role
		change func(*api.StoredPlan)
		want   string
	}{
		"ready":         {api.RoleAdmin, func(*api.StoredPlan) {}, `name="consent"`},
		"refused":       {api.RoleAdmin, func(p *api.StoredPlan) { p.Refusals = []api.Problem{{Detail: "no room"}} }, "no room"},
		"expired":       {api.RoleAdmin, func(p *api.StoredPlan) { p.Expires = now.Add(-time.Second) }, "has expired"},
		"nothing to do": {api.RoleAdmin, func(p *api.StoredPlan) { p.Commands = nil }, "Nothing to do"},
		"an operator":   {api.RoleOperator, func(*api.StoredPlan) {}, "What is typed"},
	} {
		a := toRestore()
		c.change(&a.plan)
		_, body := get(t, page(a, c.role, false), "/plans/plan-1")
		if !strings.Contains(body, c.want) || strings.Contains(body, `name="consent"`) != (name == "ready") {
			t.Errorf("%s:\n%s", name, body)
		}
	}
}

// TestResultOfARestore shows the files that are on the device now.
func TestResultOfARestore(t *testing.T) {
	a := full("sw1")
	a.job.Kind, a.job.State = api.JobRestore, api.JobDone
	var err error
	a.job.Result, err = json.Marshal(map[string]any{"results": []api.RestoreResult{{Status: api.StatusOK, Files: []api.File{{Path: "flash:/x.bin", Size: 18_300_000, Evidence: "device-md5"}}, Boot: []string{"flash:/x.bin"}, BytesCopied: 18_300_000, Seconds: 75}}})
	if err != nil {
		t.Fatal(err)
	}
	_, body := get(t, page(a, api.RoleAdmin, false), "/jobs/x")
	for _, want := range []string{"On the device now", "flash:/x.bin", "MD5 of the device", "Boots next", "18.3 MB copied in 1 min"} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
}
