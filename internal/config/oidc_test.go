package config

import (
	"strings"
	"testing"

	"flashwarden/api"
)

// TestOIDC refuses a provider that nobody could use, or that others could listen to.
func TestOIDC(t *testing.T) {
	const whole = "issuer: https://x.example/a, client-id: c, roles: {g: admin}"
	for text, want := range map[string]string{
		"": "", "issuer: '', client-id: '', client-secret-file: '', roles: {}": "", whole: "",
		"issuer: http://127.0.0.1:9/a, client-id: c, roles: {g: admin}": "",
		"issuer: http://x.example, client-id: c, roles: {g: admin}":     "does not begin with https://",
		"issuer: 'https://u:p@x.example', client-id: c":                 "is not the URL of a provider",
		"issuer: x.example, client-id: c":                               "is not the URL of a provider",
		"issuer: https://x.example, roles: {g: admin}":                  "issuer and client-id belong together",
		"client-id: c": "issuer and client-id belong together",
		"issuer: https://x.example, client-id: c":                        "web.oidc.roles: without roles, nobody could log in",
		"issuer: https://x.example, client-id: c, roles: {g: root}":      "web.oidc.roles.g: \"root\" is not one of viewer, operator, admin",
		"issuer: https://x.example, client-id: c, roles: [g]":            "expected a mapping here",
		whole + ", client-secret-file: x":                                "not an absolute path",
		whole + ", redirect-url: https://fw.example/elsewhere":           "is not a URL such as",
		whole + ", redirect-url: https://fw.example/login/oidc/callback": "",
		whole + ", redirect-url: http://fw.example/login/oidc/callback":  "is not a URL such as",
		whole + ", groups-claim: ''":                                     "want the name of a claim",
		whole + ", group: x":                                             "web.oidc.group: unknown key",
	} {
		_, _, err := loadText(t, "web:\n  oidc: {"+text+"}\n")
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want %q", text, err, want)
		}
	}
}

// TestRoleOfGroups: the highest role counts, in any order.
func TestRoleOfGroups(t *testing.T) {
	o := OIDC{Issuer: "https://x", ClientID: "c", Roles: map[string]api.Role{"all": api.RoleViewer, "ops": api.RoleOperator, "boss": api.RoleAdmin}}
	for groups, want := range map[string]api.Role{"": "", "sales": "", "all": api.RoleViewer, "all ops": api.RoleOperator, "boss all ops": api.RoleAdmin, "ALL": ""} {
		if got := o.RoleOf(strings.Fields(groups)); got != want {
			t.Errorf("%q: %q, want %q", groups, got, want)
		}
	}
	other := o
	other.Roles = map[string]api.Role{"all": api.RoleViewer}
	if o.Digest() == other.Digest() || o.Digest() == "" || (OIDC{}).Digest() != "" {
		t.Errorf("digests %q, %q", o.Digest(), other.Digest())
	}
}
