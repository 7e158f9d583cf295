package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// Headers of a webhook.
const (
	signatureHeader = "X-Flashwarden-Signature" // sha256= and the HMAC of the body, in hexadecimal
	eventHeader     = "X-Flashwarden-Event"
)

// sendWebhook sends a message in the shape that the receiver wants.
func (t target) sendWebhook(ctx context.Context, n api.Notification) error {
	body, headers := shaped(t.Shape, n)
	headers.Set(eventHeader, n.Event)
	switch {
	case t.secret == "":
	case t.Shape == config.ShapeNtfy:
		headers.Set("Authorization", "Bearer "+t.secret)
	case t.Shape == config.ShapeGotify:
		headers.Set("X-Gotify-Key", t.secret)
	default:
		mac := hmac.New(sha256.New, []byte(t.secret))
		mac.Write(body)
		headers.Set(signatureHeader, "sha256="+hex.EncodeToString(mac.Sum(nil)))
	}
	return t.post(ctx, t.url, body, headers)
}

// post sends a body. Any answer of 2xx is success. It does not follow a redirect: the receiver
// would get an empty GET.
func (t target) post(ctx context.Context, place string, body []byte, headers http.Header) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, place, bytes.NewReader(body))
	if err != nil {
		return err
	}
	headers.Set("User-Agent", "flashwarden")
	req.Header = headers
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: t.tls(""), ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1000))
	if resp.StatusCode/100 == 2 {
		return nil // it has the message, even if the rest of its answer is lost
	}
	return refused(resp, t.hidden(string(said)), err)
}

// hidden removes the secrets of a target from an answer, which may quote them.
func (t target) hidden(text string) string {
	for _, secret := range t.secrets() {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

// shortestSecret is how long a part of a URL is at least that may be a secret, in bytes.
const shortestSecret = 8

// secrets are the texts that no error may quote. The secret in a URL is a part of it, and receivers that
// do not know a path quote the path alone.
func (t target) secrets() []string {
	all := []string{t.secret, t.url}
	u, err := url.Parse(t.url)
	if err != nil {
		return all
	}
	parts := strings.Split(u.EscapedPath()+"/"+u.Path, "/")
	for name, values := range u.Query() {
		parts = append(append(parts, name), values...)
	}
	parts = append(parts, strings.FieldsFunc(u.RawQuery, func(r rune) bool { return r == '&' || r == '=' })...)
	if word, ok := u.User.Password(); ok {
		all = append(all, word)
	}
	for _, part := range parts {
		if len(part) >= shortestSecret {
			all = append(all, part)
		}
	}
	slices.SortFunc(all, func(a, b string) int { return len(b) - len(a) })
	return all
}

// Later is the error of a message that the receiver wants later.
type Later struct {
	Err  error
	Wait time.Duration // how much later
}

// Error returns the text of the error underneath.
func (e *Later) Error() string { return e.Err.Error() }

// Unwrap returns the error underneath.
func (e *Later) Unwrap() error { return e.Err }

// retryAfter returns how long a receiver wants us to wait (RFC 9110 section 10.2.3); 0: it
// does not say.
func retryAfter(resp *http.Response, now time.Time) time.Duration {
	text := resp.Header.Get("Retry-After")
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// refused says how a receiver refused a message, and when it wants it.
func refused(resp *http.Response, said string, err error) error {
	err = refusal(resp, said, err)
	if wait := retryAfter(resp, time.Now()); wait > 0 {
		return &Later{err, wait}
	}
	return err
}

// refusal says how a receiver refused a message.
func refusal(resp *http.Response, said string, err error) error {
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	if line := oneLine(said); line != "" && err == nil && !strings.HasPrefix(line, "<") {
		status += ": " + shortLine(line, 200)
	}
	switch code := resp.StatusCode; {
	case code/100 == 3:
		to := "another place"
		if u, err := url.Parse(resp.Header.Get("Location")); err == nil && u.Host != "" {
			to = u.Scheme + "://" + u.Host
		}
		return cause.WithFix(fmt.Errorf("the receiver redirects to %s (%s)", to, status), api.Say("write that place into the configuration: ").Set("notify.url", ""))
	case code == http.StatusTooManyRequests:
		return cause.WithFix(fmt.Errorf("the receiver gets too many messages (%s)", status), api.Say("the message is sent again later; if this lasts, choose fewer events: ").Set("notify.on", ""))
	case code == http.StatusUnauthorized || code == http.StatusForbidden:
		return cause.WithFix(fmt.Errorf("the receiver does not accept the secret (%s)", status), api.Say("check ").Set("notify.secret-file", ""))
	case code/100 == 4:
		return cause.WithFix(fmt.Errorf("the receiver refuses the message (%s)", status), api.Say("check the URL and the shape of the target: ").Set("notify.url", "").Say(", ").Set("notify.shape", ""))
	}
	return cause.WithFix(fmt.Errorf("the receiver failed (%s)", status), api.Say("look at the log of the receiver"))
}

// shortLine cuts a text after so many bytes, at a character.
func shortLine(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// The longest texts that the receivers take, in bytes, with some room.
const (
	mostSlack = 30_000
	mostTeams = 20_000
	mostNtfy  = 3_900
)

// shaped returns the body of a message and its headers.
func shaped(shape string, n api.Notification) (body []byte, headers http.Header) {
	headers = http.Header{"Content-Type": {"application/json"}}
	var document any = n
	switch shape {
	case config.ShapeSlack:
		escape := strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace
		document = map[string]string{"text": shortLine(unlinked("*"+escape(n.Title)+"*\n"+escape(n.Text)), mostSlack)}
	case config.ShapeTeams:
		document = teamsCard(n)
	case config.ShapeGotify:
		document = map[string]any{"title": n.Title, "message": n.Text, "priority": gotifyPriority(n.Event)}
	case config.ShapeNtfy:
		headers = http.Header{"Content-Type": {"text/plain; charset=utf-8"}, "Title": {mime.QEncoding.Encode("utf-8", n.Title)}}
		if urgent(n.Event) {
			headers.Set("Priority", "high")
		}
		return []byte(shortLine(n.Text, mostNtfy)), headers
	}
	body, err := json.Marshal(document)
	if err != nil {
		panic(err) // it has only texts and numbers
	}
	return body, headers
}

// unlinked breaks the links of Markdown, [TEXT](URL), which Teams and Mattermost show: the words of a device must not
// lead people to another place than they seem to.
func unlinked(text string) string { return strings.ReplaceAll(text, "](", "] (") }

// teamsCard is what a workflow of Teams takes: a message with an adaptive card.
func teamsCard(n api.Notification) any {
	type block map[string]any
	return block{"type": "message", "attachments": []block{{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": block{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": []block{
			{"type": "TextBlock", "text": unlinked(n.Title), "weight": "Bolder", "size": "Medium", "wrap": true},
			{"type": "TextBlock", "text": strings.ReplaceAll(shortLine(unlinked(n.Text), mostTeams), "\n", "\n\n"), "wrap": true},
		}},
	}}}
}

// urgent reports whether somebody has to do something.
func urgent(event string) bool {
	switch event {
	case api.NotifyRecovered, api.NotifySummary, api.NotifyTesting:
		return false
	}
	return true
}

func gotifyPriority(event string) int {
	if urgent(event) {
		return 8
	}
	return 4
}
