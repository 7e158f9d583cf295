package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"mime"
	"net"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

const secret = "s3cret-word"

// secretFile is a file with the secret.
func secretFile(t *testing.T) string {
	t.Helper()
	return writeFile(t, "secret", secret+"\n")
}

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sample is a message about a device.
func sample() api.Notification {
	item := api.NotifyItem{Event: api.NotifyFailed, Subject: "sw1", Device: "sw1", Since: time.Now().UTC().Truncate(time.Second), Cause: "no_request", Message: "größer\r\n.than <it>", Hint: "look"}
	n := compose(message{event: api.NotifyFailed}, []api.NotifyItem{item}, 0, View{Time: time.Now()})
	n.ID, n.Host = "0123456789abcdef", "nms"
	return n
}

// sink receives one webhook.
type sink struct {
	*httptest.Server
	header http.Header
	body   []byte
}

func newSink(t *testing.T) *sink {
	t.Helper()
	s := &sink{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.header = r.Header
		s.body, _ = io.ReadAll(r.Body)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestWebhook sends a message in each shape, and proves the signature.
func TestWebhook(t *testing.T) {
	for shape, want := range map[string]string{
		config.ShapeJSON:   `"device":"sw1"`,
		config.ShapeSlack:  `{"text":"*sw1: the backup failed*\nsw1: no_request: größer .than \u0026lt;it\u0026gt;\n  next: look\n"}`,
		config.ShapeTeams:  `"contentType":"application/vnd.microsoft.card.adaptive"`,
		config.ShapeGotify: `"title":"sw1: the backup failed"`,
		config.ShapeNtfy:   "sw1: no_request: größer .than <it>\n  next: look\n",
	} {
		t.Run(shape, func(t *testing.T) {
			s := newSink(t)
			c := config.Notify{Name: "chat", Type: config.Webhook, URL: s.URL, Shape: shape, SecretFile: secretFile(t)}
			if err := (Sender{}).Send(t.Context(), c, sample()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(string(s.body), want) || s.header.Get("X-Flashwarden-Event") != "failed" {
				t.Errorf("header %v, body %s", s.header, s.body)
			}
			mac := hmac.New(sha256.New, []byte(secret))
			mac.Write(s.body)
			signature := "sha256=" + hex.EncodeToString(mac.Sum(nil))
			var got string
			switch shape {
			case config.ShapeNtfy:
				signature, got = "Bearer "+secret, s.header.Get("Authorization")
			case config.ShapeGotify:
				signature, got = secret, s.header.Get("X-Gotify-Key")
			default:
				got = s.header.Get("X-Flashwarden-Signature")
			}
			if got != signature {
				t.Errorf("signature %q, want %q", got, signature)
			}
		})
	}
}

// TestSecretPlaces finds the secret and the URL where the configuration says, each time anew.
func TestSecretPlaces(t *testing.T) {
	s := newSink(t)
	t.Setenv("WORD", secret)
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(writeFile(t, "notify-ops", secret)))
	for name, c := range map[string]config.Notify{
		"environment": {SecretEnv: "WORD"},
		"systemd":     {Name: "ops"},
		"file":        {SecretFile: secretFile(t)},
	} {
		c.Type, c.Shape, c.URLFile = config.Webhook, config.ShapeGotify, writeFile(t, "url", s.URL+"\n")
		if err := (Sender{}).Send(t.Context(), c, sample()); err != nil || s.header.Get("X-Gotify-Key") != secret {
			t.Errorf("%s: error %v, header %v", name, err, s.header)
		}
	}
	c := config.Notify{Name: "other", Type: config.Webhook, URL: s.URL, SecretFile: "/nonexistent/secret"}
	wantError(t, (Sender{}).Send(t.Context(), c, sample()), "no such file", "first line")
}

// wantError wants an error in plain words, with a next step, and without the secret.
func wantError(t *testing.T, err error, seen, hint string) {
	t.Helper()
	text := cause.Text(err)
	if err == nil || !strings.Contains(text, seen) || !strings.Contains(cause.Hint(err), hint) || strings.Contains(text, secret) {
		t.Errorf("error %q, hint %q; want %q, %q", text, cause.Hint(err), seen, hint)
	}
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestBrokenWebhooks: the error names the fault of a receiver and the next step. The URL is a secret.
func TestBrokenWebhooks(t *testing.T) {
	hangs := make(chan struct{})
	mux := http.NewServeMux()
	answers := func(path string, code int, text string) {
		mux.HandleFunc(path+"/"+secret, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://other.example.net/"+secret)
			w.WriteHeader(code)
			io.WriteString(w, text)
		})
	}
	answers("/500", 500, "out of\x1b[1m memory")
	answers("/302", 302, "")
	answers("/401", 401, "bad token "+secret)
	answers("/404", 404, "<html>no</html>")
	answers("/405", 405, `{"path":"\/405\/`+secret+`"}`)
	answers("/429", 429, "slow down")
	mux.HandleFunc("/hangs/", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-hangs:
		case <-r.Context().Done():
		}
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	secure := httptest.NewUnstartedServer(mux)
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	defer close(hangs)
	for url, want := range map[string][2]string{
		s.URL + "/500":                   {"the receiver failed (500 Internal Server Error: out of?[1m memory)", "log of the receiver"},
		s.URL + "/302":                   {"redirects to https://other.example.net (302", "notify.url"},
		s.URL + "/401":                   {"does not accept the secret (401 Unauthorized: bad token …)", "notify.secret-file"},
		s.URL + "/404":                   {"refuses the message (404 Not Found)", "notify.shape"},
		s.URL + "/405":                   {`refuses the message (405 Method Not Allowed: {"path":"\/405\/…"})`, "notify.shape"},
		s.URL + "/429":                   {"gets too many messages (429 Too Many Requests: slow down)", "notify.on"},
		s.URL + "/hangs":                 {"no answer within", "firewall"},
		secure.URL + "/500":              {"an issuer that this host does not trust", "notify.ca-file"},
		"http://" + closedPort(t) + "/x": {"nothing listens there", "see that the receiver works"},
		"https://" + s.Listener.Addr().String() + "/x": {"does not speak TLS", ""},
		"http://no-such-host.invalid/x":                {"no-such-host.invalid", "see that the receiver works"},
	} {
		c := config.Notify{Type: config.Webhook, URL: url + "/" + secret, SecretFile: writeFile(t, "key", secret[:5]+"\n")}
		within := time.Minute
		if strings.HasSuffix(url, "hangs") {
			within = 50 * time.Millisecond
		}
		wantError(t, Sender{Within: within}.Send(t.Context(), c, sample()), want[0], want[1])
	}
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}))
	wrongName := strings.Replace(secure.URL, "127.0.0.1", "localhost", 1)
	c := config.Notify{Type: config.Webhook, URL: wrongName, CAFile: writeFile(t, "ca", ca)}
	wantError(t, Sender{Within: time.Minute}.Send(t.Context(), c, sample()), "is for another name than localhost", "example.com")
	c.URL, c.CAFile = secure.URL, writeFile(t, "ca", "nothing")
	wantError(t, Sender{Within: time.Minute}.Send(t.Context(), c, sample()), "has no certificate", "notify.ca-file")
}

// TestSecretsOfURLs hides each part of a URL that may be a secret, however the receiver quotes it.
func TestSecretsOfURLs(t *testing.T) {
	to := target{url: "https://user:pass-word@chat.example.net/services/T0123456/long%20secret?key=my-secret-key&v=1"}
	for _, said := range []string{"Cannot POST /services/T0123456/long%20secret?key=my-secret-key", "no path /T0123456/long secret", "no long secret", `{"key":"my-secret-key"}`, "password pass-word", to.url} {
		for _, word := range []string{"long", "my-secret", "pass-word", "T0123456"} {
			if got := to.hidden(said); strings.Contains(got, word) {
				t.Errorf("%q", got)
			}
		}
	}
	if got := to.hidden("channel_not_found on v1"); got != "channel_not_found on v1" {
		t.Errorf("%q", got)
	}
}

// TestRetryAfter: the receiver says in two ways when it wants the message.
func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "Sun, 29 Nov 2026 12:10:00 GMT": 10 * time.Minute, "Sun, 29 Nov 2026 11:00:00 GMT": 0, "": 0, "-5": 0, "soon": 0, "99999999999999999999": 0,
	} {
		if got := retryAfter(&http.Response{Header: http.Header{"Retry-After": {text}}}, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	busy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "120")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer busy.Close()
	err := Sender{Within: time.Minute}.Send(t.Context(), config.Notify{Type: config.Webhook, URL: busy.URL}, sample())
	if got := waitAfter(err, 1); got != 2*time.Minute {
		t.Errorf("%v: waits %s", err, got)
	}
	for asked, want := range map[time.Duration]time.Duration{0: 30 * time.Second, time.Second: 30 * time.Second, 10 * time.Minute: 10 * time.Minute, 100 * time.Hour: time.Hour} {
		if got := waitAfter(fmt.Errorf("x: %w", &Later{errors.New("no"), asked}), 1); got != want {
			t.Errorf("%s: waits %s, want %s", asked, got, want)
		}
	}
}

// TestNoHiddenLinks: the words of a device make no link whose text lies.
func TestNoHiddenLinks(t *testing.T) {
	n := sample()
	n.Title, n.Text = "[sw1](http://evil.example)", "see [the manual](http://evil.example)\n"
	for _, shape := range []string{config.ShapeSlack, config.ShapeTeams} {
		if body, _ := shaped(shape, n); strings.Contains(string(body), "](") || !strings.Contains(string(body), "the manual] (http") {
			t.Errorf("%s: %s", shape, body)
		}
	}
}

// mailServer is a small SMTP server.
type mailServer struct {
	listener net.Listener
	config   *tls.Config
	ca       string // file with the certificate of its issuer
	plain    bool   // it offers no STARTTLS
	implicit bool
	methods  string // of AUTH
	refuses  string // a command that it refuses
	hangs    bool

	mu       sync.Mutex
	waits    sync.WaitGroup
	commands []string
	data     string
	secured  bool // when the message came
}

// startMail starts a server whose certificate is for a name.
func startMail(t *testing.T, name string, s *mailServer) *mailServer {
	t.Helper()
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.config, s.ca = certificate(t, name)
	s.waits.Go(func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.waits.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		s.listener.Close()
		s.waits.Wait()
	})
	return s
}

// certificate is one of a new issuer.
func certificate(t *testing.T, name string) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	if ip := net.ParseIP(name); ip != nil {
		c.DNSNames, c.IPAddresses = nil, []net.IP{ip}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := writeFile(t, "ca.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}

func (s *mailServer) serve(c net.Conn) {
	defer func() { c.Close() }()
	if s.hangs {
		io.Copy(io.Discard, c)
		return
	}
	secured := false
	if s.implicit {
		c, secured = tls.Server(c, s.config), true
	}
	in := bufio.NewReader(c)
	say := func(lines string) { fmt.Fprint(c, strings.ReplaceAll(lines, "\n", "\r\n")+"\r\n") }
	say("220 mail.example.net ESMTP")
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		s.mu.Lock()
		s.commands = append(s.commands, line)
		s.mu.Unlock()
		word, _, _ := strings.Cut(line, " ")
		switch {
		case s.refuses != "" && strings.HasPrefix(line, s.refuses):
			say("550 5.7.1 not\x07 you")
		case word == "EHLO":
			offers := "250-mail.example.net\n250 AUTH " + s.methods
			if !secured && !s.plain {
				offers = "250-mail.example.net\n250 STARTTLS"
			}
			say(offers)
		case word == "STARTTLS":
			say("220 go on")
			c, secured = tls.Server(c, s.config), true
			in = bufio.NewReader(c)
		case line == "AUTH LOGIN":
			for _, question := range []string{"Username:", "Password:"} {
				say("334 " + base64.StdEncoding.EncodeToString([]byte(question)))
				answer, _ := in.ReadString('\n')
				s.mu.Lock()
				s.commands = append(s.commands, strings.TrimSpace(answer))
				s.mu.Unlock()
			}
			say("235 welcome")
		case word == "AUTH":
			say("235 welcome")
		case word == "DATA":
			say("354 go on")
			s.receive(in, secured)
			say("250 kept")
		case word == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) receive(in *bufio.Reader, secured bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secured = secured
	for {
		line, err := in.ReadString('\n')
		if err != nil || line == ".\r\n" {
			return
		}
		s.data += strings.TrimPrefix(line, ".")
	}
}

func (s *mailServer) target() config.Notify {
	return config.Notify{Name: "mail", Type: config.Email, Server: s.listener.Addr().String(), TLS: config.StartTLS, CAFile: s.ca,
		To: []string{"noc@example.net", "night@example.net"}, From: "fw@example.net"}
}

// TestEmail sends a message through a mail server: with STARTTLS, with TLS from the start, with
// both ways to log in, and without TLS.
func TestEmail(t *testing.T) {
	for name, test := range map[string]struct {
		server *mailServer
		change func(*config.Notify)
		logins []string // in the commands
	}{
		"starttls": {&mailServer{}, func(*config.Notify) {}, nil},
		"implicit": {&mailServer{implicit: true}, func(c *config.Notify) { c.TLS = config.Implicit }, nil},
		"none":     {&mailServer{plain: true}, func(c *config.Notify) { c.TLS = config.NoTLS }, nil},
		"plain": {&mailServer{methods: "LOGIN PLAIN"}, func(c *config.Notify) { c.Username = "fw" },
			[]string{"AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00fw\x00"+secret))}},
		"login": {&mailServer{methods: "LOGIN"}, func(c *config.Notify) { c.Username = "fw" },
			[]string{"AUTH LOGIN", base64.StdEncoding.EncodeToString([]byte("fw")), base64.StdEncoding.EncodeToString([]byte(secret))}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMail(t, "127.0.0.1", test.server)
			c := s.target()
			c.SecretFile = secretFile(t)
			test.change(&c)
			n := sample()
			n.Title = "größer"
			if err := (Sender{Within: time.Minute}).Send(t.Context(), c, n); err != nil {
				t.Fatal(err)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			wantMail(t, s.data)
			if s.secured != (c.TLS != config.NoTLS) {
				t.Errorf("encrypted: %v", s.secured)
			}
			for _, want := range append(test.logins, "MAIL FROM:<fw@example.net>", "RCPT TO:<noc@example.net>", "RCPT TO:<night@example.net>") {
				if !slices.Contains(s.commands, want) {
					t.Errorf("no %q in %q", want, s.commands)
				}
			}
		})
	}
}

// wantMail reads the message as a mail program does.
func wantMail(t *testing.T, data string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(data))
	if err != nil {
		t.Fatalf("%v in %q", err, data)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "flashwarden: größer" {
		t.Errorf("subject %q, error %v", subject, err)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Error(err)
	}
	if m.Header.Get("Auto-Submitted") != "auto-generated" || m.Header.Get("Message-ID") != "<0123456789abcdef@example.net>" {
		t.Errorf("header %v", m.Header)
	}
	body, err := io.ReadAll(m.Body)
	if text := string(body); err != nil || !strings.Contains(text, "sw1: no_request: gr=C3=B6=C3=9Fer .than <it>\r\n  next: look") {
		t.Errorf("body %q, error %v", text, err)
	}
}

// TestManyReceivers has a list of receivers that is longer than a line may be (RFC 5322 section 2.1.1).
func TestManyReceivers(t *testing.T) {
	to := target{Notify: config.Notify{To: slices.Repeat([]string{"somebody-on-duty@operations.example.net"}, 60)}}
	text := to.mail("fw@example.net", sample())
	for line := range strings.SplitSeq(string(text), "\r\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes: %.40s…", len(line), line)
		}
	}
	m, err := mail.ReadMessage(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if list, err := m.Header.AddressList("To"); err != nil || len(list) != 60 {
		t.Errorf("%d receivers, %v", len(list), err)
	}
}

// TestBrokenMailServers: the error names the fault of a mail server and the next step. No password is
// sent to a server whose certificate is wrong.
func TestBrokenMailServers(t *testing.T) {
	for name, test := range map[string]struct {
		server     *mailServer
		change     func(*config.Notify)
		seen, hint string
	}{
		"no STARTTLS":    {&mailServer{plain: true}, func(*config.Notify) {}, "does not offer STARTTLS", "notify.tls"},
		"unknown issuer": {&mailServer{}, func(c *config.Notify) { c.CAFile = "" }, "an issuer that this host does not trust", "notify.ca-file"},
		"wrong password": {&mailServer{methods: "PLAIN", refuses: "AUTH"}, func(*config.Notify) {}, "does not accept the user name and the password", "notify.secret-file"},
		"sender":         {&mailServer{methods: "PLAIN", refuses: "MAIL"}, func(*config.Notify) {}, "refuses the sender fw@example.net (550 5.7.1 not? you)", "its log"},
		"all receivers":  {&mailServer{methods: "PLAIN", refuses: "RCPT"}, func(*config.Notify) {}, "refuses the receiver noc@example.net", "its log"},
		"message":        {&mailServer{methods: "PLAIN", refuses: "DATA"}, func(*config.Notify) {}, "refuses the message", "its log"},
		"hangs":          {&mailServer{hangs: true}, func(*config.Notify) {}, "no answer within", "firewall"},
		"no password":    {&mailServer{}, func(c *config.Notify) { c.SecretFile = "" }, "wants a password", "notify.secret-file"},
		"not TLS":        {&mailServer{plain: true}, func(c *config.Notify) { c.TLS = config.Implicit }, "does not speak TLS", "port"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startMail(t, "127.0.0.1", test.server)
			c := s.target()
			c.Username, c.SecretFile = "fw", secretFile(t)
			test.change(&c)
			within := time.Minute
			if test.server.hangs {
				within = 50 * time.Millisecond
			}
			wantError(t, Sender{Within: within}.Send(t.Context(), c, sample()), test.seen, test.hint)
			s.mu.Lock()
			defer s.mu.Unlock()
			if name == "unknown issuer" && slices.ContainsFunc(s.commands, func(c string) bool { return strings.HasPrefix(c, "AUTH") }) {
				t.Errorf("commands %q", s.commands)
			}
		})
	}
	wrong := startMail(t, "mail.example.net", &mailServer{})
	wantError(t, Sender{Within: time.Minute}.Send(t.Context(), wrong.target(), sample()), "is for another name than 127.0.0.1", "mail.example.net")
	c := wrong.target()
	c.Server = closedPort(t)
	wantError(t, Sender{Within: time.Minute}.Send(t.Context(), c, sample()), "nothing listens there", "see that the receiver works")
}

// TestOneWrongReceiver delivers a message although one of two addresses is refused, and says so.
func TestOneWrongReceiver(t *testing.T) {
	s := startMail(t, "127.0.0.1", &mailServer{refuses: "RCPT TO:<noc@example.net>"})
	err := Sender{Within: time.Minute}.Send(t.Context(), s.target(), sample())
	var partly *Partly
	if !errors.As(err, &partly) {
		t.Errorf("error %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.data == "" {
		t.Error("nobody has the message")
	}
}

// TestCancelled ends at once when the service does.
func TestCancelled(t *testing.T) {
	s := startMail(t, "127.0.0.1", &mailServer{hangs: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := (Sender{}).Send(ctx, s.target(), sample()); err == nil {
		t.Error("no error")
	}
}

// TestMessageIsComplete has the keys in the body that programs read.
func TestMessageIsComplete(t *testing.T) {
	text, err := json.Marshal(Test(config.Notify{Name: "chat"}, "nms", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"id", "event", "time", "host", "title", "text", "items", "more", "summary"} {
		if _, ok := got[key]; !ok {
			t.Errorf("no %q in %s", key, text)
		}
	}
}
