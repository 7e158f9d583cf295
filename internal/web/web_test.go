package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"flashwarden/api"
	"flashwarden/internal/warden"
	"flashwarden/internal/web"
)

// now is the time of all pages.
var now = time.Date(2026, 3, 2, 8, 0, 0, 0, time.UTC)

// answers is a warden that returns what a test gives it, and notes the changes.
type answers struct {
	warden.Warden
	status   api.Status
	device   api.DeviceDetail
	snapshot api.Snapshot
	job      api.Job
	plan     api.StoredPlan
	planned  []api.NewPlan
	changed  []api.DeviceChange
	imported []api.Inventory
	asked    []api.NewJobs
	days     []api.Day
	history  api.DeviceHistory
	ended    []string

	credentials []api.CredentialChange
	offered     []api.Offer
	received    []api.Receive
	refusal     error // of a test of a credential

	err     error
	oldSite string // of the device that a list changes
}

func (a *answers) Status(context.Context, api.StatusQuery) (api.Status, error) {
	s := a.status
	s.Devices = append([]api.DeviceStatus{}, s.Devices...)
	return s, a.err
}
func (a *answers) Device(context.Context, api.Named) (api.DeviceDetail, error) {
	return a.device, a.err
}
func (a *answers) Days(ctx context.Context, s api.DaySelect) ([]api.Day, error) {
	if a.err == nil && warden.ActorOf(ctx).Site != "" {
		return nil, &api.Problem{Detail: "only a part of the devices is yours", Exit: api.ExitRefused}
	}
	return a.days, a.err
}
func (a *answers) DeviceHistory(context.Context, api.Named) (api.DeviceHistory, error) {
	return a.history, a.err
}
func (a *answers) Snapshots(context.Context, api.Named) ([]api.SnapshotRow, error) {
	if a.snapshot.ID == "" {
		return nil, nil
	}
	return []api.SnapshotRow{{ID: a.snapshot.ID, Device: a.snapshot.Device, Started: a.snapshot.Started, Status: a.snapshot.Status, Version: a.snapshot.Facts.Version}}, nil
}
func (a *answers) Snapshot(context.Context, api.Named) (api.Snapshot, error) {
	return a.snapshot, a.err
}
func (a *answers) Diff(context.Context, api.Diff) (api.DiffResult, error) {
	text := a.device.Name
	return api.DiffResult{Changed: true, A: api.DiffSide{Snapshot: "a", Device: text, Started: now}, B: api.DiffSide{Snapshot: "b", Device: text, Started: now},
		Facts: []api.FactChange{{Fact: "version", Old: text, New: text}}, Files: []api.FileChange{{Path: text, Change: api.ChangeChanged, Diff: "@@ -1 +1 @@\n-" + text + "\n+" + text + "\n"}},
		Listing: []api.ListingChange{{Path: text, Change: api.ChangeAdded}}}, a.err
}
func (a *answers) Jobs(context.Context, api.JobSelect) (api.Jobs, error) {
	return api.Jobs{Jobs: []api.Job{a.job}, Next: "older"}, a.err
}
func (a *answers) Job(context.Context, api.Named) (api.Job, error) { return a.job, a.err }
func (a *answers) Images(context.Context) ([]api.Image, error) {
	text := a.device.Name
	return []api.Image{{Names: []string{text}, Version: text, Devices: []string{text}, Size: -1}, {SHA256: "abc", InVault: true, Names: []string{text}, Published: "differs", Devices: []string{text, text, text, text, text, text}}}, a.err
}
func (a *answers) Audit(context.Context, api.AuditSelect) (api.Audit, error) {
	text := a.device.Name
	return api.Audit{Lines: []api.AuditLine{{Number: 7, Time: now, User: text, From: text, Operation: text, On: []string{text}, Result: api.AuditRefused}}, Next: "7"}, a.err
}
func (a *answers) Users(context.Context) ([]api.User, error) {
	return []api.User{{Name: a.device.Name, Role: api.RoleAdmin}}, a.err
}
func (a *answers) Tokens(context.Context) ([]api.Token, error) {
	return []api.Token{{Name: a.device.Name, Group: a.device.Name}}, a.err
}
func (a *answers) Credentials(context.Context) ([]api.Credential, error) {
	return []api.Credential{{Name: a.device.Name, Username: a.device.Name, Password: "command " + a.device.Name}, {Name: "x", Username: a.device.Name, Fingerprint: a.device.Name, Password: "stored; old: stored"}}, a.err
}
func (a *answers) SetCredential(_ context.Context, c api.CredentialChange) (api.Credential, error) {
	a.credentials = append(a.credentials, c)
	return api.Credential{Name: c.Name}, a.err
}
func (a *answers) TestCredential(_ context.Context, r api.CredentialTest) (api.CredentialTestResult, error) {
	a.ended = append(a.ended, "test "+r.Name+" on "+r.Device)
	return api.CredentialTestResult{Name: r.Name, Device: r.Device, Found: []string{"password: stored"}, Old: true}, a.refusal
}
func (a *answers) RemoveCredential(_ context.Context, n api.Named) (struct{}, error) {
	a.ended = append(a.ended, "remove "+n.Name)
	return struct{}{}, a.err
}
func (a *answers) Offers(context.Context) ([]api.PermitState, error) {
	if a.device.Name == "" {
		return nil, a.err
	}
	text := a.device.Name
	return []api.PermitState{a.permit(text), {Permit: api.Permit{ID: text, Peer: text, Name: text, Until: now}, State: api.PermitEnded, Message: text, Hint: "type `" + text + "`"}}, a.err
}
func (a *answers) Receptions(context.Context) ([]api.PermitState, error) {
	if a.device.Name == "" {
		return nil, a.err
	}
	s := a.permit(a.device.Name)
	s.Ways, s.Server = nil, "2001:db8::1"
	return []api.PermitState{s, {Permit: api.Permit{ID: "r", Until: now}, State: api.PermitUsed, Complete: 1, Times: 1, Snapshot: a.device.Name}}, a.err
}

// permit is an open offer.
func (a *answers) permit(text string) api.PermitState {
	return api.PermitState{Permit: api.Permit{ID: text, Peer: text, Device: text, Server: text, Name: text, Until: now.Add(10 * time.Minute), Port: 6969, Ways: []api.Way{{Where: text, Lines: []string{text}, Note: text}}}, By: text, State: api.PermitOpen, Running: 1, Times: 2}
}
func (a *answers) Offer(_ context.Context, o api.Offer) (api.Permit, error) {
	a.offered = append(a.offered, o)
	return api.Permit{}, a.err
}
func (a *answers) Receive(_ context.Context, r api.Receive) (api.Permit, error) {
	a.received = append(a.received, r)
	return api.Permit{}, a.err
}
func (a *answers) EndOffer(_ context.Context, id api.Named) (struct{}, error) {
	a.ended = append(a.ended, "end offer "+id.Name)
	return struct{}{}, a.err
}
func (a *answers) EndReception(_ context.Context, id api.Named) (struct{}, error) {
	a.ended = append(a.ended, "end reception "+id.Name)
	return struct{}{}, a.err
}
func (a *answers) AddJobs(_ context.Context, r api.NewJobs) (api.Jobs, error) {
	a.asked = append(a.asked, r)
	return api.Jobs{Jobs: []api.Job{{ID: "new"}}}, a.err
}
func (a *answers) AddDevice(_ context.Context, c api.DeviceChange) (api.Device, error) {
	a.changed = append(a.changed, c)
	return c.Device, a.err
}
func (a *answers) EditDevice(_ context.Context, c api.DeviceChange) (api.Device, error) {
	a.changed = append(a.changed, c)
	return c.Device, a.err
}
func (a *answers) ImportDevices(_ context.Context, r api.Inventory) (api.InventoryDiff, error) {
	a.imported = append(a.imported, r)
	return api.InventoryDiff{Changes: []api.InventoryChange{{Device: "sw9", Change: api.InventoryAdded, Settings: []api.SettingChange{{Name: "site", From: a.oldSite, To: "hq"}}}}, Unchanged: 3, DryRun: r.DryRun}, a.err
}
func (a *answers) AddPlan(_ context.Context, r api.NewPlan, _ func(api.Event)) (api.StoredPlan, error) {
	a.planned = append(a.planned, r)
	return api.StoredPlan{ID: "plan 1"}, a.err
}
func (a *answers) Plan(context.Context, api.Named) (api.StoredPlan, error) { return a.plan, a.err }
func (a *answers) CancelJob(_ context.Context, id api.Named) (api.Job, error) {
	a.ended = append(a.ended, "cancel "+id.Name)
	return api.Job{ID: id.Name}, a.err
}
func (a *answers) RetryJob(_ context.Context, id api.Named) (api.Job, error) {
	a.ended = append(a.ended, "retry "+id.Name)
	return api.Job{ID: id.Name}, a.err
}

// words are the users of a page: their passwords by name.
type words map[string]string

func (u words) Login(_ context.Context, name, word, _ string) (string, bool, error) {
	if name == "down" {
		return "", false, errors.New("no catalog")
	}
	return "secret of " + name, u[name] != "" && u[name] == word, nil
}
func (u words) Admit(_ context.Context, g warden.Guest, _ string) (string, bool, error) {
	return "secret of guest " + g.Name, slices.Contains(g.Groups, "ops"), nil
}
func (u words) Logout(context.Context, string) error { return nil }

// page is a page whose requests come from somebody with this role; "" is nobody.
func page(w warden.Warden, role api.Role, secure bool) http.Handler {
	return by(role, web.Page{Warden: w, Logins: words{"anna": "long enough"}, Live: happens(w), Secure: secure, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
}

// pageWith is a page of an administrator with live events.
func pageWith(w warden.Warden, live web.Live) http.Handler {
	return by(api.RoleAdmin, web.Page{Warden: w, Live: live, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
}

// by gives the requests of a page an actor.
func by(role api.Role, p web.Page) http.Handler {
	h := p.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if role != "" {
			ctx = warden.As(ctx, warden.Actor{Name: "anna", From: "192.0.2.7", Role: role})
		}
		h.ServeHTTP(w, r.WithContext(ctx))
	})
}

func get(t *testing.T, h http.Handler, path string) (*http.Response, string) {
	t.Helper()
	return send(t, h, httptest.NewRequest("GET", path, nil))
}

func post(t *testing.T, h http.Handler, path string, form url.Values) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest("POST", path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return send(t, h, r)
}

func send(t *testing.T, h http.Handler, r *http.Request) (*http.Response, string) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	text, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Result(), string(text)
}

// views are the paths of all views.
var views = []string{"/", "/devices/sw1", "/devices/sw1/diff", "/snapshots/x", "/jobs", "/jobs/x", "/images", "/vault", "/audit", "/settings", "/live", "/devices/sw1/restore", "/plans/x", "/devices/sw1/edit", "/add-device", "/transfers", "/add-credential", "/credentials/x"}

// full returns answers in which every text is this one.
func full(text string) *answers {
	at := now.Add(-3 * time.Hour)
	run := api.Run{Device: text, Kind: api.RunBackup, Status: api.StatusFailed, Message: text, Hint: "type `" + text + "`", Started: at}
	known := api.Known{Model: text, Version: text, Image: text, LastBackup: &at, LastFailure: &run}
	status := api.DeviceStatus{Device: text, Site: text, Group: text, Reasons: []api.Reason{{Message: text, Hint: "type `" + text + "`"}}, Warnings: []string{text}, NextWhy: text, Known: known, LastFails: true}
	return &answers{
		status: api.Status{Devices: []api.DeviceStatus{status}, Summary: api.StatusSummary{Devices: 1, AtRisk: 1},
			Care: []api.Care{{Task: api.JobMirror, Name: text, LastRun: &at, Failed: true, Message: text, Hint: "type `" + text + "`", NextWhy: text}}},
		device: api.DeviceDetail{Device: api.Device{Name: text, Address: text, Username: text, Credential: text, Via: text, Source: text, Site: text, Group: text}, HostKeys: text, Status: status, Runs: []api.Run{run}},
		snapshot: api.Snapshot{ID: text, Device: text, Status: api.StatusIncomplete, Started: at, Facts: api.Facts{Model: text, Version: text, Serial: text, Mode: text}, Notes: []string{text}, Warnings: []string{text},
			Files:    []api.File{{Path: text, SHA256: text, Evidence: text}, {Path: text, Cause: "stalled", Message: text, Hint: "type `" + text + "`"}},
			Listings: []api.Listing{{Path: text + ":/", Total: 100, Free: 10}}},
		plan: api.StoredPlan{ID: text, By: text, Created: at, Expires: now.Add(time.Hour), Plan: api.Plan{Request: api.Restore{Device: text}, Snapshot: text, Digest: text, Notes: []string{text}, Commands: []string{text},
			Files: []api.PlannedFile{{Path: text, State: api.Differs}}, Space: []api.Space{{FileSystem: text}}, Refusals: []api.Problem{{Detail: text, Fix: api.Say("type %s", text)}}}},
		job: api.Job{ID: text, Kind: api.JobBackup, Device: text, State: api.JobFailed, By: text, Message: text, Hint: "type `" + text + "`", Started: at, Ended: now},
	}
}

// own are the scripts of the page, which carry the nonce of the response.
var own = regexp.MustCompile(`<script nonce="[A-Z2-7]{26}" src="/assets/[0-9a-f]{16}/[a-z-]+(\.min)?\.js"( defer)?></script>`)

// TestHostileTexts has texts of devices and people in every view: they stay texts.
func TestHostileTexts(t *testing.T) {
	for name, text := range map[string]string{
		"script": `<script>alert(1)</script>`, "attribute": `" onmouseover="alert(1)`, "link": `javascript:alert(1)`, "template": `{{.}}<!--`,
		"right to left": "sw\u202e1", "long": strings.Repeat("x", 10_000), "not UTF-8": "sw\xff1",
	} {
		h := page(full(text), api.RoleAdmin, false)
		for _, path := range append([]string{"/?q=" + url.QueryEscape(text), "/?done=" + url.QueryEscape(text)}, views...) {
			resp, body := get(t, h, path)
			if resp.StatusCode != 200 || path != "/live" && !strings.Contains(body, "</html>") {
				t.Errorf("%s at %s: %s", name, path, resp.Status)
			}
			body = own.ReplaceAllString(body, "")
			if strings.Contains(body, "<script") || strings.Contains(body, `" onmouseover`) || regexp.MustCompile(`(href|action)="javascript:`).MatchString(body) {
				t.Errorf("%s at %s: it is not escaped", name, path)
			}
			for _, inline := range []string{"<style", " style=", "onclick", "http://", "https://"} { // the policy would refuse it
				if strings.Contains(body, inline) {
					t.Errorf("%s at %s has %s", name, path, inline)
				}
			}
		}
	}
}

// TestEveryViewShowsItsData looks for one telling text in each view.
func TestEveryViewShowsItsData(t *testing.T) {
	h := page(full("core1"), api.RoleAdmin, false)
	for path, wants := range map[string][]string{
		"/":                   {"1 of 1 devices is at risk", "! at risk", "3 hours ago", `href="/devices/core1"`, "The last mirror core1 failed", "<code>core1</code>", `id="old" class="card bad-edge" role="status" hidden`, `/live.js">`},
		"/devices/core1":      {"! At risk", "Back up now", "<meter", "core1:", "What changed in the last one", `href="/snapshots/core1"`, "Next: type <code>core1</code>"},
		"/devices/core1/diff": {`class="add"`, `class="del"`, "Other files in flash"},
		"/snapshots/core1":    {"! incomplete", "! missing: core1", `href="/api/v1/snapshots/core1/content?path=core1"`},
		"/jobs":               {"! failed", "3 h", "Older ›", `href="/jobs?cursor=older&amp;device=&amp;state="`},
		"/jobs/core1":         {"Try again", "Asked for by"},
		"/images":             {"Running, and not in the vault", "! differs", "6 devices"},
		"/vault":              {"! failed", "mirror"},
		"/audit":              {"! refused", `href="/audit?cursor=7"`},
		"/settings":           {"command core1", "admin", `href="/credentials/core1"`},
		"/transfers":          {"core1 (core1) may fetch core1", "▸ open", "0 of 2 · 1 transfer running", "copy flash:FILE tftp://[2001:db8::1]/core1", "✓ done", `action="/offers/core1/end"`, "devices send to port 69", "the file in the vault"},
		"/credentials/x":      {`value="core1"`, "stored; old: stored", "the old one is forgotten", `action="/credentials/x/remove"`},
	} {
		resp, body := get(t, h, path)
		for _, want := range wants {
			if !strings.Contains(body, want) {
				t.Errorf("%s: %s, no %q in\n%s", path, resp.Status, want, body)
			}
		}
		if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
			t.Errorf("%s: policy %q", path, policy)
		}
	}
}

// TestOnlyUsersSeeThePage sends everybody else to the login, and then back.
func TestOnlyUsersSeeThePage(t *testing.T) {
	a := full("sw1")
	h := page(a, "", false)
	for _, path := range append([]string{"/nope", "/jobs?state=done"}, views...) {
		resp, body := get(t, h, path)
		if want := "/login?to=" + url.QueryEscape(path); resp.StatusCode != 303 || resp.Header.Get("Location") != want || strings.Contains(body, "sw1 ") {
			t.Errorf("%s: %s to %q, want %q", path, resp.Status, resp.Header.Get("Location"), want)
		}
	}
	for _, path := range []string{"/backup", "/jobs/x/cancel", "/jobs/x/retry", "/import/check", "/import", "/plans/x", "/doctor", "/offers", "/receptions", "/offers/x/end", "/receptions/x/end", "/add-credential", "/credentials/x", "/credentials/x/test", "/credentials/x/remove"} {
		if resp, _ := post(t, h, path, url.Values{"device": {"sw1"}}); resp.StatusCode != 303 || resp.Header.Get("Location") != "/login" {
			t.Errorf("%s: %s to %q", path, resp.Status, resp.Header.Get("Location"))
		}
	}
	if len(a.asked)+len(a.ended)+len(a.offered)+len(a.received)+len(a.credentials) > 0 {
		t.Errorf("nobody asked for %+v %q", a.asked, a.ended)
	}
	_, form := get(t, h, "/login?to=/jobs")
	style := regexp.MustCompile(`/assets/[0-9a-f]+/style\.css`).FindString(form)
	if resp, _ := get(t, h, style); resp.StatusCode != 200 || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/css") {
		t.Errorf("style %q: %s, %v", style, resp.Status, resp.Header)
	}
	for _, path := range []string{"/assets/0/style.css", "/assets/x/../../web.go", "/assets/"} {
		if resp, _ := get(t, h, path); resp.StatusCode == 200 {
			t.Errorf("%s: %s", path, resp.Status)
		}
	}
}

// TestLogin logs in and out.
func TestLogin(t *testing.T) {
	for _, secure := range []bool{false, true} {
		h := page(full("sw1"), "", secure)
		resp, _ := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"long enough"}, "to": {"/jobs?state=done"}})
		if resp.StatusCode != 303 || resp.Header.Get("Location") != "/jobs?state=done" || len(resp.Cookies()) != 1 {
			t.Fatalf("%s to %q, cookies %v", resp.Status, resp.Header.Get("Location"), resp.Cookies())
		}
		c, name := resp.Cookies()[0], map[bool]string{true: "__Host-session", false: "session"}[secure]
		if c.Name != name || c.Value != "secret of anna" && c.Value != `"secret of anna"` || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("cookie %+v", c)
		}
		resp, _ = post(t, h, "/logout", nil)
		if c := resp.Cookies()[0]; resp.Header.Get("Location") != "/login" || c.Name != name || c.MaxAge >= 0 {
			t.Errorf("logout: %s, cookie %+v", resp.Status, c)
		}
	}
	h := page(full("sw1"), "", false)
	resp, body := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"wrong word"}})
	if resp.StatusCode != 401 || !strings.Contains(body, "Wrong user name or password") || !strings.Contains(body, `value="anna"`) || strings.Contains(body, "wrong word") || len(resp.Cookies()) > 0 {
		t.Errorf("wrong password: %s\n%s", resp.Status, body)
	}
	if resp, body := post(t, h, "/login", url.Values{"name": {"down"}, "password": {"x"}}); resp.StatusCode != 503 || !strings.Contains(body, "cannot be checked now") {
		t.Errorf("no catalog: %s", resp.Status)
	}
	for _, to := range []string{"https://evil.example/", "//evil.example", `/\evil.example`, "/\tevil", "evil", ""} {
		if resp, _ := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"long enough"}, "to": {to}}); resp.Header.Get("Location") != "/" {
			t.Errorf("after the login, %q leads to %q", to, resp.Header.Get("Location"))
		}
	}
}

// TestTooManyPasswords makes an address wait, also with the right password: it could be the
// next guess.
func TestTooManyPasswords(t *testing.T) {
	h := page(full("sw1"), "", false)
	for range 10 {
		post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"guess"}})
	}
	resp, body := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"long enough"}})
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || !strings.Contains(body, "Too many wrong passwords") || len(resp.Cookies()) > 0 {
		t.Errorf("%s, %v", resp.Status, resp.Header)
	}
	r := httptest.NewRequest("POST", "/login", strings.NewReader(url.Values{"name": {"anna"}, "password": {"long enough"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = "198.51.100.9:4711"
	if resp, _ := send(t, h, r); resp.StatusCode != 303 {
		t.Errorf("another address: %s", resp.Status)
	}
}

// held are users whose passwords are checked only when the test says so.
type held struct {
	words
	begun, check chan struct{}
}

func (u held) Login(ctx context.Context, name, word, from string) (string, bool, error) {
	u.begun <- struct{}{}
	<-u.check
	return u.words.Login(ctx, name, word, from)
}

// TestManyPasswordsAtOnce: an address cannot guess more passwords because it sends them all at
// the same time.
func TestManyPasswordsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		u := held{words{"anna": "long enough"}, make(chan struct{}, 100), make(chan struct{})}
		h := by("", web.Page{Warden: full("sw1"), Logins: u, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
		statuses := make(chan int, 100)
		for range 100 {
			go func() {
				resp, _ := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"guess"}})
				statuses <- resp.StatusCode
			}()
		}
		synctest.Wait()
		if len(u.begun) != 10 || len(statuses) != 90 || <-statuses != 429 {
			t.Errorf("%d are checked, %d are refused", len(u.begun), len(statuses))
		}
		close(u.check)
		synctest.Wait()
		if resp, _ := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"long enough"}}); resp.StatusCode != 429 || len(u.begun) != 10 {
			t.Errorf("the next one: %s, %d were checked", resp.Status, len(u.begun))
		}
	})
}

// TestRightPasswordsCostNoTries: many users may share one address.
func TestRightPasswordsCostNoTries(t *testing.T) {
	h := page(full("sw1"), "", false)
	for i := range 30 {
		if resp, _ := post(t, h, "/login", url.Values{"name": {"anna"}, "password": {"long enough"}}); resp.StatusCode != 303 {
			t.Fatalf("login %d: %s", i, resp.Status)
		}
	}
}

// TestRolesSeeWhatTheyMayDo: a viewer gets no buttons and no files, an operator no audit trail.
func TestRolesSeeWhatTheyMayDo(t *testing.T) {
	a := full("sw1")
	for role, want := range map[api.Role]struct{ buttons, admin bool }{api.RoleViewer: {}, api.RoleOperator: {buttons: true}, api.RoleAdmin: {true, true}} {
		h := page(a, role, false)
		var all string
		for _, path := range []string{"/", "/devices/sw1", "/snapshots/x", "/jobs/x", "/jobs", "/transfers", "/images"} {
			_, body := get(t, h, path)
			all += body
		}
		for _, button := range []string{"Back up now", "Back up all", "Try again", "/content?path=", ">Doctor<", "Examine this host", `action="/offers"`, `action="/receptions"`, "/end\"", "Offer…"} {
			if strings.Contains(all, button) != want.buttons {
				t.Errorf("%s: %q %t", role, button, !want.buttons)
			}
		}
		if strings.Contains(all, `href="/audit"`) != want.admin || strings.Contains(all, `href="/settings"`) != want.admin {
			t.Errorf("%s: the navigation is not that of the role", role)
		}
	}
}

// TestForms starts, cancels and repeats work, and says so.
func TestForms(t *testing.T) {
	a := full("sw1")
	h := page(a, api.RoleOperator, false)
	for _, c := range []struct {
		path, next string
		form       url.Values
	}{
		{"/backup", "/devices/sw%201?done=backup", url.Values{"device": {"sw 1"}}},
		{"/backup", "/jobs?done=backup", url.Values{"group": {"core"}, "site": {"hq"}}},
		{"/backup", "/jobs?done=backup", url.Values{"all": {"yes"}}},
		{"/jobs/j1/cancel", "/jobs/j1?done=cancel", nil},
		{"/jobs/j1/retry", "/jobs/j1?done=retry", nil},
	} {
		if resp, body := post(t, h, c.path, c.form); resp.StatusCode != 303 || resp.Header.Get("Location") != c.next {
			t.Errorf("%s %v: %s to %q, want %q\n%s", c.path, c.form, resp.Status, resp.Header.Get("Location"), c.next, body)
		}
	}
	if len(a.asked) != 3 || a.asked[0].Names[0] != "sw 1" || a.asked[0].All || a.asked[1].Group != "core" || a.asked[1].Site != "hq" || !a.asked[2].All || strings.Join(a.ended, ",") != "cancel j1,retry j1" {
		t.Errorf("asked for %+v, %q", a.asked, a.ended)
	}
	if _, body := get(t, h, "/jobs?done=backup"); !strings.Contains(body, "The backup is in the queue.") {
		t.Error("the page does not name the steps")
	}
	if resp, _ := post(t, h, "/backup", nil); resp.StatusCode != 400 || len(a.asked) != 3 {
		t.Errorf("a backup of nothing: %s, %+v", resp.Status, a.asked[3:])
	}
	if resp, _ := get(t, h, "/backup"); resp.StatusCode == 200 || len(a.asked) != 3 {
		t.Errorf("a link that starts a backup: %s", resp.Status)
	}
}

// TestProblems shows what went wrong, with the next step and the status of HTTP.
func TestProblems(t *testing.T) {
	for exit, status := range map[api.Exit]int{api.ExitUnknown: 404, api.ExitRefused: 403, api.ExitUsage: 400, api.ExitError: 500} {
		a := full("sw1")
		a.err = &api.Problem{Detail: "no device <nope>", Exit: exit, Fix: api.Say("look at ").Do("device list"), Err: errors.New("x")}
		h := page(a, api.RoleAdmin, false)
		for _, path := range views {
			resp, body := get(t, h, path)
			if resp.StatusCode != status || !strings.Contains(body, "no device &lt;nope&gt;") || !strings.Contains(body, "<code>flashwarden device list</code>") {
				t.Errorf("%s, exit %d: %s\n%s", path, exit, resp.Status, body)
			}
		}
	}
	if resp, body := get(t, page(full("sw1"), api.RoleAdmin, false), "/nope"); resp.StatusCode != 404 || !strings.Contains(body, "no such page") {
		t.Errorf("/nope: %s", resp.Status)
	}
}

// TestManyDevices filters, sorts and pages 10,000 devices; a page stays small.
func TestManyDevices(t *testing.T) {
	a := &answers{status: api.Status{Summary: api.StatusSummary{Devices: 10_000, Protected: 9_999, AtRisk: 1}}}
	for i := range 10_000 {
		at := now.Add(-time.Duration(i) * time.Minute)
		a.status.Devices = append(a.status.Devices, api.DeviceStatus{Device: fmt.Sprintf("sw%d", i), Protected: i != 0, Site: fmt.Sprintf("site%d", i%20), Known: api.Known{Model: "WS-C3750G-24TS", Version: "15.0(2)SE8", LastBackup: &at}})
	}
	h := page(a, api.RoleAdmin, false)
	for path, want := range map[string]string{
		"/":                         "sw0 sw1 sw2",
		"/?page=200":                "sw9950 sw9951 sw9952",
		"/?page=201":                "sw0 sw1 sw2",
		"/?page=x":                  "sw0 sw1 sw2",
		"/?sort=backup":             "sw9999 sw9998 sw9997",
		"/?sort=name&page=2":        "sw50 sw51 sw52",
		"/?q=SW1000":                "sw1000",
		"/?site=site3&q=sw12":       "sw123 sw1203 sw1223",
		"/?state=risk":              "sw0",
		"/?state=failed":            "",
		"/?state=running":           "",
		"/?state=protected&q=sw10x": "",
	} {
		resp, body := get(t, h, path)
		var names []string
		for _, m := range regexp.MustCompile(`href="/devices/([^"]+)"`).FindAllStringSubmatch(body, -1) {
			names = append(names, m[1])
		}
		if got := strings.Join(names[:min(3, len(names))], " "); got != want || len(names) > 50 || resp.StatusCode != 200 {
			t.Errorf("%s: %s, %d devices, %q, want %q", path, resp.Status, len(names), got, want)
		}
		if len(body) > 100_000 {
			t.Errorf("%s has %d bytes", path, len(body))
		}
		if want == "" && !strings.Contains(body, "No device matches") {
			t.Errorf("%s does not say that nothing matches", path)
		}
	}
	if _, body := get(t, page(&answers{}, api.RoleAdmin, false), "/"); !strings.Contains(body, "No devices yet") || !strings.Contains(body, "flashwarden device add") {
		t.Error("the page of an empty inventory does not say the next step")
	}
}
