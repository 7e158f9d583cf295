package config

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"flashwarden/api"
)

// OIDC is the mapping web.oidc: people log in to the page with an OpenID Connect provider.
type OIDC struct {
	Issuer           string // the URL of the provider, exactly as it names itself; empty: none
	ClientID         string
	ClientSecretFile string // has the secret of the client in its first line; empty: it has none
	RedirectURL      string // where the provider sends browsers to; empty: by the host that a browser asks
	GroupsClaim      string // the claim with the groups of a person

	Roles map[string]api.Role // by group
}

// On reports whether there is a provider.
func (o OIDC) On() bool { return o.Issuer != "" }

// RoleOf returns the highest role of groups; empty: they have none.
func (o OIDC) RoleOf(groups []string) (highest api.Role) {
	for _, group := range groups {
		if role, ok := o.Roles[group]; ok && !highest.Includes(role) {
			highest = role
		}
	}
	return highest
}

// Digest names the provider, the client and the roles. It changes with each of them. Empty: there is
// no provider.
func (o OIDC) Digest() string {
	if !o.On() {
		return ""
	}
	text, _ := json.Marshal([]any{o.Issuer, o.ClientID, o.GroupsClaim, o.Roles}) // texts alone; the keys of a map are sorted
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Secret reads the secret of the client; empty: it has none.
func (o OIDC) Secret() (string, error) {
	if o.ClientSecretFile == "" {
		return "", nil
	}
	text, err := os.ReadFile(o.ClientSecretFile)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("the first line of %s is empty", o.ClientSecretFile)
	}
	return line, nil
}

// check compares the keys of the mapping with each other.
func (o OIDC) check() error {
	switch {
	case (o.Issuer == "") != (o.ClientID == ""):
		return &Error{Key: "web.oidc", Problem: "issuer and client-id belong together: give both"}
	case o.On() && len(o.Roles) == 0:
		return &Error{Key: "web.oidc.roles", Problem: "without roles, nobody could log in: add groups of the provider with their roles, such as {netops: operator}"}
	}
	return nil
}

// issuer reads the URL of a provider. Passwords and keys of the provider cross the network, so only a provider on this
// machine may do without TLS.
func issuer(v string) (string, error) {
	u, err := url.Parse(v)
	switch {
	case v == "":
		return "", nil
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return "", fmt.Errorf("%q is not the URL of a provider, such as https://login.example.net", v)
	case u.Scheme != "https" && (u.Scheme != "http" || !ownHost(u.Hostname())):
		return "", fmt.Errorf("%q does not begin with https://", v)
	}
	return v, nil
}

// redirectURL reads the URL of this page for the provider.
func redirectURL(v string) (string, error) {
	if _, err := issuer(v); err != nil || v != "" && !strings.HasSuffix(v, RedirectPath) {
		return "", fmt.Errorf("%q is not a URL such as https://backup.example.net%s", v, RedirectPath)
	}
	return v, nil
}

// RedirectPath is the path of the page to which a provider sends browsers.
const RedirectPath = "/login/oidc/callback"

func ownHost(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// claim reads the name of a claim.
func claim(v string) (string, error) {
	if v == "" {
		return "", fmt.Errorf("want the name of a claim, such as groups")
	}
	return v, nil
}

// groupRoles reads the mapping of groups to roles. It has no environment variable.
func (s source) groupRoles(c *Config, where string, body ast.Node) error {
	if isEmpty(body) {
		return nil
	}
	return s.each(body, where, func(group string, _, value ast.Node) error {
		text, err := scalar(value)
		if err == nil {
			_, err = oneOf(text, string(api.RoleViewer), string(api.RoleOperator), string(api.RoleAdmin))
		}
		if err != nil {
			return s.at(value.GetToken(), where+"."+group, err.Error())
		}
		if c.Web.OIDC.Roles == nil {
			c.Web.OIDC.Roles = make(map[string]api.Role)
		}
		c.Web.OIDC.Roles[group] = api.Role(text)
		return nil
	})
}

// keepOIDC keeps the provider of a running service, as keep does.
func keepOIDC(restart *[]string, now OIDC, next *OIDC) {
	keep(restart, "web.oidc.issuer", now.Issuer, &next.Issuer)
	keep(restart, "web.oidc.client-id", now.ClientID, &next.ClientID)
	keep(restart, "web.oidc.client-secret-file", now.ClientSecretFile, &next.ClientSecretFile)
	keep(restart, "web.oidc.redirect-url", now.RedirectURL, &next.RedirectURL)
	keep(restart, "web.oidc.groups-claim", now.GroupsClaim, &next.GroupsClaim)
}
