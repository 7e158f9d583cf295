package oidc

import (
	"cmp"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	askWithin     = 10 * time.Second // for one login, all requests to the provider
	discoverAgain = time.Hour        // the provider is asked for its endpoints again
	failedFor     = 2 * time.Second  // all who wait for the provider get the same error
	skew          = 2 * time.Minute  // the clocks of the provider and of this host may differ
	maxAnswer     = 1 << 20          // bytes
)

// provider is what the provider says about itself (OpenID Connect Discovery 1.0, section 3).
type provider struct {
	*oidc.Provider
	verifier *oidc.IDTokenVerifier
	id       string
	found    time.Time
	said
}

// said is what the library does not read.
type said struct {
	Scopes      []string `json:"scopes_supported"`
	Methods     []string `json:"token_endpoint_auth_methods_supported"`
	NamesItself bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207
}

func (c *Client) now() time.Time {
	if c.Now != nil {
		return c.Now()
	}
	return time.Now()
}

// provider returns the provider. It is asked at the first login and not before, so that the
// service starts without it. If it cannot be asked again, what it said holds on.
func (c *Client) provider(ctx context.Context) (*provider, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	switch {
	case c.known != nil && now.Sub(c.known.found) < discoverAgain:
		return c.known, nil
	case c.err != nil && now.Sub(c.failed) < failedFor:
		return c.known, c.err
	}
	ctx, cancel := c.within(context.WithoutCancel(ctx)) // others wait for it too
	defer cancel()
	p, err := c.discover(ctx, now)
	switch {
	case err == nil:
		c.known, c.err = p, nil
	case c.known != nil:
		c.known.found = now
	default:
		c.failed, c.err = c.now(), fmt.Errorf("%w: %w", ErrDown, err)
	}
	return c.known, c.err
}

func (c *Client) discover(ctx context.Context, now time.Time) (*provider, error) {
	found, err := oidc.NewProvider(ctx, c.Issuer)
	if err != nil {
		return nil, err
	}
	p := &provider{Provider: found, id: c.ID, found: now}
	if err := found.Claims(&p.said); err != nil {
		return nil, fmt.Errorf("it describes itself in a way that cannot be read: %w", err)
	}
	p.verifier = found.Verifier(&oidc.Config{ClientID: c.ID, Now: func() time.Time { return c.now().Add(-skew) }})
	return p, nil
}

// client returns this client of the provider.
func (p *provider) client(secret, redirect string) *oauth2.Config {
	endpoint, scopes := p.Endpoint(), []string{oidc.ScopeOpenID}
	for _, scope := range []string{"profile", "email", "groups"} {
		if slices.Contains(p.Scopes, scope) || len(p.Scopes) == 0 && scope != "groups" {
			scopes = append(scopes, scope)
		}
	}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // the default of section 3 of the discovery
	if secret == "" || len(p.Methods) > 0 && !slices.Contains(p.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &oauth2.Config{ClientID: p.id, ClientSecret: secret, Endpoint: endpoint, RedirectURL: redirect, Scopes: scopes}
}

// within returns a context for requests to the provider.
func (c *Client) within(ctx context.Context) (context.Context, context.CancelFunc) {
	client := &http.Client{Transport: careful(strings.HasPrefix(c.Issuer, "https://")), CheckRedirect: noRedirect, Timeout: askWithin}
	return context.WithTimeout(oidc.ClientContext(ctx, client), askWithin)
}

// noRedirect keeps the secret of this client from going to another place.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// transport asks a provider. If the provider has TLS, each of its endpoints must have it.
type transport struct {
	http.RoundTripper
	secure bool
}

// careful returns a transport that leaves no connection open: people log in rarely.
func careful(secure bool) transport {
	return transport{&http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}, secure}
}

// RoundTrip limits the answer.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.secure && r.URL.Scheme != "https" {
		return nil, fmt.Errorf("the endpoint %s has no TLS", cmp.Or(r.URL.Host, "of the provider"))
	}
	resp, err := t.RoundTripper.RoundTrip(r)
	if err == nil {
		resp.Body = limited{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// limited is the beginning of a body.
type limited struct {
	io.Reader
	io.Closer
}
