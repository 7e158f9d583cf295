// Package oidc finds out who a person is by an OpenID Connect provider: the code flow (OpenID Connect
// Core 1.0, section 3.1) with PKCE (RFC 7636). It keeps nothing about a login: state, nonce and verifier
// follow from a secret that the browser has.
package oidc

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// Client asks one provider. Its fields are set before the first use.
type Client struct {
	Issuer string // the URL of the provider, exactly as it names itself
	ID     string // of this client, at the provider
	// Secret returns the secret of this client; empty: it has none. It is read for each login.
	Secret func() (string, error)
	Groups string           // the claim with the groups of a person
	Now    func() time.Time // nil: time.Now

	mu     sync.Mutex
	known  *provider
	failed time.Time // when the provider could last not be asked
	err    error     // why
}

// Person is who logs in.
type Person struct {
	Subject string // how the provider always names this person
	Name    string // for people; the provider may change it
	Groups  []string
}

// Kinds of errors. All others mean that the provider has not proved who the person is.
var (
	ErrDown    = errors.New("the provider cannot be asked")
	ErrForeign = errors.New("this login did not begin in this browser, or it is too old")
)

// Attempt is the secret of one login, which only the browser keeps that began it.
type Attempt string

// NewAttempt returns the secret of a new login.
func NewAttempt() Attempt { return Attempt(rand.Text()) }

// derive returns a text that follows from the secret and does not show it: 43 characters, as RFC
// 7636 section 4.1 wants.
func (a Attempt) derive(what string) string {
	mac := hmac.New(sha256.New, []byte(a))
	mac.Write([]byte(what))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (a Attempt) state() string    { return a.derive("state") }
func (a Attempt) nonce() string    { return a.derive("nonce") }
func (a Attempt) verifier() string { return a.derive("verifier") }

// Address returns where a browser begins the login. The provider sends it back to redirect.
func (c *Client) Address(ctx context.Context, a Attempt, redirect string) (string, error) {
	p, err := c.provider(ctx)
	if err != nil {
		return "", err
	}
	return p.client("", redirect).AuthCodeURL(a.state(), oidc.Nonce(a.nonce()), oauth2.S256ChallengeOption(a.verifier())), nil
}

// Person returns who logged in, from the answer with which the provider sent the browser back.
func (c *Client) Person(ctx context.Context, a Attempt, redirect string, answer url.Values) (Person, error) {
	if a == "" || !equal(answer.Get("state"), a.state()) {
		return Person{}, ErrForeign
	}
	p, err := c.provider(ctx)
	if err != nil {
		return Person{}, err
	}
	if code := answer.Get("error"); code != "" {
		return Person{}, fmt.Errorf("the provider refuses the login: %.80q %.200q", code, answer.Get("error_description"))
	}
	// Another provider cannot pass its answer for that of this one (RFC 9207 section 2.4).
	if answer.Has("iss") && answer.Get("iss") != c.Issuer || p.NamesItself && !answer.Has("iss") {
		return Person{}, fmt.Errorf("the answer is not from this provider: %.200q", answer.Get("iss"))
	}
	token, err := c.exchange(ctx, p, a, redirect, answer.Get("code"))
	if err != nil {
		return Person{}, err
	}
	return c.identify(ctx, p, a, token)
}

// exchange fetches the tokens for a code.
func (c *Client) exchange(ctx context.Context, p *provider, a Attempt, redirect, code string) (*oauth2.Token, error) {
	secret, err := "", error(nil)
	if c.Secret != nil {
		if secret, err = c.Secret(); err != nil {
			return nil, fmt.Errorf("%w: the secret of this client cannot be read: %w", ErrDown, err)
		}
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	token, err := p.client(secret, redirect).Exchange(ctx, code, oauth2.VerifierOption(a.verifier()))
	var refused *oauth2.RetrieveError
	var failed *url.Error
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < 500:
		return nil, fmt.Errorf("the provider does not take the code: %.80q %.200q", refused.ErrorCode, refused.ErrorDescription)
	case errors.As(err, &refused):
		return nil, fmt.Errorf("%w: it answers %s to the code", ErrDown, refused.Response.Status)
	case errors.As(err, &failed):
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return token, err
}

// identify returns whom the tokens name.
func (c *Client) identify(ctx context.Context, p *provider, a Attempt, token *oauth2.Token) (Person, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return Person{}, errors.New("the provider sent no ID token")
	}
	ctx, cancel := c.within(ctx)
	defer cancel()
	id, err := p.verifier.Verify(ctx, raw)
	if err != nil {
		return Person{}, fmt.Errorf("the ID token is not valid: %w", err)
	}
	var known claims
	if err := id.Claims(&known); err != nil {
		return Person{}, fmt.Errorf("the ID token cannot be read: %w", err)
	}
	switch {
	case !equal(id.Nonce, a.nonce()):
		return Person{}, errors.New("the ID token is for another login: its nonce differs")
	case id.Subject == "":
		return Person{}, errors.New("the ID token names nobody")
	case len(id.Audience) > 1 && known.text("azp") == "", known["azp"] != nil && known.text("azp") != c.ID:
		return Person{}, fmt.Errorf("the ID token is for another client: %.200q", known.text("azp")) // section 3.1.3.7
	case id.IssuedAt.After(c.now().Add(skew)):
		return Person{}, fmt.Errorf("the ID token is from the future, %s: one of the clocks is wrong", id.IssuedAt.UTC())
	}
	if known[c.Groups] == nil {
		if err := c.ask(ctx, p, id, token, known); err != nil {
			return Person{}, err
		}
	}
	return Person{Subject: id.Subject, Name: known.name(id.Subject), Groups: known.list(c.Groups)}, nil
}

// ask adds the claims that the provider shows at its UserInfo endpoint alone, if it has one.
func (c *Client) ask(ctx context.Context, p *provider, id *oidc.IDToken, token *oauth2.Token, known claims) error {
	if p.UserInfoEndpoint() == "" {
		return nil
	}
	if id.AccessTokenHash != "" {
		if err := id.VerifyAccessToken(token.AccessToken); err != nil {
			return fmt.Errorf("the access token does not belong to the ID token: %w", err)
		}
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return fmt.Errorf("%w: its UserInfo: %w", ErrDown, err)
	}
	if info.Subject != id.Subject { // section 5.3.2
		return errors.New("the UserInfo is that of another person")
	}
	var more claims
	if err := info.Claims(&more); err != nil {
		return fmt.Errorf("the UserInfo cannot be read: %w", err)
	}
	for name, value := range more {
		if known[name] == nil {
			known[name] = value
		}
	}
	return nil
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
