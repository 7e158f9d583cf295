package oidc_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"flashwarden/internal/oidc"
	"flashwarden/internal/oidc/oidctest"
)

const redirect = "https://fw.example.net/login/oidc/callback"

// client is a client of a provider. Its clock stands.
func client(p *oidctest.Provider) *oidc.Client {
	now := p.Now
	return &oidc.Client{Issuer: p.URL, ID: oidctest.ID, Groups: "groups", Secret: func() (string, error) { return oidctest.Secret, nil }, Now: func() time.Time { return now }}
}

// begin has the provider log somebody in, and returns its answer.
func begin(t *testing.T, p *oidctest.Provider, c *oidc.Client, a oidc.Attempt) url.Values {
	t.Helper()
	address, err := c.Address(t.Context(), a, redirect)
	if err != nil {
		t.Fatal(err)
	}
	return p.LogIn(address).Query()
}

// TestLogin: the provider says who it is; what the ID token does not say, the UserInfo may.
func TestLogin(t *testing.T) {
	p := oidctest.New(t)
	c := client(p)
	for name, test := range map[string]struct {
		say, info map[string]any
		person    string // subject, name and groups
	}{
		"all in the token":       {person: "7 anna ops"},
		"one group as a text":    {say: map[string]any{"groups": "boss"}, person: "7 anna boss"},
		"no list":                {say: map[string]any{"groups": map[string]any{"ops": true}}, person: "7 anna"},
		"an empty list":          {say: map[string]any{"groups": []string{}}, info: map[string]any{"groups": []string{"boss"}}, person: "7 anna"},
		"groups in the UserInfo": {say: map[string]any{"groups": nil, "preferred_username": nil}, info: map[string]any{"groups": []string{"a", "b"}, "preferred_username": "otto"}, person: "7 otto a b"},
		"the token has the word": {say: map[string]any{"groups": nil}, info: map[string]any{"groups": []any{"a", 7, nil}, "preferred_username": "otto"}, person: "7 anna a"},
		"no groups at all":       {say: map[string]any{"groups": nil}, person: "7 anna"},
		"a hostile name":         {say: map[string]any{"preferred_username": "root\n1 allowed"}, person: "7 7 ops"},
		"a proved address":       {say: map[string]any{"preferred_username": "Änne Ü", "email": "a@x.example", "email_verified": true}, person: "7 a@x.example ops"},
		"an address of somebody": {say: map[string]any{"preferred_username": nil, "email": "a@x.example", "email_verified": "true"}, person: "7 7 ops"},
		"a hostile subject":      {say: map[string]any{"preferred_username": nil, "sub": "a b"}, person: "a b subject-c8687a08aa5d6ed2 ops"},
		"for us and others":      {say: map[string]any{"aud": []string{"x", oidctest.ID}, "azp": oidctest.ID}, person: "7 anna ops"},
		"its clock is late":      {say: map[string]any{"exp": p.Now.Add(-time.Minute).Unix()}, person: "7 anna ops"},
		"its clock is early":     {say: map[string]any{"iat": p.Now.Add(time.Minute).Unix(), "nbf": p.Now.Add(time.Minute).Unix()}, person: "7 anna ops"},
	} {
		p.Change(func() { p.Say, p.Info = test.say, test.info })
		a := oidc.NewAttempt()
		who, err := c.Person(t.Context(), a, redirect, begin(t, p, c, a))
		if got := strings.Join(append([]string{who.Subject, who.Name}, who.Groups...), " "); got != test.person || err != nil {
			t.Errorf("%s: %q, error %v; want %q", name, got, err, test.person)
		}
	}
}

// TestAttacks: nothing but a fresh answer of this provider, to this browser and to this client, logs anybody in.
func TestAttacks(t *testing.T) {
	p := oidctest.New(t)
	c := client(p)
	hs256 := func(text string) []byte {
		mac := hmac.New(sha256.New, p.PublicKey())
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	for name, test := range map[string]struct {
		say, info map[string]any
		head      map[string]string
		sign      func(string) []byte
		answer    func(url.Values)
		want      string
	}{
		"another state":             {answer: func(v url.Values) { v.Set("state", "x") }, want: "did not begin in this browser"},
		"no state":                  {answer: func(v url.Values) { v.Del("state") }, want: "did not begin in this browser"},
		"another code":              {answer: func(v url.Values) { v.Set("code", "x") }, want: "does not take the code"},
		"an answer of another":      {answer: func(v url.Values) { v.Set("iss", "https://evil.example") }, want: "not from this provider"},
		"an answer of nobody":       {answer: func(v url.Values) { v.Del("iss") }, want: "not from this provider"},
		"the provider refuses":      {answer: func(v url.Values) { v.Set("error", "access_denied") }, want: "access_denied"},
		"another nonce":             {say: map[string]any{"nonce": "x"}, want: "nonce differs"},
		"no nonce":                  {say: map[string]any{"nonce": nil}, want: "nonce differs"},
		"for another client":        {say: map[string]any{"aud": "x"}, want: "expected audience"},
		"for no client":             {say: map[string]any{"aud": nil}, want: "expected audience"},
		"for another, which is azp": {say: map[string]any{"aud": []string{"x", oidctest.ID}, "azp": "x"}, want: "for another client"},
		"for two, and no azp":       {say: map[string]any{"aud": []string{"x", oidctest.ID}}, want: "for another client"},
		"azp is no text":            {say: map[string]any{"azp": []string{oidctest.ID}}, want: "for another client"},
		"of another issuer":         {say: map[string]any{"iss": "https://evil.example"}, want: "issued by a different provider"},
		"expired":                   {say: map[string]any{"exp": p.Now.Add(-3 * time.Minute).Unix()}, want: "expired"},
		"never expires":             {say: map[string]any{"exp": nil}, want: "expired"},
		"from the future":           {say: map[string]any{"iat": p.Now.Add(3 * time.Minute).Unix()}, want: "from the future"},
		"not yet valid":             {say: map[string]any{"nbf": p.Now.Add(4 * time.Minute).Unix()}, want: "not before"},
		"of nobody":                 {say: map[string]any{"sub": ""}, want: "names nobody"},
		"not signed":                {head: map[string]string{"alg": "none"}, sign: func(string) []byte { return nil }, want: "not valid"},
		"signed by the public key":  {head: map[string]string{"alg": "HS256"}, sign: hs256, want: "not valid"},
		"signed by nobody":          {sign: func(string) []byte { return make([]byte, 256) }, want: "verify"},
		"with an unknown key":       {head: map[string]string{"kid": "2"}, want: "verify"},
		"UserInfo of another":       {say: map[string]any{"groups": nil}, info: map[string]any{"sub": "8", "groups": []string{"ops"}}, want: "another person"},
		"another access token":      {say: map[string]any{"groups": nil, "at_hash": "x"}, want: "does not belong to the ID token"},
	} {
		p.Change(func() { p.Say, p.Info, p.Head, p.Sign = test.say, test.info, test.head, test.sign })
		a := oidc.NewAttempt()
		answer := begin(t, p, c, a)
		if test.answer != nil {
			test.answer(answer)
		}
		who, err := c.Person(t.Context(), a, redirect, answer)
		if err == nil || !strings.Contains(err.Error(), test.want) || who.Subject != "" || errors.Is(err, oidc.ErrDown) {
			t.Errorf("%s: %+v, error %v; want %q", name, who, err, test.want)
		}
	}
}

// TestOnlyOneBrowserAndOnce: an answer is good in the browser that began the login, and once.
func TestOnlyOneBrowserAndOnce(t *testing.T) {
	p := oidctest.New(t)
	c := client(p)
	a := oidc.NewAttempt()
	answer := begin(t, p, c, a)
	for _, other := range []oidc.Attempt{"", oidc.NewAttempt(), a + "x"} {
		if _, err := c.Person(t.Context(), other, redirect, answer); !errors.Is(err, oidc.ErrForeign) {
			t.Errorf("%q: error %v", other, err)
		}
	}
	// Everybody can compute the state of a browser without a secret, and send it to somebody who is not logging in.
	if _, err := c.Person(t.Context(), "", redirect, begin(t, p, c, "")); !errors.Is(err, oidc.ErrForeign) {
		t.Errorf("no secret: error %v", err)
	}
	// A stolen code with the right state of the thief's own login: the verifier is another.
	thief := oidc.NewAttempt()
	stolen := begin(t, p, c, thief)
	stolen.Set("code", begin(t, p, c, oidc.NewAttempt()).Get("code"))
	if _, err := c.Person(t.Context(), thief, redirect, stolen); err == nil || !strings.Contains(err.Error(), "does not take the code") {
		t.Errorf("a stolen code: error %v", err)
	}
	if _, err := c.Person(t.Context(), a, redirect+"x", answer); err == nil {
		t.Error("another redirect is taken")
	}
	answer = begin(t, p, c, a)
	if _, err := c.Person(t.Context(), a, redirect, answer); err != nil {
		t.Fatal(err)
	}
	if who, err := c.Person(t.Context(), a, redirect, answer); err == nil {
		t.Errorf("the answer is good twice: %+v", who)
	}
	if p.Codes != 1 {
		t.Errorf("the provider took %d codes", p.Codes)
	}
}

// TestDown: a provider that is down is asked again later. What it said about itself holds on.
func TestDown(t *testing.T) {
	p := oidctest.New(t)
	c, now := client(p), p.Now
	c.Now = func() time.Time { return now }
	address := func() error {
		_, err := c.Address(t.Context(), oidc.NewAttempt(), redirect)
		return err
	}
	p.Change(func() { p.Down = true })
	if err := address(); !errors.Is(err, oidc.ErrDown) || !strings.Contains(err.Error(), "503") {
		t.Errorf("error %v", err)
	}
	p.Change(func() { p.Down = false })
	if err := address(); !errors.Is(err, oidc.ErrDown) {
		t.Errorf("at once: error %v", err)
	}
	now = now.Add(3 * time.Second)
	if err := address(); err != nil {
		t.Errorf("later: error %v", err)
	}
	a := oidc.NewAttempt()
	answer := begin(t, p, c, a)
	p.Change(func() { p.Down = true })
	now = now.Add(2 * time.Hour)
	if err := address(); err != nil {
		t.Errorf("known before: error %v", err)
	}
	if _, err := c.Person(t.Context(), a, redirect, answer); !errors.Is(err, oidc.ErrDown) {
		t.Errorf("the code: error %v", err)
	}
	c.Secret = func() (string, error) { return "", errors.New("no file") }
	if _, err := c.Person(t.Context(), a, redirect, answer); !errors.Is(err, oidc.ErrDown) || !strings.Contains(err.Error(), "no file") {
		t.Errorf("without the file of the secret: error %v", err)
	}
}

// TestWrongProvider: a provider that names itself otherwise, or answers without end, is not used.
func TestWrongProvider(t *testing.T) {
	p := oidctest.New(t)
	for name, found := range map[string]map[string]any{
		"another issuer": {"issuer": p.URL + "/"},
		"without end":    {"x": strings.Repeat("x", 1<<20)},
	} {
		p.Change(func() { p.Found = found })
		if _, err := client(p).Address(t.Context(), oidc.NewAttempt(), redirect); !errors.Is(err, oidc.ErrDown) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	p.Change(func() {
		p.Found = map[string]any{"scopes_supported": nil, "token_endpoint_auth_methods_supported": []string{"client_secret_post"}, "token_endpoint": p.URL + "/authorize"}
	})
	c := client(p)
	address, err := c.Address(t.Context(), oidc.NewAttempt(), redirect)
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	if scopes := strings.Fields(u.Query().Get("scope")); !slices.Equal(scopes, []string{"openid", "profile", "email"}) {
		t.Errorf("scopes %q", scopes)
	}
}
