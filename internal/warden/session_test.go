package warden

import (
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/catalog"
)

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
