package config

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"flashwarden/api"
	"flashwarden/internal/schedule"
)

func TestNotify(t *testing.T) {
	c, _, err := loadText(t, `notify:
  - {type: webhook, url: "https://hooks.example.net/x", secret-file: /etc/hook}
  - name: chat
    type: webhook
    url-file: /etc/slack
    shape: slack
    on: [failed, daily-summary]
    quiet: "22:00-06:00"
    summary-at: "08:30"
  - type: email
    to: [noc@example.net, night@example.net]
    from: fw@example.net
    server: mail.example.net:587
    username: fw
    secret-env: MAIL_PASSWORD
    on: failed
  - {type: alertmanager, url: "http://127.0.0.1:9093"}
`)
	if err != nil {
		t.Fatal(err)
	}
	quiet, err := schedule.ParseWindow("22:00-06:00")
	if err != nil {
		t.Fatal(err)
	}
	seven, all := every("daily 07:00"), api.NotifyEvents()
	want := []Notify{
		{Name: "webhook", Type: Webhook, URL: "https://hooks.example.net/x", Shape: ShapeJSON, SecretFile: "/etc/hook", On: all, Summary: seven},
		{Name: "chat", Type: Webhook, URLFile: "/etc/slack", Shape: ShapeSlack, On: []string{"failed", "daily-summary"}, Quiet: quiet, Summary: every("daily 08:30")},
		{Name: "email", Type: Email, To: []string{"noc@example.net", "night@example.net"}, From: "fw@example.net", Server: "mail.example.net:587", TLS: StartTLS,
			Username: "fw", SecretEnv: "MAIL_PASSWORD", On: []string{"failed"}, Summary: seven},
		{Name: "alertmanager", Type: Alertmanager, URL: "http://127.0.0.1:9093", On: all[:len(all)-1], Summary: seven},
	}
	if diff := cmp.Diff(want, c.Notify, addresses, cmp.AllowUnexported(schedule.Window{})); diff != "" {
		t.Errorf("want(-) got(+):\n%s", diff)
	}
	if n, ok := c.Target("chat"); !ok || n.Shape != ShapeSlack {
		t.Errorf("%+v, %v", n, ok)
	}
	if n, ok := c.Target("Chat"); ok {
		t.Errorf("%+v", n)
	}
}

func TestBadNotify(t *testing.T) {
	for name, test := range map[string]struct {
		text, want string
		line, col  int
	}{
		"unknown key":        {"notify:\n  - {type: email, password: x}\n", "unknown key; valid names: name, type", 2, 19},
		"no type":            {"notify:\n  - url: http://x\n", "has no type", 2, 8},
		"type":               {"notify:\n  - type: pager\n", "is not one of webhook", 2, 11},
		"no url":             {"notify:\n  - type: webhook\n", "either url, or url-file", 2, 9},
		"two urls":           {"notify:\n  - {type: webhook, url: http://x, url-file: /x}\n", "either url, or url-file", 2, 5},
		"no web address":     {"notify:\n  - {type: webhook, url: mailto:x}\n", "begins with https:// or http://", 2, 26},
		"password in url":    {"notify:\n  - {type: webhook, url: 'http://u:hidden@x'}\n", "use url-file or secret-file", 2, 26},
		"event":              {"notify:\n  - {type: webhook, url: http://x, on: [failed, fire]}\n", "is not one of failed, recovered", 2, 49},
		"shape of email":     {"notify:\n  - {type: email, to: a@b, server: x:25, shape: slack}\n", "no url and no shape", 2, 5},
		"no receiver":        {"notify:\n  - {type: email, server: x:25}\n", "has no receiver", 2, 5},
		"no server":          {"notify:\n  - {type: email, to: a@b}\n", "has no mail server", 2, 5},
		"server":             {"notify:\n  - {type: email, to: a@b, server: mail}\n", "is not HOST:PORT", 2, 36},
		"address":            {"notify:\n  - {type: email, to: \"a@b\\nBcc: c@d\", server: x:25}\n", "is not an address", 2, 23},
		"password in clear":  {"notify:\n  - {type: email, to: a@b, server: x:25, tls: none, username: u}\n", "with TLS alone", 2, 5},
		"two secrets":        {"notify:\n  - {type: webhook, url: http://x, secret-file: /a, secret-env: B}\n", "either secret-file or secret-env", 2, 5},
		"mail keys":          {"notify:\n  - {type: webhook, url: http://x, to: a@b}\n", "are for an email", 2, 5},
		"quiet alertmanager": {"notify:\n  - {type: alertmanager, url: http://x, quiet: '22:00-06:00'}\n", "quiet hours of its own", 2, 5},
		"summary to alerts":  {"notify:\n  - {type: alertmanager, url: http://x, on: [daily-summary]}\n", "takes no daily-summary", 2, 5},
		"name twice":         {"notify:\n  - {type: webhook, url: http://x}\n  - {type: webhook, url: http://y}\n", "two targets have the name \"webhook\"", 3, 5},
		"time of day":        {"notify:\n  - {type: webhook, url: http://x, summary-at: 25:00}\n", "schedule", 2, 48},
		"quiet":              {"notify:\n  - {type: webhook, url: http://x, quiet: night}\n", "want HH:MM-HH:MM", 2, 43},
	} {
		_, _, err := loadText(t, test.text)
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), test.want) || e.Line != test.line || e.Column != test.col || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: got %v, want %q at %d:%d", name, err, test.want, test.line, test.col)
		}
	}
}
