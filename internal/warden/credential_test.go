package warden

import (
	"testing"

	"flashwarden/api"
)

// TestPlacesOfOwners: only root and the user of the service may say where the service finds a
// password.
func TestPlacesOfOwners(t *testing.T) {
	l, _, _ := newLocal(t)
	member := As(t.Context(), Admin("ann", "socket"))
	for _, c := range []api.CredentialChange{
		{Name: "x", Password: &api.Secret{Command: "id"}},
		{Name: "x", Password: &api.Secret{Environment: "AWS_SECRET_ACCESS_KEY"}},
		{Name: "x", Password: &api.Secret{Systemd: "tls-key"}},
		{Name: "x", Password: &api.Secret{Text: "word"}, EnablePassword: &api.Secret{Command: "id"}},
	} {
		wantExit(t, "a member of the group", second(l.SetCredential(member, c)), api.ExitRefused)
		if _, err := l.SetCredential(As(t.Context(), Owner("root")), c); err != nil {
			t.Errorf("the owner: %v", err)
		}
	}
	if _, err := l.SetCredential(member, api.CredentialChange{Name: "y", Password: &api.Secret{Text: "word"}}); err != nil {
		t.Errorf("a member, without a command: %v", err)
	}
}
