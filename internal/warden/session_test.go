package warden

import (
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
	"flashwarden/internal/config"
)

// TestGuests: a person whom a provider knows gets the highest role of the groups at each login, and
// another session than a user of the same name. It ends after half a day, and at once if the
// configuration has another provider or other roles.
func TestGuests(t *testing.T) {
	l, ctx := asAdmin(t)
	roles := func(roles map[string]api.Role) {
		c := l.config()
		c.Web.OIDC = config.OIDC{Issuer: "https://login.example.net", ClientID: "fw", Roles: roles}
		l.core.mu.Lock()
		defer l.core.mu.Unlock()
		l.core.opts.Config = c
	}
	if _, err := l.AddUser(ctx, api.UserChange{Name: "anna", Role: api.RoleAdmin, Password: "long enough"}); err != nil {
		t.Fatal(err)
	}
	login := func(groups ...string) string {
		t.Helper()
		secret, _, err := l.Admit(t.Context(), Guest{Subject: "7", Name: "anna", Groups: groups}, "192.0.2.7")
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	want := func(what, secret string, role api.Role) {
		t.Helper()
		a, ok, err := l.SessionActor(t.Context(), secret, "192.0.2.7")
		if ok != (role != "") || err != nil || ok && a != (Actor{Name: "oidc anna", From: "192.0.2.7", Role: role}) {
			t.Errorf("%s: %t, %+v, error %v", what, ok, a, err)
		}
	}
	roles(map[string]api.Role{"ops": api.RoleOperator})
	l.core.opts.Config.Web.OIDC.Issuer = ""
	if secret, ok, err := l.Admit(t.Context(), Guest{Name: "anna", Groups: []string{"", "ops"}}, ""); secret != "" || ok || err != nil {
		t.Errorf("without a provider: %q, %t, error %v", secret, ok, err)
	}
	roles(map[string]api.Role{"ops": api.RoleOperator, "all": api.RoleViewer})
	for _, groups := range [][]string{nil, {"sales"}, {"OPS"}, {""}} {
		if secret := login(groups...); secret != "" {
			t.Errorf("groups %q have a session", groups)
		}
	}
	first := login("sales", "all", "ops")
	want("two roles", first, api.RoleOperator)
	if _, err := l.RemoveUser(ctx, api.Named{Name: "anna"}); err != nil {
		t.Fatal(err)
	}
	want("the user of this name was removed", first, api.RoleOperator)
	want("a group was taken away", login("all"), api.RoleViewer)
	s, _, _, err := l.core.node.Catalog.Session(ctx, digestOf(first))
	if err != nil || s.Expires.Sub(s.Created) != 12*time.Hour {
		t.Errorf("session %+v, error %v", s, err)
	}
	roles(map[string]api.Role{"ops": api.RoleOperator})
	want("other roles", first, "")
	again := login("ops")
	want("a login after that", again, api.RoleOperator)
	if err := l.Logout(ctx, again); err != nil {
		t.Fatal(err)
	}
	want("after the logout", again, "")
	again = login("ops")
	roles(nil)
	want("no roles", again, "")
}

// TestSessionsEnd: a session ends at the latest after a week, sooner if nobody uses it, and at once
// with its user, another password, or a logout.
func TestSessionsEnd(t *testing.T) {
	l, ctx := asAdmin(t)
	const word = "long enough"
	if _, err := l.AddUser(ctx, api.UserChange{Name: "anna", Role: api.RoleOperator, Password: word}); err != nil {
		t.Fatal(err)
	}
	login := func() string {
		t.Helper()
		secret, ok, err := l.Login(t.Context(), "anna", word, "192.0.2.7")
		if !ok || err != nil {
			t.Fatalf("%t, error %v", ok, err)
		}
		return secret
	}
	wantLoggedIn := func(what, secret string, want bool) {
		t.Helper()
		a, ok, err := l.SessionActor(t.Context(), secret, "192.0.2.7")
		if ok != want || err != nil || ok && a != (Actor{Name: "anna", From: "192.0.2.7", Role: api.RoleOperator}) {
			t.Errorf("%s: %t, %+v, error %v", what, ok, a, err)
		}
	}
	n, err := l.open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	_, hash, err := n.Catalog.Login(ctx, "anna")
	if err != nil {
		t.Fatal(err)
	}
	session := func(secret string, used, expires time.Duration) string {
		t.Helper()
		now := time.Now()
		s := catalog.Session{User: "anna", Created: now.Add(-48 * time.Hour), Used: now.Add(-used), Expires: now.Add(expires)}
		if err := n.Catalog.AddSession(ctx, s, digestOf(secret), hash); err != nil {
			t.Fatal(err)
		}
		return secret
	}
	wantLoggedIn("a new one", login(), true)
	wantLoggedIn("a wrong secret", "x", false)
	wantLoggedIn("no secret", "", false)
	wantLoggedIn("unused for a day", session("unused", 24*time.Hour, time.Hour), false)
	wantLoggedIn("a week old", session("old", time.Minute, -time.Second), false)
	used := session("used", time.Hour, time.Hour)
	wantLoggedIn("used an hour ago", used, true)
	if s, _, _, err := n.Catalog.Session(ctx, digestOf(used)); err != nil || time.Since(s.Used) > 10*time.Minute {
		t.Errorf("its use was not entered: %+v, error %v", s, err)
	}

	secret := login()
	if err := l.Logout(t.Context(), secret); err != nil {
		t.Error(err)
	}
	wantLoggedIn("after the logout", secret, false)
	secret = login()
	if _, err := l.EditUser(ctx, api.UserChange{Name: "anna", Password: "another word"}); err != nil {
		t.Fatal(err)
	}
	wantLoggedIn("after another password", secret, false)
	if _, ok, err := l.Login(t.Context(), "anna", word, "192.0.2.7"); ok || err != nil {
		t.Errorf("the old password: %t, error %v", ok, err)
	}
	secret, _, err = l.Login(t.Context(), "anna", "another word", "192.0.2.7")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.RemoveUser(ctx, api.Named{Name: "anna"}); err != nil {
		t.Fatal(err)
	}
	wantLoggedIn("after the user was removed", secret, false)
}
