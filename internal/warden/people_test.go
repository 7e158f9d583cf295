package warden

import (
	"context"
	"strings"
	"testing"
	"time"

	"flashwarden/api"
)

// asAdmin returns a Local with a data directory, and the context of an administrator.
func asAdmin(t *testing.T) (*Local, context.Context) {
	l, _, _ := newLocal(t)
	ctx := As(t.Context(), Admin("ann", "terminal"))
	word := "s3cret-Login"
	for _, d := range []api.Device{
		{Name: "core1", Group: "core", Site: "ams"}, {Name: "core2", Group: "core", Site: "ber"}, {Name: "edge1", Group: "edge", Site: "ams"},
	} {
		d.Address, d.Transport, d.Username = "192.0.2.1", api.SSH, "backup"
		if _, err := l.AddDevice(ctx, api.DeviceChange{Device: d, Password: &word}); err != nil {
			t.Fatal(err)
		}
	}
	return l, ctx
}

func TestUsersLogIn(t *testing.T) {
	l, ctx := asAdmin(t)
	if _, err := l.AddUser(ctx, api.UserChange{Name: "otto", Role: api.RoleOperator, Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	want := func(name, word string, role api.Role) {
		t.Helper()
		secret, ok, err := l.Login(t.Context(), name, word, "192.0.2.7")
		var a Actor
		if ok && err == nil {
			a, ok, err = l.SessionActor(t.Context(), secret, "192.0.2.7")
		}
		if err != nil || ok != (role != "") || ok && a != (Actor{Name: "otto", From: "192.0.2.7", Role: role}) {
			t.Errorf("%s with %q: %+v, %t, error %v", name, word, a, ok, err)
		}
	}
	want("otto", "long enough", api.RoleOperator)
	want("otto", "Long enough", "")
	want("otto", "", "")
	want("nobody", "long enough", "")
	if _, err := l.EditUser(ctx, api.UserChange{Name: "otto", Password: "another one"}); err != nil {
		t.Fatal(err)
	}
	want("otto", "long enough", "")
	want("otto", "another one", api.RoleOperator)
	if _, err := l.EditUser(ctx, api.UserChange{Name: "otto", Role: api.RoleViewer}); err != nil {
		t.Fatal(err)
	}
	want("otto", "another one", api.RoleViewer)
	if _, err := l.RemoveUser(ctx, api.Named{Name: "otto"}); err != nil {
		t.Fatal(err)
	}
	want("otto", "another one", "")
}

func TestTokensActForTheirRole(t *testing.T) {
	l, ctx := asAdmin(t)
	issue := func(n api.NewToken) string {
		t.Helper()
		issued, err := l.AddToken(ctx, n)
		if err != nil || !strings.HasPrefix(issued.Secret, "fw_") || len(issued.Secret) < 26 {
			t.Fatalf("%+v, error %v", issued, err)
		}
		return issued.Secret
	}
	secret := issue(api.NewToken{Name: "script", Role: api.RoleOperator, Group: "core", Site: "ams"})
	a, ok, err := l.TokenActor(t.Context(), secret, "192.0.2.7")
	if want := (Actor{"token script", "192.0.2.7", api.RoleOperator, "core", "ams", false}); a != want || !ok || err != nil {
		t.Errorf("%+v, %t, error %v", a, ok, err)
	}
	for _, wrong := range []string{"", "fw_", secret + "x", secret[:len(secret)-1], strings.ToLower(secret)} {
		if _, ok, err := l.TokenActor(t.Context(), wrong, ""); ok || err != nil {
			t.Errorf("the secret %q: %t, error %v", wrong, ok, err)
		}
	}
	expired := issue(api.NewToken{Name: "old", Role: api.RoleAdmin, Expires: time.Nanosecond})
	if _, ok, err := l.TokenActor(t.Context(), expired, ""); ok || err != nil {
		t.Errorf("an expired token: %t, error %v", ok, err)
	}
	if _, err := l.RemoveToken(ctx, api.Named{Name: "script"}); err != nil {
		t.Fatal(err)
	}
	if _, ok, err := l.TokenActor(t.Context(), secret, ""); ok || err != nil {
		t.Errorf("a removed token: %t, error %v", ok, err)
	}
}

// TestLimitedActors lets a token of one group and site see and do nothing else.
func TestLimitedActors(t *testing.T) {
	l, _ := asAdmin(t)
	names := func(a Actor, s api.Select) (string, error) {
		rows, err := l.Devices(As(t.Context(), a), s)
		var all []string
		for _, r := range rows {
			all = append(all, r.Name)
		}
		return strings.Join(all, " "), err
	}
	core := Actor{Name: "token x", Role: api.RoleAdmin, Group: "core"}
	for _, c := range []struct {
		actor Actor
		s     api.Select
		want  string // empty: refused
	}{
		{Actor{Role: api.RoleViewer}, api.Select{}, "core1 core2 edge1"},
		{core, api.Select{}, "core1 core2"},
		{core, api.Select{Site: "ams"}, "core1"},
		{core, api.Select{Names: []string{"core2"}}, "core2"},
		{core, api.Select{Names: []string{"core2", "edge1"}}, ""},
		{core, api.Select{Group: "edge"}, ""},
		{Actor{Role: api.RoleAdmin, Site: "ams"}, api.Select{}, "core1 edge1"},
		{Actor{Role: api.RoleAdmin, Site: "ams"}, api.Select{Site: "ber"}, ""},
		{Actor{Role: api.RoleAdmin, Group: "core", Site: "ams"}, api.Select{}, "core1"},
	} {
		got, err := names(c.actor, c.s)
		if refused := AsProblem(err) != nil && AsProblem(err).Exit == api.ExitRefused; got != c.want || refused != (c.want == "") {
			t.Errorf("%+v asks for %+v: %q, error %v; want %q", c.actor, c.s, got, err, c.want)
		}
	}
	ctx := As(t.Context(), core)
	for name, err := range map[string]error{
		"prune":       second(l.Prune(ctx, api.Prune{})),
		"users":       second(l.Users(ctx)),
		"add a token": second(l.AddToken(ctx, api.NewToken{Name: "mine", Role: api.RoleAdmin})),
		"jobs of all": second(l.Jobs(ctx, api.JobSelect{})),
		"jobs":        second(l.Jobs(ctx, api.JobSelect{Device: "edge1"})),
		"edit":        second(l.EditDevice(ctx, api.DeviceChange{Device: api.Device{Name: "core1"}})),
		"snapshots":   second(l.Snapshots(ctx, api.Named{Name: "edge1"})),
		"restore":     second(l.ApplyPlan(ctx, api.Plan{Request: api.Restore{Device: "edge1"}}, nil)),
	} {
		if p := AsProblem(err); p == nil || p.Exit != api.ExitRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := l.Snapshots(ctx, api.Named{Name: "core1"}); err != nil {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// TestAudit has a line for each change and each refused operation, and none for what
// only reads.
func TestAudit(t *testing.T) {
	l, ctx := asAdmin(t)
	if _, err := l.Devices(ctx, api.Select{}); err != nil {
		t.Fatal(err)
	}
	otto := As(t.Context(), Actor{Name: "otto", From: "192.0.2.7", Role: api.RoleViewer})
	if _, err := l.RemoveDevices(otto, api.Select{Names: []string{"edge1"}}); err == nil {
		t.Error("a viewer removed a device")
	}
	if _, err := l.RemoveDevices(ctx, api.Select{Names: []string{"edge1"}}); err != nil {
		t.Fatal(err)
	}
	page, err := l.Audit(ctx, api.AuditSelect{Limit: 3})
	if err != nil || len(page.Lines) != 3 || page.Next != "3" {
		t.Fatalf("%+v, error %v", page, err)
	}
	for i, want := range []string{"ann terminal remove devices [edge1] allowed", "otto 192.0.2.7 remove devices [edge1] refused", "ann terminal add a device [edge1] allowed"} {
		line := page.Lines[i]
		if got := strings.Join([]string{line.User, line.From, line.Operation, "[" + strings.Join(line.On, " ") + "]", line.Result}, " "); got != want {
			t.Errorf("line %d: %q, want %q", line.Number, got, want)
		}
	}
	if page, err = l.Audit(ctx, api.AuditSelect{Limit: 3, Cursor: page.Next}); err != nil || len(page.Lines) != 2 || page.Next != "" {
		t.Errorf("%+v, error %v", page, err)
	}
	if check, err := l.VerifyAudit(ctx); err != nil || check.Lines != 5 || check.Broken != 0 || check.Hash == "" {
		t.Errorf("%+v, error %v", check, err)
	}
	for _, wrong := range []api.AuditSelect{{Cursor: "x"}, {Cursor: "0"}, {Limit: -1}, {Limit: 1001}} {
		if _, err := l.Audit(ctx, wrong); AsProblem(err) == nil || AsProblem(err).Exit != api.ExitUsage {
			t.Errorf("%+v: %v", wrong, err)
		}
	}
}

// TestAuditOfSelections: the trail says on which devices somebody worked, also without names.
func TestAuditOfSelections(t *testing.T) {
	l, ctx := asAdmin(t)
	for _, test := range []struct {
		s    api.Select
		want string
	}{{api.Select{}, "all devices"}, {api.Select{Group: "core", Site: "ams"}, "group core, site ams"}, {api.Select{Names: []string{"core1", "core2"}}, "core1, core2"}} {
		if _, _, err := l.devices.beginOn(ctx, working, "back up", test.s); err != nil {
			t.Fatal(err)
		}
		page, err := l.Audit(ctx, api.AuditSelect{Limit: 1})
		if err != nil || len(page.Lines) != 1 || strings.Join(page.Lines[0].On, ", ") != test.want {
			t.Errorf("%+v, error %v; want %q", page.Lines, err, test.want)
		}
	}
}
