package catalogtest

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/audit"
	"flashwarden/internal/catalog"
)

// peopleTests are the tests of who may do what.
var peopleTests = []suiteTest{
	{"Users", testUsers},
	{"Sessions", testSessions},
	{"ProviderSessions", testProviderSessions},
	{"Tokens", testTokens},
	{"AuditTrail", testAuditTrail},
	{"AuditByManyAtOnce", testAuditByMany},
}

func testUsers(t *testing.T, create New) {
	c, ctx := empty(t, create), t.Context()
	if u, password, err := c.Login(ctx, "anna"); u.Name != "" || password != "" || err != nil {
		t.Errorf("a user that there is not: %+v, %q, error %v", u, password, err)
	}
	born := time.UnixMilli(1_700_000_000_123).UTC()
	for _, u := range []api.User{{Name: "otto", Role: api.RoleViewer, Created: born}, {Name: "anna", Role: api.RoleAdmin, Created: born}} {
		if added, err := c.AddUser(ctx, u, "hash of "+u.Name); !added || err != nil {
			t.Errorf("add %s: %t, error %v", u.Name, added, err)
		}
	}
	if added, err := c.AddUser(ctx, api.User{Name: "anna", Role: api.RoleViewer}, "another"); added || err != nil {
		t.Errorf("a second anna: %t, error %v", added, err)
	}
	want := func(name string, role api.Role, hash string) {
		t.Helper()
		u, password, err := c.Login(ctx, name)
		if diff := cmp.Diff(api.User{Name: name, Role: role, Created: born}, u); diff != "" || password != hash || err != nil {
			t.Errorf("%s has the password %q, error %v\n%s", name, password, err, diff)
		}
	}
	want("anna", api.RoleAdmin, "hash of anna")
	for _, change := range []struct {
		role           api.Role
		password, hash string
		is             api.Role
	}{{"", "new", "new", api.RoleViewer}, {api.RoleOperator, "", "new", api.RoleOperator}} {
		if known, err := c.ChangeUser(ctx, "otto", change.role, change.password); !known || err != nil {
			t.Errorf("change %+v: %t, error %v", change, known, err)
		}
		want("otto", change.is, change.hash)
	}
	users, err := c.Users(ctx)
	if names := []string{users[0].Name, users[1].Name}; len(users) != 2 || !slices.Equal(names, []string{"anna", "otto"}) || err != nil {
		t.Errorf("users %+v, error %v", users, err)
	}
	for _, known := range []bool{true, false} {
		if got, err := c.RemoveUser(ctx, "otto"); got != known || err != nil {
			t.Errorf("remove: %t, error %v, want %t", got, err, known)
		}
	}
	if known, err := c.ChangeUser(ctx, "otto", api.RoleAdmin, "x"); known || err != nil {
		t.Errorf("change a user that there is not: %t, error %v", known, err)
	}
}

// testSessions: a session ends by itself, with its user, and when the user gets another password.
func testSessions(t *testing.T, create New) {
	c, ctx := empty(t, create), t.Context()
	now := time.UnixMilli(1_700_000_000_123).UTC()
	for _, name := range []string{"anna", "otto"} {
		if _, err := c.AddUser(ctx, api.User{Name: name, Role: api.RoleViewer, Created: now}, "hash of "+name); err != nil {
			t.Fatal(err)
		}
	}
	begin := func(digest, user, password string, at time.Time) catalog.Session {
		t.Helper()
		s := catalog.Session{User: user, Created: at, Used: at, Expires: at.Add(time.Hour)}
		if err := c.AddSession(ctx, s, digest, password); err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := func(digest string, want *catalog.Session, role api.Role) {
		t.Helper()
		s, u, known, err := c.Session(ctx, digest)
		if err != nil || known != (want != nil) {
			t.Fatalf("%s: known %t, error %v", digest, known, err)
		}
		if want != nil && (s != *want || u.Name != want.User || u.Role != role || !u.Created.Equal(now)) {
			t.Errorf("%s: %+v, %+v; want %+v", digest, s, u, *want)
		}
	}
	old, anna, otto, stale := begin("old", "anna", "hash of anna", now), begin("a", "anna", "hash of anna", now.Add(30*time.Minute)),
		begin("o", "otto", "hash of otto", now.Add(30*time.Minute)), begin("s", "otto", "a hash of before", now.Add(30*time.Minute))
	want("old", &old, api.RoleViewer)
	want("a", &anna, api.RoleViewer)
	want("s", nil, "")
	want("nobody's", nil, "")
	anna.Used = now.Add(40 * time.Minute)
	if err := c.UseSession(ctx, "a", anna.Used); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ChangeUser(ctx, "anna", api.RoleAdmin, ""); err != nil {
		t.Fatal(err)
	}
	want("a", &anna, api.RoleAdmin)
	begin("later", "anna", "hash of anna", now.Add(61*time.Minute))
	want("old", nil, "") // it has ended
	want("a", &anna, api.RoleAdmin)
	if _, err := c.ChangeUser(ctx, "anna", "", "a new hash"); err != nil {
		t.Fatal(err)
	}
	want("a", nil, "")
	want("o", &otto, api.RoleViewer)
	for range 2 {
		if err := c.EndSession(ctx, "o"); err != nil {
			t.Error(err)
		}
	}
	want("o", nil, "")
	begin("o2", "otto", "hash of otto", stale.Created)
	if _, err := c.RemoveUser(ctx, "otto"); err != nil {
		t.Fatal(err)
	}
	want("o2", nil, "")
}

// testProviderSessions: a user whom a provider knows has the role of the login. A user of the catalog
// with the same name is somebody else, and may change, come and go.
func testProviderSessions(t *testing.T, create New) {
	c, ctx := empty(t, create), t.Context()
	now := time.UnixMilli(1_700_000_000_123).UTC()
	s := catalog.Session{User: "anna", Provider: "p", Role: api.RoleOperator, Created: now, Used: now, Expires: now.Add(time.Hour)}
	if err := c.AddSession(ctx, s, "digest", ""); err != nil {
		t.Fatal(err)
	}
	want := func(when string) {
		t.Helper()
		got, u, known, err := c.Session(ctx, "digest")
		if !known || err != nil || got != s || u != (api.User{Name: "anna", Role: api.RoleOperator, Created: now}) {
			t.Errorf("%s: %t, %+v, %+v, error %v", when, known, got, u, err)
		}
	}
	want("no user of this name")
	if _, err := c.AddUser(ctx, api.User{Name: "anna", Role: api.RoleAdmin, Created: now.Add(-time.Hour)}, ""); err != nil {
		t.Fatal(err)
	}
	want("an administrator of this name")
	if _, err := c.RemoveUser(ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	want("the administrator was removed")
	if err := c.EndSession(ctx, "digest"); err != nil {
		t.Fatal(err)
	}
	if _, _, known, err := c.Session(ctx, "digest"); known || err != nil {
		t.Errorf("after the logout: %t, error %v", known, err)
	}
}

func testTokens(t *testing.T, create New) {
	c, ctx := empty(t, create), t.Context()
	born := time.UnixMilli(1_700_000_000_123).UTC()
	tokens := []api.Token{
		{Name: "grafana", Role: api.RoleViewer, Created: born},
		{Name: "script", Role: api.RoleOperator, Group: "core", Site: "ams", Created: born, Expires: born.Add(time.Hour)},
	}
	for i, token := range tokens {
		if added, err := c.AddToken(ctx, token, string(rune('a'+i))); !added || err != nil {
			t.Errorf("add %s: %t, error %v", token.Name, added, err)
		}
	}
	if added, err := c.AddToken(ctx, tokens[0], "z"); added || err != nil {
		t.Errorf("a second one of the name: %t, error %v", added, err)
	}
	for digest, want := range map[string]api.Token{"a": tokens[0], "b": tokens[1], "z": {}, "": {}} {
		got, known, err := c.Token(ctx, digest)
		if diff := cmp.Diff(want, got); diff != "" || known != (want.Name != "") || err != nil {
			t.Errorf("digest %q: known %t, error %v\n%s", digest, known, err, diff)
		}
	}
	if got, err := c.Tokens(ctx); err != nil || !cmp.Equal(got, tokens) {
		t.Errorf("tokens %+v, error %v", got, err)
	}
	for _, known := range []bool{true, false} {
		if got, err := c.RemoveToken(ctx, "script"); got != known || err != nil {
			t.Errorf("remove: %t, error %v, want %t", got, err, known)
		}
	}
	if _, known, err := c.Token(ctx, "b"); known || err != nil {
		t.Errorf("a removed token: %t, error %v", known, err)
	}
}

func testAuditTrail(t *testing.T, create New) {
	c, ctx := empty(t, create), t.Context()
	if lines, err := c.AuditLines(ctx, 0, 10); len(lines) > 0 || err != nil {
		t.Errorf("%+v, error %v", lines, err)
	}
	var written []api.AuditLine
	for _, on := range [][]string{{"sw1", "sw2"}, nil, {`"'[]\`}} {
		l, err := c.Record(ctx, api.AuditLine{User: "anna", From: "127.0.0.1", Operation: "backup", On: on, Result: api.AuditAllowed, Number: 99, Hash: "no"})
		if err != nil {
			t.Fatal(err)
		}
		written = append(written, l)
	}
	var seen audit.Trail
	err := c.Trail(ctx, func(l api.AuditLine) error {
		if diff := cmp.Diff(written[l.Number-1], l); diff != "" {
			t.Errorf("line %d (-written +read):\n%s", l.Number, diff)
		}
		return seen.Next(l)
	})
	if got := seen.Result(); err != nil || got != (api.AuditCheck{Lines: 3, Hash: written[2].Hash}) {
		t.Errorf("%+v, error %v", got, err)
	}
	slices.Reverse(written)
	for _, page := range []struct {
		before int64
		want   []api.AuditLine
	}{{0, written[:2]}, {2, written[2:]}, {1, nil}} {
		if got, err := c.AuditLines(ctx, page.before, 2); err != nil || !cmp.Equal(got, page.want) {
			t.Errorf("before %d: %+v, error %v", page.before, got, err)
		}
	}
	full := errors.New("full")
	if err := c.Trail(ctx, func(api.AuditLine) error { return full }); !errors.Is(err, full) {
		t.Errorf("error %v", err)
	}
}

// testAuditByMany has several processes write at once: the trail has no gap and no
// branch.
func testAuditByMany(t *testing.T, create New) {
	open := create(t)
	var all sync.WaitGroup
	for range 4 {
		c := open(t)
		all.Go(func() {
			for range 5 {
				if _, err := c.Record(t.Context(), api.AuditLine{User: "anna", Result: api.AuditRefused}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	var seen audit.Trail
	if err := open(t).Trail(t.Context(), seen.Next); err != nil {
		t.Fatal(err)
	}
	if got := seen.Result(); got.Lines != 20 || got.Broken != 0 {
		t.Errorf("%+v", got)
	}
}
