// Package oidctest is a test kit: a small provider of OpenID Connect that logs everybody in without a
// question, and can be made to lie.
package oidctest

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// The client that a Provider knows.
const (
	ID     = "flashwarden"
	Secret = "the secret of: the client"
)

// key signs the ID tokens of all providers: it takes a while to make one.
var key = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 2048) })

// Provider is a provider on loopback. Its fields may be changed between two requests.
type Provider struct {
	URL   string
	Now   time.Time         // of its clock
	Down  bool              // it answers 503, with a long text
	Say   map[string]any    // claims of the ID token, over those of a good one; nil leaves one out
	Info  map[string]any    // claims of the UserInfo
	Head  map[string]string // of the ID token, over that of a good one
	Sign  func(text string) []byte
	Found map[string]any // what the discovery says, over what a good provider says
	Codes int            // how many codes it took

	t     *testing.T
	mu    sync.Mutex
	codes map[string]url.Values // the requests that they are for
}

// New returns a provider that ends with the test.
func New(t *testing.T) *Provider {
	p := &Provider{t: t, Now: time.Now(), codes: make(map[string]url.Values)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.discovery)
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("GET /userinfo", p.userInfo)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.Down {
			http.Error(w, strings.Repeat("down ", 10_000), http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	p.URL = s.URL
	return p
}

// Change changes the provider while it may be asked.
func (p *Provider) Change(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
}

// LogIn follows an address to which this program sent a browser, and returns where the provider sends it back.
func (p *Provider) LogIn(address string) *url.URL {
	p.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(address)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		p.t.Fatalf("%s: %s", address, resp.Status)
	}
	return back
}

func (p *Provider) discovery(w http.ResponseWriter, _ *http.Request) {
	p.send(w, with(map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"userinfo_endpoint": p.URL + "/userinfo", "id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
		"scopes_supported": []string{"openid", "profile", "email", "groups", "offline_access"}, "authorization_response_iss_parameter_supported": true}, p.Found))
}

// authorize gives a code for a request that is right.
func (p *Provider) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for name, want := range map[string]string{"client_id": ID, "response_type": "code", "code_challenge_method": "S256", "scope": "openid profile email groups"} {
		if q.Get(name) != want {
			p.t.Errorf("the request has %s=%q, want %q", name, q.Get(name), want)
		}
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		if len(q.Get(name)) < 43 {
			p.t.Errorf("the request has %s=%q, which can be guessed", name, q.Get(name))
		}
	}
	code := rand.Text()
	p.codes[code] = q
	back := q.Get("redirect_uri") + "?" + url.Values{"code": {code}, "state": {q.Get("state")}, "iss": {p.URL}}.Encode()
	http.Redirect(w, r, back, http.StatusFound)
}

// token takes a code once, from the client that asked for it.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	code := r.PostFormValue("code")
	asked, known := p.codes[code]
	delete(p.codes, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !known || id != ID || secret != url.QueryEscape(Secret) || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
		asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		p.send(w, map[string]any{"error": "invalid_grant"})
		return
	}
	p.Codes++
	p.send(w, map[string]any{"access_token": "access", "token_type": "Bearer", "id_token": p.idToken(asked.Get("nonce"))})
}

// idToken returns a signed token (RFC 7515 section 7.1).
func (p *Provider) idToken(nonce string) string {
	part := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			p.t.Error(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	head := map[string]string{"alg": "RS256", "kid": "1"}
	for name, value := range p.Head {
		head[name] = value
	}
	text := part(head) + "." + part(with(map[string]any{"iss": p.URL, "aud": ID, "sub": "7", "nonce": nonce, "iat": p.Now.Unix(), "exp": p.Now.Add(5 * time.Minute).Unix(),
		"preferred_username": "anna", "groups": []string{"ops"}}, p.Say))
	sign := p.Sign
	if sign == nil {
		sign = p.sign
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sign(text))
}

func (p *Provider) sign(text string) []byte {
	k, err := key()
	if err != nil {
		p.t.Error(err)
		return nil
	}
	sum := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, k, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return signature
}

// PublicKey is the key that everybody knows.
func (p *Provider) PublicKey() []byte {
	k, err := key()
	if err != nil {
		p.t.Fatal(err)
	}
	return k.N.Bytes()
}

func (p *Provider) keys(w http.ResponseWriter, _ *http.Request) {
	k, err := key()
	if err != nil {
		p.t.Error(err)
		return
	}
	number := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	p.send(w, map[string]any{"keys": []any{map[string]any{"kty": "RSA", "kid": "1", "use": "sig", "n": number(k.N), "e": number(big.NewInt(int64(k.E)))}}})
}

func (p *Provider) userInfo(w http.ResponseWriter, r *http.Request) {
	if !strings.EqualFold(r.Header.Get("Authorization"), "Bearer access") {
		p.t.Errorf("UserInfo with %q", r.Header.Get("Authorization"))
	}
	p.send(w, with(map[string]any{"sub": "7"}, p.Info))
}

// with returns the usual claims, with changes; nil leaves a name out.
func with(usual, changes map[string]any) map[string]any {
	for name, value := range changes {
		usual[name] = value
		if value == nil {
			delete(usual, name)
		}
	}
	return usual
}

func (p *Provider) send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		p.t.Log(err)
	}
}
