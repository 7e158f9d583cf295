package config

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"flashwarden/api"
	"flashwarden/internal/lazyregexp"
	"flashwarden/internal/schedule"
)

// notifySection is a list, so it has no environment variables.
const notifySection = "notify"

// The values of notify.type.
const (
	Webhook      = "webhook"
	Email        = "email"
	Alertmanager = "alertmanager"
)

// The values of notify.shape: what the receiver of a webhook wants.
const (
	ShapeJSON   = "json" // the whole api.Notification
	ShapeSlack  = "slack"
	ShapeTeams  = "teams"
	ShapeNtfy   = "ntfy"
	ShapeGotify = "gotify"
)

// The values of notify.tls: how a connection to a mail server is protected.
const (
	StartTLS = "starttls" // from the command STARTTLS on, RFC 3207
	Implicit = "implicit" // from its first byte on, RFC 8314
	NoTLS    = "none"
)

// Notify is one item of the list notify: who gets which messages.
type Notify struct {
	Name string // for commands and the log
	Type string // Webhook, Email or Alertmanager

	URL     string // of Webhook and Alertmanager
	URLFile string // has the URL in its first line, if it is a secret; empty: URL
	Shape   string // of Webhook

	To       []string // addresses of Email
	From     string   // address; empty: flashwarden@ and the name of this host
	Server   string   // HOST:PORT
	TLS      string   // StartTLS, Implicit or NoTLS
	Username string   // for Email and Alertmanager; empty: no login by name

	// The secret is the first line of SecretFile, or the environment variable SecretEnv, or
	// the systemd credential notify-NAME. It is the key of the signature, a token or a password.
	SecretFile, SecretEnv string

	CAFile  string          // certificates (PEM) of the issuers to trust; empty: those of this host
	On      []string        // events, as api.NotifyEvents lists them
	Quiet   schedule.Window // nothing is sent then; the zero Window: never quiet
	Summary schedule.Schedule
}

var notifyKeyNames = []string{"name", "type", "url", "url-file", "shape", "to", "from", "server", "tls", "username", "secret-file", "secret-env", "ca-file", "on", "quiet", "summary-at"}

// notifyKeys sets the keys of one target, except those that are lists.
var notifyKeys = map[string]func(n *Notify, v string) error{
	"name": func(n *Notify, v string) (err error) { n.Name, err = mirrorName(v); return },
	"type": func(n *Notify, v string) (err error) {
		n.Type, err = oneOf(v, Webhook, Email, Alertmanager)
		return
	},
	"url":      func(n *Notify, v string) (err error) { n.URL, err = webAddress(v); return },
	"url-file": func(n *Notify, v string) (err error) { n.URLFile, err = absolute(v); return },
	"shape": func(n *Notify, v string) (err error) {
		n.Shape, err = oneOf(v, ShapeJSON, ShapeSlack, ShapeTeams, ShapeNtfy, ShapeGotify)
		return
	},
	"from":        func(n *Notify, v string) (err error) { n.From, err = mailAddress(v); return },
	"server":      func(n *Notify, v string) (err error) { n.Server, err = hostAndPort(v); return },
	"tls":         func(n *Notify, v string) (err error) { n.TLS, err = oneOf(v, StartTLS, Implicit, NoTLS); return },
	"username":    func(n *Notify, v string) error { n.Username = v; return nil },
	"secret-file": func(n *Notify, v string) (err error) { n.SecretFile, err = absolute(v); return },
	"secret-env":  func(n *Notify, v string) (err error) { n.SecretEnv, err = variableName(v); return },
	"ca-file":     func(n *Notify, v string) (err error) { n.CAFile, err = absolute(v); return },
	"quiet":       func(n *Notify, v string) (err error) { n.Quiet, err = schedule.ParseWindow(v); return },
	"summary-at":  func(n *Notify, v string) (err error) { n.Summary, err = schedule.Parse("daily " + v); return },
}

// notifyLists sets the keys of one target that are lists.
var notifyLists = map[string]func(n *Notify, v string) error{
	"to": func(n *Notify, v string) error {
		a, err := mailAddress(v)
		n.To = append(n.To, a)
		return err
	},
	"on": func(n *Notify, v string) error {
		event, err := oneOf(v, api.NotifyEvents()...)
		n.On = append(n.On, event)
		return err
	},
}

// notify reads the list of targets.
func (s source) notify(c *Config, body ast.Node) error {
	return s.items(body, notifySection, func(item ast.Node) error {
		n := Notify{Summary: mustSchedule("daily 07:00")}
		err := s.each(item, notifySection, func(name string, key, value ast.Node) error { return s.notifyKey(&n, name, key, value) })
		if err != nil {
			return err
		}
		n.setDefaults()
		if problem := n.problem(c.Notify); problem != "" {
			return s.at(item.GetToken(), notifySection, problem)
		}
		c.Notify = append(c.Notify, n)
		return nil
	})
}

// notifyKey sets one key of a target.
func (s source) notifyKey(n *Notify, name string, key, value ast.Node) error {
	set, values := notifyKeys[name], []ast.Node{value}
	if list, ok := notifyLists[name]; ok {
		set = list
		if many, ok := value.(*ast.SequenceNode); ok {
			values = many.Values
		}
	}
	if set == nil {
		return s.at(key.GetToken(), notifySection+"."+name, "unknown key"+instead(notifyKeyNames))
	}
	for _, value := range values {
		text, err := scalar(value)
		if err == nil {
			err = set(n, text)
		}
		if err != nil {
			return s.at(value.GetToken(), notifySection+"."+name, err.Error())
		}
	}
	return nil
}

// setDefaults sets what follows from the other keys.
func (n *Notify) setDefaults() {
	if n.Name == "" {
		n.Name = n.Type
	}
	if n.Type == Webhook && n.Shape == "" {
		n.Shape = ShapeJSON
	}
	if n.Type == Email && n.TLS == "" {
		n.TLS = StartTLS
	}
	if len(n.On) == 0 {
		n.On = api.NotifyEvents()
		if n.Type == Alertmanager {
			n.On = slices.DeleteFunc(n.On, func(event string) bool { return event == api.NotifySummary })
		}
	}
}

// problem returns why the keys of a target contradict each other; empty: they do not.
func (n *Notify) problem(others []Notify) string {
	switch {
	case n.Type == "":
		return "the target has no type: add the key type: webhook, email or alertmanager"
	case slices.ContainsFunc(others, func(o Notify) bool { return o.Name == n.Name }):
		return fmt.Sprintf("two targets have the name %q: give each a name of its own", n.Name)
	case n.SecretFile != "" && n.SecretEnv != "":
		return "give either secret-file or secret-env"
	case n.Type == Email:
		return n.emailProblem()
	}
	return n.webProblem()
}

func (n *Notify) emailProblem() string {
	switch {
	case len(n.To) == 0:
		return "the target has no receiver: add the key to, with an address such as noc@example.net"
	case n.Server == "":
		return "the target has no mail server: add the key server, such as mail.example.net:587"
	case n.URL+n.URLFile+n.Shape != "":
		return "an email has no url and no shape"
	case n.Username != "" && n.TLS == NoTLS:
		return "a password is sent to a mail server with TLS alone: use tls: starttls or implicit"
	}
	return ""
}

func (n *Notify) webProblem() string {
	switch {
	case (n.URL == "") == (n.URLFile == ""):
		return "the target needs a place: either url, or url-file if the URL is a secret"
	case len(n.To) > 0 || n.From+n.Server+n.TLS != "":
		return "the keys to, from, server and tls are for an email"
	case n.Type == Webhook && n.Username != "":
		return "a webhook has no username"
	case n.Type == Webhook:
		return ""
	case n.Shape != "":
		return "shape is for a webhook"
	case n.Quiet != schedule.Window{}:
		return "Alertmanager has quiet hours of its own: its mute_time_intervals"
	case slices.Contains(n.On, api.NotifySummary):
		return "Alertmanager takes no " + api.NotifySummary
	}
	return ""
}

// Target returns the target of notifications with this name.
func (c Config) Target(name string) (Notify, bool) {
	i := slices.IndexFunc(c.Notify, func(n Notify) bool { return n.Name == name })
	if i < 0 {
		return Notify{}, false
	}
	return c.Notify[i], true
}

// webAddress reads the URL of a receiver.
func webAddress(v string) (string, error) {
	u, err := url.Parse(v)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return "", fmt.Errorf("want a URL that begins with https:// or http://")
	case u.User != nil:
		return "", fmt.Errorf("the URL has a user name or a password, which everybody who reads this file would see: use url-file or secret-file")
	}
	return v, nil
}

func mailAddress(v string) (string, error) {
	a, err := mail.ParseAddress(v)
	if err != nil || a.Name != "" || strings.ContainsFunc(a.Address, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", fmt.Errorf("%q is not an address such as noc@example.net", v)
	}
	return a.Address, nil
}

func hostAndPort(v string) (string, error) {
	host, port, err := net.SplitHostPort(v)
	if err != nil || host == "" || port == "" {
		return "", fmt.Errorf("%q is not HOST:PORT, such as mail.example.net:587", v)
	}
	return v, nil
}

var variableNames = lazyregexp.New(`^[A-Za-z_][A-Za-z0-9_]{0,127}$`)

func variableName(v string) (string, error) {
	if !variableNames.MatchString(v) {
		return "", fmt.Errorf("%q is not the name of an environment variable", v)
	}
	return v, nil
}
