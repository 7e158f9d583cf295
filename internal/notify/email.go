package notify

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/smtp"
	"net/textproto"
	"os"
	"strings"

	"flashwarden/api"
	"flashwarden/internal/cause"
	"flashwarden/internal/config"
)

// sendMail sends a message through a mail server, RFC 5321.
func (t target) sendMail(ctx context.Context, n api.Notification) error {
	host, _, err := net.SplitHostPort(t.Server)
	if err != nil {
		return err
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", t.Server)
	if err != nil {
		return err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if t.TLS == config.Implicit {
		secured := tls.Client(conn, t.tls(host))
		if err := secured.HandshakeContext(ctx); err != nil {
			return err
		}
		conn = secured
	}
	c, err := smtp.NewClient(conn, host)
	if err != nil {
		return refusedBy("sends no greeting", err)
	}
	defer c.Close()
	if err := t.login(c, host); err != nil {
		return err
	}
	return t.deliver(c, n)
}

// login names this host, protects the connection and logs in.
func (t target) login(c *smtp.Client, host string) error {
	if err := c.Hello(hostName()); err != nil {
		return refusedBy("refuses the name of this host", err)
	}
	if t.TLS == config.StartTLS {
		if offered, _ := c.Extension("STARTTLS"); !offered {
			return cause.WithFix(errors.New("the mail server does not offer STARTTLS"),
				api.Say("use its port for TLS with ").Set("notify.tls", config.Implicit).Say(", or for a server on this host ").Set("notify.tls", config.NoTLS))
		}
		if err := c.StartTLS(t.tls(host)); err != nil {
			return refusedBy("refuses STARTTLS", err)
		}
	}
	if t.Username == "" {
		return nil
	}
	if t.secret == "" {
		return cause.WithFix(errors.New("the mail server wants a password, and the target has none"), api.Say("name a file with it: ").Set("notify.secret-file", ""))
	}
	_, methods := c.Extension("AUTH")
	auth := smtp.PlainAuth("", t.Username, t.secret, host)
	if !strings.Contains(" "+methods+" ", " PLAIN ") {
		auth = &loginAuth{t.Username, t.secret}
	}
	if err := c.Auth(auth); err != nil {
		return cause.WithFix(errors.New("the mail server does not accept the user name and the password ("+t.hidden(answer(err))+")"),
			api.Say("check ").Set("notify.username", "").Say(" and ").Set("notify.secret-file", ""))
	}
	return nil
}

// deliver hands the message over. One wrong address does not keep it from the others.
func (t target) deliver(c *smtp.Client, n api.Notification) error {
	from := cmp.Or(t.From, "flashwarden@"+hostName())
	if err := c.Mail(from); err != nil {
		return refusedBy("refuses the sender "+from, err)
	}
	var lost error
	accepted := 0
	for _, to := range t.To {
		err := c.Rcpt(to)
		if err == nil {
			accepted++
		} else if lost == nil {
			lost = refusedBy("refuses the receiver "+to, err)
		}
	}
	if accepted == 0 {
		return lost
	}
	w, err := c.Data()
	if err == nil {
		_, err = w.Write(t.mail(from, n))
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return refusedBy("refuses the message", err)
	}
	_ = c.Quit() // the server has the message
	if lost != nil {
		return &Partly{lost}
	}
	return nil
}

// mail is the message with its headers, RFC 5322. Auto-Submitted keeps programs from answering,
// RFC 3834. A line may have 998 bytes, so each receiver has one.
func (t target) mail(from string, n api.Notification) []byte {
	var b bytes.Buffer
	_, domain, _ := strings.Cut(from, "@")
	for _, h := range [][2]string{
		{"From", from}, {"To", strings.Join(t.To, ",\r\n ")}, {"Subject", mime.QEncoding.Encode("utf-8", "flashwarden: "+n.Title)},
		{"Date", n.Time.Format("Mon, 02 Jan 2006 15:04:05 -0700")}, {"Message-ID", "<" + n.ID + "@" + domain + ">"},
		{"Auto-Submitted", "auto-generated"}, {"MIME-Version", "1.0"},
		{"Content-Type", "text/plain; charset=utf-8"}, {"Content-Transfer-Encoding", "quoted-printable"}, {eventHeader, n.Event},
	} {
		fmt.Fprintf(&b, "%s: %s\r\n", h[0], h[1])
	}
	b.WriteString("\r\n")
	w := quotedprintable.NewWriter(&b) // a Buffer returns no error
	_, _ = w.Write([]byte(strings.ReplaceAll(n.Text, "\n", "\r\n")))
	_ = w.Close()
	return b.Bytes()
}

// loginAuth is the method LOGIN, which some servers offer in place of PLAIN: they ask for the
// user name and for the password.
type loginAuth struct{ username, password string }

func (a *loginAuth) Start(s *smtp.ServerInfo) (string, []byte, error) {
	if !s.TLS {
		return "", nil, errors.New("the connection is not encrypted")
	}
	return "LOGIN", nil, nil
}

func (a *loginAuth) Next(asked []byte, more bool) ([]byte, error) {
	switch question := strings.ToLower(string(asked)); {
	case !more:
		return nil, nil
	case strings.HasPrefix(question, "user"):
		return []byte(a.username), nil
	case strings.HasPrefix(question, "pass"):
		return []byte(a.password), nil
	}
	return nil, errors.New("the mail server asks for something else than a password")
}

// refusedBy says what a mail server refused, in its words. Errors of the connection stay.
func refusedBy(what string, err error) error {
	var said *textproto.Error
	if !errors.As(err, &said) {
		return err
	}
	return cause.WithFix(fmt.Errorf("the mail server %s (%s)", what, answer(err)), api.Say("look at its log for the reason"))
}

// answer is what a mail server said, in one line.
func answer(err error) string {
	text := err.Error()
	if said, ok := errors.AsType[*textproto.Error](err); ok {
		text = fmt.Sprintf("%d %s", said.Code, said.Msg)
	}
	return shortLine(oneLine(text), 200)
}

// hostName is the name of this host.
func hostName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}
