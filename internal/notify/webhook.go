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
	"strings"

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
	for _, secret := range []string{t.secret, t.url} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "…")
		}
	}
	return text
}

// refused says how a receiver refused a message.
func refused(resp *http.Response, said string, err error) error {
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
		return cause.WithFix(fmt.Errorf("the receiver sends us on to %s (%s)", to, status), api.Say("write that place into the configuration: ").Set("notify.url", ""))
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
		document = map[string]string{"text": shortLine("*"+escape(n.Title)+"*\n"+escape(n.Text), mostSlack)}
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

// teamsCard is what a workflow of Teams takes: a message with an adaptive card.
func teamsCard(n api.Notification) any {
	type block map[string]any
	return block{"type": "message", "attachments": []block{{
		"contentType": "application/vnd.microsoft.card.adaptive",
		"content": block{"$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4", "body": []block{
			{"type": "TextBlock", "text": n.Title, "weight": "Bolder", "size": "Medium", "wrap": true},
			{"type": "TextBlock", "text": strings.ReplaceAll(shortLine(n.Text, mostTeams), "\n", "\n\n"), "wrap": true},
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
